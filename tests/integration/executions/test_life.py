"""What operators see of workers and queue, over all tenants."""

import pytest

from executions import life
from executions.models import Worker
from tests.integration.executions import engine_sql as sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def db():
    with sql.system() as connection:
        yield connection


def test_the_queue_is_counted_over_all_tenants(db, alice, charlie):
    old, _young = sql.queue(db, alice, 2)
    sql.queue(db, charlie, 1)
    sql.claim(db)
    found = life.queue()
    assert (found.queued, found.running, found.waiting, found.overdue, found.unheard) == (2, 1, 0, 0, 2)
    assert found.oldest_seconds >= 9
    assert found.rung_seconds is None
    db.execute("UPDATE executions_execution SET rung_at = clock_timestamp() - interval '5 s' WHERE id = %s", [old])
    assert 5 <= life.queue().rung_seconds < 60


def test_leases_that_nobody_reaps_are_trouble(db, alice):
    (run,) = sql.queue(db, alice)
    sql.claim(db)
    assert life.queue().trouble() == ""
    db.execute(
        "UPDATE executions_execution SET lease_until = clock_timestamp() - interval '1 min' WHERE id = %s", [run]
    )
    assert life.queue().overdue == 1
    assert "no worker takes the runs back" in life.queue().trouble()


def test_dead_and_leaving_workers_are_told_apart(db):
    for name in ("sound", "dead"):
        sql.beat(db, name, held=[])
    for name in ("leaving", "left"):
        sql.beat(db, name, draining=True, held=[])
    db.execute("UPDATE executions_worker SET beat_at = beat_at - interval '1 min' WHERE id IN ('dead', 'left')")
    found = {worker.id: life.state(worker) for worker in Worker.objects.all()}
    assert found == {"sound": "alive", "dead": "silent", "leaving": "draining", "left": "left"}
    assert life.workers_told() == ("1 alive with 0 of 8 slots taken, 1 draining, 1 silent in the last hour", 1)
