"""reap_v3: lost workers, due retries, deadlines, and how many permits to send."""

from collections.abc import Iterator

import pytest

from tests.integration.executions import engine_sql as sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def db() -> Iterator[sql.Connection]:
    with sql.system() as connection:
        yield connection


@pytest.fixture
def worker() -> Iterator[sql.Connection]:
    with sql.login() as connection:
        yield connection


def _past(db: sql.Connection, column: str, seconds: int = 1) -> None:
    db.execute(f"UPDATE executions_execution SET {column} = clock_timestamp() - make_interval(secs => {seconds})")


# --- lost workers -----------------------------------------------------------------------------------------------------


def test_a_live_lease_is_left_alone(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker)
    assert sql.reap(worker).expired == 0
    assert sql.run_row(db, held.execution_id).status == "running"


def test_an_expired_lease_goes_back_ahead_of_the_queue(db, worker, alice):
    first, second = sql.queue(db, alice, 2)
    held = sql.claim(worker)
    sql.expire(db, held.execution_id)
    assert sql.reap(worker).expired == 1
    row = sql.run_row(db, first)
    assert (row.status, row.owner, row.recovery_count, row.fence) == ("queued", "", 1, 1)
    assert row.event_seq == row.status_seq == 2
    assert sql.running(db, alice) == 0
    assert [sql.claim(worker).execution_id for _ in range(2)] == [first, second]


def test_an_expired_lease_rings_at_once(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker)
    sql.expire(db, held.execution_id)
    sql.beat(worker, "alive")
    assert sql.reap(worker).to_ring == 1


def test_the_third_lost_worker_quarantines_the_run(db, worker, alice):
    (run,) = sql.queue(db, alice)
    for lost in range(3):
        sql.claim(worker)
        sql.expire(db, run)
        reaped = sql.reap(worker)
        assert (reaped.expired, reaped.quarantined) == ((1, 0) if lost < 2 else (0, 1))
    row = sql.run_row(db, run)
    assert (row.status, row.recovery_count) == ("quarantined", 3)
    assert row.error["code"] == "quarantined"
    assert "3 workers" in row.error["message"]
    assert sql.claim(worker) is None
    assert sql.running(db, alice) == 0


def _lose(db, worker, run, key=""):
    held = sql.claim(worker)
    if key:
        sql.record(worker, held, key)
    sql.expire(db, run)
    return sql.reap(worker)


def test_a_run_that_gets_on_between_its_lost_workers_goes_on(db, worker, alice):
    (run,) = sql.queue(db, alice)
    for key in ("a", "", "b", ""):
        reaped = _lose(db, worker, run, key)
        assert (reaped.expired, reaped.quarantined) == (1, 0)
    row = sql.run_row(db, run)
    assert (row.status, row.recovery_count, row.error) == ("queued", 4, None)
    assert sql.running(db, alice) == 0
    assert _lose(db, worker, run).quarantined == 1


def test_what_a_tool_began_is_no_getting_on(db, worker, alice):
    (run,) = sql.queue(db, alice)
    for lost in range(3):
        held = sql.claim(worker)
        sql.record(worker, held, "a/tool0:x", kind="tool", state="started")
        sql.expire(db, run)
        assert sql.reap(worker).quarantined == (lost == 2)


def test_several_lost_runs_of_several_tenants_give_all_their_slots_back(db, worker, alice, charlie):
    sql.queue(db, alice, 3)
    sql.queue(db, charlie, 2)
    for _ in range(5):
        sql.claim(worker)
    _past(db, "lease_until")
    assert sql.reap(worker).expired == 5
    assert (sql.running(db, alice), sql.running(db, charlie)) == (0, 0)


def test_a_run_locked_by_its_owner_is_left_for_the_next_round(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker)
    sql.expire(db, held.execution_id)
    with sql.login() as owner:
        owner.execute("BEGIN")
        sql.record(owner, held, "a")
        assert sql.reap(worker).expired == 0
        owner.execute("ROLLBACK")
    assert sql.reap(worker).expired == 1


# --- retries and deadlines --------------------------------------------------------------------------------------------


def test_a_due_retry_is_queued_and_rung(db, worker, alice):
    sql.queue(db, alice)
    sql.beat(worker)
    held = sql.claim(worker)
    sql.finish(worker, held, "retry_wait", retry_seconds=60)
    assert sql.reap(worker).due == 0
    _past(db, "not_before")
    reaped = sql.reap(worker)
    assert (reaped.due, reaped.to_ring) == (1, 1)
    row = sql.run_row(db, held.execution_id)
    assert (row.status, row.not_before) == ("queued", None)


@pytest.mark.parametrize("status", ["queued", "waiting", "retry_wait"])
def test_a_deadline_ends_an_open_run(db, worker, alice, status):
    (run,) = sql.queue(db, alice, status=status)
    _past(db, "deadline_at")
    assert sql.reap(worker).overdue == 1
    row = sql.run_row(db, run)
    assert (row.status, row.error["code"]) == ("failed", "deadline_exceeded")
    assert row.finished_at is not None
    assert sql.running(db, alice) == 0


