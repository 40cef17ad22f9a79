"""kill -9 in the middle of a run: it completes after a restart, and what was answered is not paid for again."""

import pytest
import redis

from executions.models import Status, Step
from executions.services import execution_get, execution_start
from teams.tenancy import tenant
from tests import factories
from tests.processes import WorkerProcess, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def started(alice, world):
    """A run of four agents whose model takes its time."""
    world.model.rule(latency_ms=700)
    team = factories.team(alice, "A", "B", "C", "D")
    return execution_start(actor=alice.actor, team_id=team.id).execution


def status(alice, execution):
    return execution_get(actor=alice.actor, execution_id=execution.id).status


def test_a_killed_worker_loses_and_repeats_nothing(alice, world, started):
    with WorkerProcess(**world.env) as worker:
        wait_until(lambda: len(world.model.calls) == 2, "the second of four model calls is under way")
        worker.kill()
        assert status(alice, started) == Status.RUNNING
        worker.start()
        wait_until(lambda: status(alice, started) == Status.SUCCEEDED, "the run is completed", 30)
    # Four answers were needed; the second was cut off by the kill and asked for again; the first was not.
    assert len(world.model.calls) == 5
    execution = execution_get(actor=alice.actor, execution_id=started.id)
    assert execution.recovery_count == 1
    with tenant(alice.tenant.id):
        steps = list(Step.objects.filter(execution=started))
    assert [step.key for step in steps] == ["r1/A/llm0", "r1/B/llm0", "r1/C/llm0", "r1/D/llm0"]
    assert [step.seq for step in steps] == [1, 2, 3, 4]
    assert steps[0].fence < steps[1].fence


def test_sigterm_gives_the_run_back_before_its_next_call(alice, world, started):
    with WorkerProcess(**world.env) as worker:
        wait_until(lambda: len(world.model.calls) == 2, "the second of four model calls is under way")
        worker.child.terminate()
        assert worker.child.wait(15) == 0
        assert status(alice, started) == Status.QUEUED
        worker.start()
        wait_until(lambda: status(alice, started) == Status.SUCCEEDED, "the run is completed", 30)
    assert len(world.model.calls) == 4, "the call in hand was finished and recorded, none was repeated"
    assert execution_get(actor=alice.actor, execution_id=started.id).recovery_count == 0


def test_sigterm_amid_a_call_that_outlasts_the_patience_gives_the_run_back_and_rings_for_it(alice, world, settings):
    world.model.rule(latency_ms=20_000)
    started = execution_start(actor=alice.actor, team_id=factories.team(alice, "A").id).execution
    with WorkerProcess(**world.env, DRAIN_SECONDS="0.5") as worker:
        wait_until(lambda: len(world.model.calls) == 1, "the call is under way")
        worker.child.terminate()
        assert worker.child.wait(15) == 0
    execution = execution_get(actor=alice.actor, execution_id=started.id)
    assert execution.status == Status.QUEUED
    assert execution.recovery_count == 0, "a worker that leaves is not a lost one"
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.llen(f"{settings.REDIS_PREFIX}.runs") == 1, "another worker hears of it at once"
