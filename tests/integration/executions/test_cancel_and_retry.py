"""A person stops a run, or queues an ended one again."""

import pytest

from executions import engine, runtime
from executions.models import Status, Step
from executions.services import execution_cancel, execution_get, execution_retry, execution_start
from executions.worker import Worker
from teams.errors import Conflict, NotFound
from teams.models import AuditEntry
from teams.services import team_delete
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queued(alice, fake_model):
    return execution_start(actor=alice.actor, team_id=factories.team(alice).id).execution


def test_a_queued_run_is_cancelled_at_once(alice, queued):
    execution = execution_cancel(actor=alice.actor, execution_id=queued.id, reason="wrong input")
    assert execution.status == Status.CANCELLED
    assert execution.finished_at is not None
    assert runtime.run_next(Worker(slots=1)) is False
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(action="execution.cancel").reason == "wrong input"


def test_a_running_one_stops_before_its_next_call(alice, queued, fake_model):
    worker = Worker(slots=1)
    (claimed,) = engine.claim(worker.id)
    hold = worker.take(claimed, 0.0)
    hold.until = float("inf")
    execution_cancel(actor=alice.actor, execution_id=queued.id)
    hold.cancelled = True  # what the next heartbeat brings
    runtime.carry(worker, (hold, claimed))
    execution = execution_get(actor=alice.actor, execution_id=queued.id)
    assert execution.status == Status.CANCELLED
    assert fake_model.calls == []


def test_an_ended_run_cannot_be_cancelled(alice, queued):
    runtime.run_next(Worker(slots=1))
    with pytest.raises(Conflict, match="succeeded"):
        execution_cancel(actor=alice.actor, execution_id=queued.id)


def test_a_retry_keeps_what_was_done(alice, fake_model):
    agents = [{"agent_role": "Good"}, {"agent_role": "Bad", "LLM_model": {"model": "fake+400+times=1"}}]
    execution = execution_start(actor=alice.actor, team_id=factories.team(alice, agents=agents).id).execution
    runtime.run_next(Worker(slots=1))
    assert execution_get(actor=alice.actor, execution_id=execution.id).status == Status.FAILED
    calls = len(fake_model.calls)
    retried = execution_retry(actor=alice.actor, execution_id=execution.id)
    assert (retried.status, retried.attempt) == (Status.QUEUED, 2)
    runtime.run_next(Worker(slots=1))
    assert execution_get(actor=alice.actor, execution_id=execution.id).status == Status.SUCCEEDED
    assert len(fake_model.calls) == calls + 1, "only the failed call was made again"
    with tenant(alice.tenant.id):
        assert [step.attempt for step in Step.objects.filter(execution=execution)] == [1, 2]


def test_only_an_ended_run_can_be_retried(alice, queued):
    with pytest.raises(Conflict, match="queued"):
        execution_retry(actor=alice.actor, execution_id=queued.id)


def test_runs_of_a_deleted_team_are_not_retried(alice, queued):
    execution_cancel(actor=alice.actor, execution_id=queued.id)
    team_delete(actor=alice.actor, team_id=queued.team_id)
    with pytest.raises(Conflict, match="deleted"):
        execution_retry(actor=alice.actor, execution_id=queued.id)


@pytest.mark.parametrize("act", [execution_cancel, execution_retry, execution_get])
def test_a_stranger_finds_nothing(charlie, queued, act):
    with pytest.raises(NotFound):
        act(actor=charlie.actor, execution_id=queued.id)
