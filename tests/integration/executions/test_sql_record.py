"""record_v1: a step under the fence, numbers without gaps, tokens and cost settled once."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest

from tests.integration.executions import engine_sql as sql
from tests.integration.tenancy.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def db() -> Iterator[sql.Connection]:
    with sql.system() as connection:
        yield connection


@pytest.fixture
def worker() -> Iterator[sql.Connection]:
    with sql.login() as connection:
        yield connection


@pytest.fixture
def held(db, worker, alice) -> sql.Row:
    """A run of acme in this worker's hands."""
    sql.queue(db, alice)
    return sql.claim(worker)


def test_a_step_is_stored_as_given(db, worker, held):
    at = sql.record(
        worker, held, "r1/Writer/llm0", role="Writer", round=1, turn=2, request={"a": 1}, request_hash="h",
        display={"text": "shown"}, tokens_in=3, tokens_out=4, cost="0.5", cost_known=True, ms=7,
    )  # fmt: skip
    (step,) = sql.step_rows(db, held.execution_id)
    assert (at.seq, at.event_seq, at.cancel_requested) == (1, 2, False)
    assert (step.seq, step.event_seq, step.key, step.kind, step.state) == (1, 2, "r1/Writer/llm0", "llm", "done")
    assert (step.role, step.round, step.turn, step.request, step.request_hash) == ("Writer", 1, 2, {"a": 1}, "h")
    assert (step.result, step.display) == ({"text": "r1/Writer/llm0"}, {"text": "shown"})
    assert (step.tokens_in, step.tokens_out, step.cost, step.ms, step.fence) == (3, 4, Decimal("0.5"), 7, 1)
    assert step.tenant_id == held.tenant_id


def test_seq_has_no_gaps_and_event_seq_rises(db, worker, held):
    at = [sql.record(worker, held, f"k{n}") for n in range(5)]
    assert [row.seq for row in at] == [1, 2, 3, 4, 5]
    assert [row.event_seq for row in at] == [2, 3, 4, 5, 6]


def test_a_changed_step_keeps_its_place_and_is_news(db, worker, held):
    sql.record(worker, held, "a", state="started", result=None)
    sql.record(worker, held, "b")
    again = sql.record(worker, held, "a", state="done")
    assert (again.seq, again.event_seq) == (1, 4)
    steps = sql.step_rows(db, held.execution_id)
    assert [(step.key, step.seq, step.event_seq, step.state) for step in steps] == [
        ("a", 1, 4, "done"),
        ("b", 2, 3, "done"),
    ]
    assert sql.run_row(db, held.execution_id).step_seq == 2


def test_a_failed_step_is_replaced_by_its_next_try(db, worker, held):
    sql.record(worker, held, "a", state="failed", result=None, error={"code": "rate_limited"})
    sql.record(worker, held, "a")
    (step,) = sql.step_rows(db, held.execution_id)
    assert step.state == "done"
    assert step.error is None


def test_tokens_cost_and_time_are_added_up(db, worker, held):
    sql.record(worker, held, "a", tokens_in=1, tokens_out=2, cost="0.10", cost_known=True, ms=5)
    sql.record(worker, held, "b", tokens_in=10, tokens_out=20, cost="0.02", cost_known=True, ms=50)
    sql.record(worker, held, "c", kind="note")
    row = sql.run_row(db, held.execution_id)
    assert (row.tokens_in, row.tokens_out, row.cost, row.ms) == (11, 22, Decimal("0.12"), 55)


def test_one_unknown_price_makes_the_total_unknown_for_good(db, worker, held):
    sql.record(worker, held, "a", cost="0.10", cost_known=True)
    sql.record(worker, held, "b", cost=None, cost_known=False)
    sql.record(worker, held, "c", cost="0.10", cost_known=True)
    assert sql.run_row(db, held.execution_id).cost is None
    assert [step.cost for step in sql.step_rows(db, held.execution_id)] == [Decimal("0.1"), None, Decimal("0.1")]


def test_the_same_write_again_settles_nothing_twice(db, worker, held):
    """Its first answer was lost with a broken connection."""
    first = sql.record(worker, held, "a", tokens_in=7, cost="0.1", cost_known=True)
    again = sql.record(worker, held, "a", tokens_in=7, cost="0.1", cost_known=True)
    assert again == first
    row = sql.run_row(db, held.execution_id)
    assert (row.tokens_in, row.cost, row.event_seq) == (7, Decimal("0.1"), first.event_seq)


