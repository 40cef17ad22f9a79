"""Redis is a doorbell: without it runs are accepted and carried, only later."""

import time

import pytest

from config.embedded.ports import any_free
from executions.models import Status
from executions.services import execution_get, execution_start
from tests import factories
from tests.processes import WorkerProcess, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_a_run_is_accepted_while_redis_is_away(alice, world, settings, celery_broker):
    celery_broker(f"redis://127.0.0.1:{any_free()}/0")
    before = time.monotonic()
    execution = execution_start(actor=alice.actor, team_id=factories.team(alice).id).execution
    assert time.monotonic() - before < 3, "the promise of durability rule 1, not a benchmark"
    assert execution_get(actor=alice.actor, execution_id=execution.id).status == Status.QUEUED


def test_the_reaper_rings_for_a_run_nobody_heard_of(alice, world, celery_broker):
    celery_broker(f"redis://127.0.0.1:{any_free()}/0")
    execution = execution_start(actor=alice.actor, team_id=factories.team(alice).id).execution
    with WorkerProcess(**world.env):
        wait_until(
            lambda: execution_get(actor=alice.actor, execution_id=execution.id).status == Status.SUCCEEDED,
            "the worker's reaper rang and the run was carried",
        )
