"""claim_v3: fair between tenants, never over a limit, and no permit is lost while something is claimable."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests import factories
from tests.factories import Person
from tests.integration.executions import engine_sql as sql
from tests.integration.tenancy.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def db() -> Iterator[sql.Connection]:
    with sql.system() as connection:
        yield connection


def _claim_alone(_number: int) -> Any:
    """One permit: a fresh connection claims once, as a worker's thread does."""
    with sql.login() as connection:
        return sql.claim(connection)


def _people(count: int) -> list[Person]:
    return [
        factories.person(f"user-{n}", factories.TenantFactory.create(slug=f"tenant-{n}"), "admin") for n in range(count)
    ]


def test_nothing_queued_gives_nothing(db):
    assert sql.claim(db) is None


def test_a_claim_says_what_is_needed_to_run(db, alice):
    (run,) = sql.queue(db, alice)
    held = _claim_alone(0)
    assert (held.execution_id, held.tenant_id, held.fence, held.attempt) == (run, alice.tenant.id, 1, 1)
    assert held.resolved_spec == {"goal": "g"}
    assert held.journal == {}
    row = sql.run_row(db, run)
    assert (row.status, row.owner, row.fence, row.event_seq, row.status_seq) == ("running", "w1", 1, 1, 1)
    assert row.started_at is not None


def test_of_model_calls_the_journal_holds_the_answered_ones(db, alice):
    sql.queue(db, alice)
    held = sql.claim(db)
    sql.record(db, held, "r1/Writer/llm0", request_hash="h", tokens_in=3, tokens_out=4, ms=5)
    sql.record(db, held, "r1/Critic/llm0", state="failed", error={"code": "x"}, result=None)
    sql.finish(db, held, "queued")
    assert sql.claim(db).journal == {
        "r1/Writer/llm0": {
            "kind": "llm", "state": "done", "hash": "h", "result": {"text": "r1/Writer/llm0"}, "tokens_in": 3,
            "tokens_out": 4, "ms": 5, "effects": "", "generation": 0,
        }
    }  # fmt: skip


def test_the_journal_holds_tool_steps_in_every_state(db, alice):
    """One that was begun and never ended may have changed the world."""
    sql.queue(db, alice)
    held = sql.claim(db)
    for state in ("started", "done", "failed", "unknown"):
        sql.record(db, held, f"r1/Writer/llm0/tool0:{state}", kind="tool", state=state, effects="external")
    sql.finish(db, held, "queued")
    found = {key.partition(":")[2]: step for key, step in sql.claim(db).journal.items()}
    assert {step["state"] for step in found.values()} == set(found) == {"started", "done", "failed", "unknown"}
    assert found["unknown"]["effects"] == "external"


def test_the_fence_rises_with_each_claim(db, alice):
    sql.queue(db, alice)
    fences = []
    for _round in range(3):
        held = sql.claim(db)
        fences.append(held.fence)
        sql.finish(db, held, "queued")
    assert fences == [1, 2, 3]


def test_higher_priority_first_then_age(db, alice):
    old, young = sql.queue(db, alice, 2)
    (urgent,) = sql.queue(db, alice, priority=100)
    assert [sql.claim(db).execution_id for _ in range(3)] == [urgent, old, young]


def test_what_is_not_queued_is_not_claimed(db, alice):
    for status in ("waiting", "retry_wait", "succeeded", "failed", "cancelled", "quarantined", "budget_exceeded"):
        sql.queue(db, alice, status=status)
    assert sql.claim(db) is None


def test_an_inactive_tenants_runs_wait(db, alice, charlie):
    sql.queue(db, alice)
    (theirs,) = sql.queue(db, charlie)
    db.execute("UPDATE teams_tenant SET is_active = false WHERE id = %s", [alice.tenant.id])
    assert sql.claim(db).execution_id == theirs
    assert sql.claim(db) is None
    db.execute("UPDATE teams_tenant SET is_active = true WHERE id = %s", [alice.tenant.id])
    assert sql.claim(db).tenant_id == alice.tenant.id


def test_busy_tenants_take_turns(db, alice, charlie):
    """Ten thousand runs of one tenant do not delay the first of another."""
    sql.queue(db, alice, 6)
    sql.queue(db, charlie, 3)
    order = [sql.claim(db).tenant_id for _ in range(9)]
    assert Counter(order[:6]) == {alice.tenant.id: 3, charlie.tenant.id: 3}
    assert order[6:] == [alice.tenant.id] * 3


def test_a_tenant_that_comes_back_does_not_catch_up_on_its_idle_time(db, alice, charlie):
    sql.queue(db, alice, 20)
    for _ in range(10):
        sql.claim(db)
    sql.queue(db, charlie, 10)
    order = [sql.claim(db).tenant_id for _ in range(8)]
    assert Counter(order) == {alice.tenant.id: 4, charlie.tenant.id: 4}


def test_a_full_tenant_leaves_the_turn_to_the_next(db, alice, charlie):
    sql.queue(db, alice, 5, limit=2)
    sql.queue(db, charlie, 2)
    order = Counter(sql.claim(db).tenant_id for _ in range(4))
    assert order == {alice.tenant.id: 2, charlie.tenant.id: 2}
    assert sql.claim(db) is None


