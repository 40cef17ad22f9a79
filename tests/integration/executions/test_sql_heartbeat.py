"""heartbeat_v2: one statement renews what this worker holds, and nothing else; the worker's row is its beat."""

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


def _lease_left(db: sql.Connection, run: object) -> float:
    query = (
        "SELECT extract(epoch FROM lease_until - clock_timestamp())::float AS s FROM executions_execution WHERE id = %s"
    )
    return float(db.execute(query, [run]).fetchone().s)


def test_renews_every_run_of_the_worker_over_all_tenants(db, worker, alice, charlie):
    sql.queue(db, alice)
    sql.queue(db, charlie)
    held = [sql.claim(worker, lease="1 second") for _ in range(2)]
    renewed = sql.beat(worker)
    assert {row.execution_id for row in renewed} == {row.execution_id for row in held}
    assert all(_lease_left(db, row.execution_id) > 10 for row in held)


def test_leaves_other_workers_runs_alone(db, worker, alice):
    sql.queue(db, alice, 2)
    mine, theirs = sql.claim(worker, "w1"), sql.claim(worker, "w2", lease="1 second")
    assert [row.execution_id for row in sql.beat(worker, "w1")] == [mine.execution_id]
    assert _lease_left(db, theirs.execution_id) <= 1


def test_a_run_whose_thread_has_stopped_is_not_renewed(db, worker, alice):
    """It would be kept from every other worker for as long as this one lives."""
    sql.queue(db, alice, 2)
    stopped, held = sql.claim(worker, lease="1 second"), sql.claim(worker, lease="1 second")
    assert [row.execution_id for row in sql.beat(worker, held=[held.execution_id])] == [held.execution_id]
    assert _lease_left(db, stopped.execution_id) <= 1


def test_leaves_ended_runs_alone(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker)
    sql.finish(worker, held)
    assert sql.beat(worker) == []
    assert sql.run_row(db, held.execution_id).lease_until is None


def test_a_run_taken_by_another_worker_is_no_longer_reported(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker, "w1")
    sql.expire(db, held.execution_id)
    sql.reap(worker)
    sql.claim(worker, "w2")
    assert sql.beat(worker, "w1") == []


def test_a_run_reported_again_has_another_fence(db, worker, alice):
    """The same worker took it up again: its old thread must see that the fence is not its own."""
    sql.queue(db, alice)
    held = sql.claim(worker)
    sql.expire(db, held.execution_id)
    sql.reap(worker)
    sql.claim(worker)
    assert [row.fence for row in sql.beat(worker)] == [held.fence + 1]


def test_brings_cancel_requests_back(db, worker, alice):
    sql.queue(db, alice, 2)
    cancelled, other = sql.claim(worker), sql.claim(worker)
    db.execute("UPDATE executions_execution SET cancel_requested = true WHERE id = %s", [cancelled.execution_id])
    assert {row.execution_id: row.cancel_requested for row in sql.beat(worker)} == {
        cancelled.execution_id: True,
        other.execution_id: False,
    }


def test_is_no_news_to_watchers(db, worker, alice):
    sql.queue(db, alice)
    held = sql.claim(worker)
    sql.beat(worker)
    assert sql.run_row(db, held.execution_id).event_seq == 1


def test_writes_one_row_a_worker(db, worker):
    sql.beat(worker, slots=4)
    sql.beat(worker, slots=4, draining=True)
    rows = db.execute("SELECT id, slots, draining, beat_at, started_at FROM executions_worker").fetchall()
    assert [(row.id, row.slots, row.draining) for row in rows] == [("w1", 4, True)]
    assert rows[0].beat_at > rows[0].started_at


def test_a_row_that_stays_locked_keeps_its_own_lease_from_being_renewed_and_no_other(db, worker, alice):
    """Somebody was cut off in the middle of a change: his run alone waits for it."""
    sql.queue(db, alice, 3)
    locked, *others = sql.claim_many(worker, 3, lease="5 seconds")
    with sql.system() as cut_off:
        cut_off.execute("BEGIN")
        cut_off.execute("SELECT FROM executions_execution WHERE id = %s FOR UPDATE", [locked.execution_id])
        told = {row.execution_id: row.renewed for row in sql.beat(worker)}
        assert told == {locked.execution_id: False} | {run.execution_id: True for run in others}
        assert all(_lease_left(db, run.execution_id) > 10 for run in others)
    assert all(row.renewed for row in sql.beat(worker)), "the next beat renews it again"
