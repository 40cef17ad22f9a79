"""finish_v4: ends, releases or parks a run under the fence, and gives the slot back exactly once."""

from collections.abc import Iterator

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


def test_an_end_is_stored(db, worker, held, alice):
    news = sql.finish(worker, held, result={"final_answer": "x"}, display={"final_answer": "shown"})
    row = sql.run_row(db, held.execution_id)
    assert (row.status, row.owner, row.lease_until) == ("succeeded", "", None)
    assert (row.result, row.display, row.error) == ({"final_answer": "x"}, {"final_answer": "shown"}, None)
    assert row.finished_at is not None
    assert news == row.event_seq == row.status_seq == 2
    assert sql.running(db, alice) == 0


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_an_end_has_a_time(db, worker, held, status):
    sql.finish(worker, held, status)
    assert sql.run_row(db, held.execution_id).finished_at is not None


@pytest.mark.parametrize("status", ["queued", "retry_wait", "waiting"])
def test_what_goes_on_later_has_no_end(db, worker, held, status, alice):
    sql.finish(worker, held, status, retry_seconds=5)
    row = sql.run_row(db, held.execution_id)
    assert row.finished_at is None
    assert row.not_before is not None
    assert sql.running(db, alice) == 0


def test_a_retry_waits_as_long_as_asked(db, worker, held):
    sql.finish(worker, held, "retry_wait", retry_seconds=30, tries=2, error={"code": "rate_limited"})
    row = sql.run_row(db, held.execution_id)
    left = db.execute("SELECT extract(epoch FROM %s - clock_timestamp()) AS s", [row.not_before]).fetchone().s
    assert 25 < left <= 30
    assert (row.tries, row.error) == (2, {"code": "rate_limited"})


def test_a_released_run_keeps_its_journal_for_the_next(db, worker, held):
    sql.record(worker, held, "a")
    sql.finish(worker, held, "queued")
    again = sql.claim(worker, "w2")
    assert (again.execution_id, again.fence) == (held.execution_id, 2)
    assert again.journal.keys() == {"a"}


def test_finishing_again_changes_nothing_and_gives_no_slot_back(db, worker, held, alice):
    other = sql.queue(db, alice)
    sql.claim(worker)
    sql.finish(worker, held)
    assert sql.finish(worker, held, "failed") is None
    assert sql.run_row(db, held.execution_id).status == "succeeded"
    assert sql.running(db, alice) == 1
    assert sql.run_row(db, other[0]).status == "running"


def test_finishing_at_once_gives_one_slot_back(db, worker, held, alice):
    sql.queue(db, alice)
    sql.claim(worker)

    def work(_number: int) -> int | None:
        with sql.login() as mine:
            return sql.finish(mine, held)

    assert sorted(together(6, work), key=str) == [2, None, None, None, None, None]
    assert sql.running(db, alice) == 1


def test_an_old_owner_is_refused(db, worker, held, alice):
    sql.expire(db, held.execution_id)
    sql.reap(worker)
    sql.claim(worker, "w2")
    assert sql.finish(worker, held) is None
    assert sql.run_row(db, held.execution_id).status == "running"
    assert sql.running(db, alice) == 1


def test_a_run_whose_lease_was_reaped_gives_no_second_slot_back(db, worker, held, alice):
    sql.queue(db, alice)
    sql.claim(worker)
    sql.expire(db, held.execution_id)
    sql.reap(worker)
    assert sql.running(db, alice) == 1
    assert sql.finish(worker, held) is None
    assert sql.running(db, alice) == 1


def test_another_tenants_run_is_out_of_reach(db, worker, held, charlie):
    sql.set_limit(db, charlie, 5)
    assert sql.finish(worker, held._replace(tenant_id=charlie.tenant.id)) is None
    assert sql.run_row(db, held.execution_id).status == "running"


def test_the_slots_of_other_tenants_stay(db, worker, held, charlie):
    sql.queue(db, charlie)
    sql.claim(worker)
    sql.finish(worker, held)
    assert sql.running(db, charlie) == 1


def test_no_scope_is_left_behind(worker, held):
    sql.finish(worker, held)
    row = worker.execute("SELECT coalesce(current_setting('app.tenant_id', true), '') AS scope").fetchone()
    assert row.scope == ""


def test_an_error_that_is_null_is_no_error(db, worker, held):
    """JSON null is not SQL NULL: `error IS NULL` is how runs without an error are found."""
    sql.finish(worker, held, error=None, result=None)
    counted = "SELECT count(*) AS n FROM executions_execution WHERE error IS NULL AND result IS NULL"
    assert db.execute(counted).fetchone().n == 1


def test_many_runs_end_at_once_without_losing_count(db, alice):
    sql.queue(db, alice, 24)

    def work(number: int) -> None:
        with sql.login() as mine:
            for _round in range(3):
                held = sql.claim(mine, f"w{number}")
                assert held is not None
                sql.record(mine, held, "a")
                assert sql.finish(mine, held) is not None

    together(8, work)
    assert sql.running(db, alice) == 0
    ended = db.execute("SELECT count(*) AS n FROM executions_execution WHERE status = 'succeeded'").fetchone()
    assert ended.n == 24


@pytest.mark.parametrize("status", ["queued", "retry_wait", "waiting", "budget_exceeded"])
def test_a_run_whose_cancel_came_during_its_last_call_does_not_park(db, worker, alice, status):
    """Else it would wait for a person, or for its next try, as if nobody had asked for it to stop."""
    sql.queue(db, alice)
    held = sql.claim(worker)
    db.execute("UPDATE executions_execution SET cancel_requested = true WHERE id = %s", [held.execution_id])
    assert sql.finish(worker, held, status, retry_seconds=60) == 2
    row = sql.run_row(db, held.execution_id)
    assert (row.status, row.not_before, row.owner) == ("cancelled", None, "")
    assert row.finished_at is not None
    assert sql.running(db, alice) == 0


def test_a_run_that_ends_during_its_cancel_has_ended(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker)
    db.execute("UPDATE executions_execution SET cancel_requested = true WHERE id = %s", [held.execution_id])
    sql.finish(worker, held)
    assert sql.run_row(db, held.execution_id).status == "succeeded"