def test_the_owner_hears_of_a_cancel(db, worker, held):
    db.execute("UPDATE executions_execution SET cancel_requested = true")
    assert sql.record(worker, held, "a").cancel_requested is True


@pytest.mark.parametrize("fence", [0, 2])
def test_another_fence_writes_nothing(db, worker, held, fence):
    assert sql.record(worker, held, "a", fence=fence) is None
    assert sql.step_rows(db, held.execution_id) == []
    assert sql.run_row(db, held.execution_id).event_seq == 1


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "queued", "waiting", "retry_wait"])
def test_a_run_that_is_no_longer_running_takes_no_step(db, worker, held, status):
    sql.finish(worker, held, status)
    assert sql.record(worker, held, "a") is None
    assert sql.step_rows(db, held.execution_id) == []


def test_an_old_owner_is_refused_after_a_new_claim(db, worker, held):
    sql.expire(db, held.execution_id)
    sql.reap(worker)
    again = sql.claim(worker, "w2")
    assert again.execution_id == held.execution_id
    assert sql.record(worker, held, "a") is None
    assert sql.record(worker, again, "a").seq == 1


def test_an_old_owner_is_refused_also_while_the_new_claim_is_not_committed(db, worker, held):
    """The race that INSERT ... SELECT ... WHERE fence = mine loses: it would not wait for the row."""
    sql.expire(db, held.execution_id)
    sql.reap(worker)
    answer: list[object] = []
    with sql.login() as rival:
        rival.execute("BEGIN")
        assert sql.claim(rival, "w2").fence == 2
        late = threading.Thread(target=lambda: answer.append(sql.record(worker, held, "a")))
        late.start()
        late.join(0.3)
        rival.execute("COMMIT")
        late.join(10)
    assert answer == [None]
    assert sql.step_rows(db, held.execution_id) == []


def test_an_owner_whose_record_is_not_committed_is_not_overtaken(db, worker, held):
    """The other order: the lease ends while the owner's write is open. The reaper leaves the row alone."""
    sql.expire(db, held.execution_id)
    with sql.login() as owner:
        owner.execute("BEGIN")
        assert sql.record(owner, held, "a").seq == 1
        assert sql.reap(worker).expired == 0
        owner.execute("COMMIT")
    assert sql.reap(worker).expired == 1
    assert sql.claim(worker, "w2").journal.keys() == {"a"}


def test_parallel_branches_get_gapless_places(db, held):
    def work(number: int) -> int:
        with sql.login() as mine:
            return sql.record(mine, held, f"branch{number}").seq

    assert sorted(together(8, work)) == list(range(1, 9))
    steps = sql.step_rows(db, held.execution_id)
    assert [step.seq for step in steps] == list(range(1, 9))
    assert len({step.event_seq for step in steps}) == 8


def test_the_same_key_at_once_leaves_one_step_and_no_gap(db, held):
    """Which must not happen, and still must not tear the numbers."""

    def work(_number: int) -> int | None:
        with sql.login() as mine:
            try:
                return sql.record(mine, held, "same", state="started").seq
            except psycopg.errors.UniqueViolation:
                return None

    assert set(together(6, work)) <= {1, None}
    with sql.login() as mine:
        assert sql.record(mine, held, "next").seq == 2


def test_another_tenants_run_is_out_of_reach(db, worker, held, charlie):
    """`record` stays under row level security: a wrong tenant finds no run, whatever fence it names."""
    theirs = held._replace(tenant_id=charlie.tenant.id)
    assert sql.record(worker, theirs, "a") is None
    assert sql.step_rows(db, held.execution_id) == []


def test_no_scope_is_left_behind(worker, held):
    sql.record(worker, held, "a")
    row = worker.execute("SELECT coalesce(current_setting('app.tenant_id', true), '') AS scope").fetchone()
    assert row.scope == ""
    assert worker.execute("SELECT count(*) AS n FROM executions_step").fetchone().n == 0


def test_what_is_null_is_stored_as_null(db, worker, held):
    """JSON null is not SQL NULL: `error IS NULL` is how steps without an error are found."""
    for _write in range(2):
        sql.record(worker, held, "a", state="failed", result=None, display=None, error=None, request=None)
    (step,) = sql.step_rows(db, held.execution_id)
    query = "SELECT num_nulls(request, result, display, error) AS n FROM executions_step WHERE id = %s"
    assert db.execute(query, [step.id]).fetchone().n == 4