def test_a_tenant_without_slots_runs_nothing(db, alice):
    sql.queue(db, alice, limit=0)
    assert sql.claim(db) is None


def test_sixteen_threads_never_overshoot_a_limit(db, alice):
    sql.queue(db, alice, 40, limit=5)
    held = [row for row in together(16, _claim_alone) if row]
    assert len(held) == 5
    assert len({row.execution_id for row in held}) == 5
    assert sql.running(db, alice) == 5


def test_the_limit_holds_while_slots_come_and_go(db, alice):
    """Each thread claims and finishes in a loop; a trigger-free count of running rows is taken beside them."""
    sql.queue(db, alice, 60, limit=3)

    def work(number: int) -> int:
        most = 0
        with sql.login() as mine, sql.system() as watching:
            for _round in range(60):
                held = sql.claim(mine, f"w{number}")
                if held is None:
                    continue
                query = "SELECT count(*) AS n FROM executions_execution WHERE status = 'running'"
                most = max(most, watching.execute(query).fetchone().n)
                sql.finish(mine, held)
        return most

    assert max(together(6, work)) <= 3
    assert sql.running(db, alice) == 0


def test_no_permit_is_lost_on_one_busy_tenant(db, alice):
    """All threads want the same slots row; the second pass waits for it where the first one skips."""
    runs = sql.queue(db, alice, 16)
    held = together(16, _claim_alone)
    assert {row.execution_id for row in held if row} == set(runs)


@pytest.mark.parametrize("round_", range(3))
def test_no_permit_is_lost_on_many_tenants_with_one_run_each(db, round_):
    """A thread that finds a tenant's last run gone goes on to the next tenant instead of giving up."""
    people = _people(16)
    for who in people:
        sql.queue(db, who)
    held = together(16, _claim_alone)
    assert [row is None for row in held].count(True) == 0
    assert len({row.execution_id for row in held}) == 16


def test_no_permit_is_lost_when_the_fairest_tenants_run_is_being_cancelled(db, alice, charlie):
    """Its run is locked by somebody else's transaction, so another tenant's is taken."""
    (ours,) = sql.queue(db, alice)
    (theirs,) = sql.queue(db, charlie)
    with sql.system() as cancelling:
        cancelling.execute("BEGIN")
        cancelling.execute("SELECT 1 FROM executions_execution WHERE id = %s FOR UPDATE", [ours])
        assert _claim_alone(0).execution_id == theirs
        cancelling.execute("ROLLBACK")


def test_a_run_is_claimed_once_however_many_ring(db, alice):
    sql.queue(db, alice, 1)
    held = together(12, _claim_alone)
    assert [row is None for row in held].count(False) == 1


def test_a_claim_shows_nothing_of_other_runs_to_the_login(db, alice):
    sql.queue(db, alice)
    with sql.login() as connection:
        sql.claim(connection)
        assert connection.execute("SELECT count(*) AS n FROM executions_execution").fetchone().n == 0


def test_a_missing_slots_row_means_no_claim(db, alice):
    team = factories.team(alice)
    sql.insert_run(db, alice.tenant.id, team.id, uuid4(), 0)
    assert sql.claim(db) is None


def test_one_claim_takes_several_and_tenants_take_turns_in_it(db, alice, charlie):
    sql.queue(db, alice, 6)
    sql.queue(db, charlie, 3)
    held = sql.claim_many(db, 6)
    assert Counter(row.tenant_id for row in held) == {alice.tenant.id: 3, charlie.tenant.id: 3}
    assert len({row.execution_id for row in held}) == 6
    assert sql.running(db, alice) == 3


def test_a_claim_of_many_takes_what_there_is_and_no_more_than_the_limit(db, alice, charlie):
    sql.queue(db, alice, 5, limit=2)
    sql.queue(db, charlie, 1)
    held = sql.claim_many(db, 10)
    assert Counter(row.tenant_id for row in held) == {alice.tenant.id: 2, charlie.tenant.id: 1}
    assert sql.claim_many(db, 10) == []


def test_claims_of_many_from_many_workers_never_wait_in_a_ring_and_overshoot_nothing(db):
    """Each holds rows of several tenants at once, beside runs that end: a deadlock would raise."""
    people = _people(4)
    for who in people:
        sql.queue(db, who, 30, limit=7)

    def work(number: int) -> int:
        done = 0
        with sql.login() as mine:
            for _round in range(12):
                for held in sql.claim_many(mine, 5, f"w{number}"):
                    done += sql.finish(mine, held) is not None
        return done

    assert sum(together(6, work)) == 120
    assert [sql.running(db, who) for who in people] == [0, 0, 0, 0]


def test_a_thousand_queued_runs_delay_another_tenants_single_run_by_no_more_than_one_slot(db, alice, charlie):
    sql.queue(db, alice, 1000)
    for _ in range(8):
        sql.claim(db)  # all slots of a worker
    (single,) = sql.queue(db, charlie)
    # Slots come free one after the other: the single run has the first, or alice one more and then it.
    assert single in {sql.claim(db).execution_id for _ in range(2)}