def test_a_deadline_ends_a_running_run_and_frees_its_slot(db, worker, alice):
    sql.queue(db, alice, 2)
    held = sql.claim(worker)
    sql.claim(worker)
    db.execute(
        "UPDATE executions_execution SET deadline_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [held.execution_id],
    )
    assert sql.reap(worker).overdue == 1
    assert sql.record(worker, held, "late") is None
    assert sql.finish(worker, held) is None
    assert sql.running(db, alice) == 1


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "quarantined"])
def test_a_deadline_leaves_ended_runs_alone(db, worker, alice, status):
    (run,) = sql.queue(db, alice, status=status)
    _past(db, "deadline_at")
    assert sql.reap(worker).overdue == 0
    assert sql.run_row(db, run).status == status


def test_an_expired_lease_and_deadline_at_once_free_one_slot(db, worker, alice):
    sql.queue(db, alice, 2)
    held = sql.claim(worker)
    sql.claim(worker)
    sql.expire(db, held.execution_id)
    db.execute(
        "UPDATE executions_execution SET deadline_at = clock_timestamp() - interval '1 s' WHERE id = %s",
        [held.execution_id],
    )
    sql.reap(worker)
    assert sql.run_row(db, held.execution_id).status == "failed"
    assert sql.running(db, alice) == 1


# --- permits ----------------------------------------------------------------------------------------------------------


def test_without_workers_nothing_is_rung(db, worker, alice):
    sql.queue(db, alice, 3)
    assert sql.reap(worker).to_ring == 0


def test_a_run_that_waits_unheard_is_rung_once_within_the_patience(db, worker, alice):
    sql.queue(db, alice)
    sql.beat(worker)
    assert sql.reap(worker).to_ring == 1
    assert sql.reap(worker).to_ring == 0
    assert sql.reap(worker, patience="0 seconds").to_ring == 1


def test_a_fresh_run_is_not_rung(db, worker, alice):
    sql.queue(db, alice)
    sql.beat(worker)
    assert sql.reap(worker, patience="1 hour").to_ring == 0


def test_never_more_permits_than_free_slots(db, worker, alice):
    sql.queue(db, alice, 20)
    sql.beat(worker, "w1", slots=3)
    sql.beat(worker, "w2", slots=4)
    assert sql.reap(worker).to_ring == 7
    for _ in range(5):
        sql.claim(worker)
    assert sql.reap(worker, patience="0 seconds").to_ring == 2


def test_full_workers_are_not_rung(db, worker, alice):
    sql.queue(db, alice, 5)
    sql.beat(worker, slots=2)
    for _ in range(3):
        sql.claim(worker)
    assert sql.reap(worker).to_ring == 0


def test_draining_and_silent_workers_have_no_free_slots(db, worker, alice):
    sql.queue(db, alice, 5)
    sql.beat(worker, "draining", slots=8, draining=True)
    sql.beat(worker, "silent", slots=8)
    db.execute("UPDATE executions_worker SET beat_at = clock_timestamp() - interval '1 min' WHERE id = 'silent'")
    assert sql.reap(worker).to_ring == 0


def test_a_full_tenants_runs_are_not_rung(db, worker, alice):
    sql.queue(db, alice, 5, limit=1)
    sql.claim(worker)
    sql.beat(worker)
    assert sql.reap(worker).to_ring == 0


def test_an_inactive_tenants_runs_are_not_rung(db, worker, alice):
    """Nobody may claim them: each ring would wake a worker for nothing, every two seconds, for ever."""
    sql.queue(db, alice, 5)
    sql.beat(worker)
    db.execute("UPDATE teams_tenant SET is_active = false")
    assert sql.reap(worker).to_ring == 0


def test_a_tenants_free_slots_bound_its_permits(db, worker, alice, charlie):
    """More would find its slots taken, and would be permits another tenant's runs wait for."""
    sql.queue(db, alice, 20, limit=2)
    sql.queue(db, charlie, 1)
    sql.beat(worker)
    assert sql.reap(worker).to_ring == 3


def test_the_same_moment_twice_does_nothing_twice(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker)
    sql.expire(db, held.execution_id)
    assert [sql.reap(worker).expired for _ in range(2)] == [1, 0]
    assert sql.run_row(db, held.execution_id).recovery_count == 1


def test_a_run_whose_worker_was_lost_before_it_saw_the_cancel_ends(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker)
    db.execute("UPDATE executions_execution SET cancel_requested = true WHERE id = %s", [held.execution_id])
    sql.expire(db, held.execution_id)
    reaped = sql.reap(worker)
    assert (reaped.cancelled, reaped.expired, reaped.quarantined) == (1, 0, 0)
    row = sql.run_row(db, held.execution_id)
    assert (row.status, row.lease_until, row.error) == ("cancelled", None, None)
    assert sql.running(db, alice) == 0
