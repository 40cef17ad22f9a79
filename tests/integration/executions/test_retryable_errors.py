"""A model's passing trouble parks the run and tries again; lasting trouble ends it with a reason."""

import pytest
from django.db import connection

from executions import runtime
from executions.models import Status, Step
from executions.reaper import reap
from executions.services import execution_get, execution_start
from executions.worker import Worker
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def carry(alice, execution):
    """One claim, after making a parked run due."""
    with tenant(alice.tenant.id), connection.cursor() as cursor:
        cursor.execute("UPDATE executions_execution SET not_before = now() WHERE status = 'retry_wait'")
    connection.ensure_connection()
    reap(connection.connection)
    runtime.run_next(Worker(slots=1))
    return execution_get(actor=alice.actor, execution_id=execution.id)


def started(alice, model):
    agents = [{"agent_role": "Writer", "LLM_model": {"model": model}}]
    team = factories.team(alice, agents=agents)
    return execution_start(actor=alice.actor, team_id=team.id).execution


def test_a_run_waits_and_then_succeeds(alice, fake_model):
    execution = carry(alice, started(alice, "fake+500+times=1"))
    assert execution.status == Status.RETRY_WAIT
    assert execution.not_before is not None
    assert execution.error["code"] == "provider_unavailable"
    execution = carry(alice, execution)
    assert execution.status == Status.SUCCEEDED
    assert execution.error is None
    with tenant(alice.tenant.id):
        step = Step.objects.get(execution=execution)
    assert (step.state, step.seq) == ("done", 1), "the failed try's step became the answer"


def test_three_tries_then_it_has_failed(alice, fake_model):
    execution = started(alice, "fake+500")
    for expected in (Status.RETRY_WAIT, Status.RETRY_WAIT, Status.FAILED):
        execution = carry(alice, execution)
        assert execution.status == expected
    assert execution.tries == 3
    assert len(fake_model.calls) == 3


def test_the_provider_says_when_to_come_back(alice, fake_model):
    execution = carry(alice, started(alice, "fake+429=120"))
    assert execution.status == Status.RETRY_WAIT
    wait = (execution.not_before - execution.started_at).total_seconds()
    assert 115 < wait < 130


def test_a_lasting_error_is_not_tried_again(alice, fake_model):
    execution = carry(alice, started(alice, "fake+401"))
    assert execution.status == Status.FAILED
    assert execution.error["code"] == "bad_credentials"
    assert len(fake_model.calls) == 1
