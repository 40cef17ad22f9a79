"""What a model may do wrong, and what becomes of the run: each fault once, then a sound answer."""

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

PASSES = {
    "429": "rate_limited",
    "500": "provider_unavailable",
    "503": "provider_unavailable",
    "timeout": "provider_timeout",
    "cut": "cut_stream",
    "reset": "provider_unavailable",
    "broken": "bad_answer",
    "empty": "empty_answer",
}
LASTS = {"huge": "answer_too_large"}


@pytest.fixture
def carried(alice, fake_model, settings):
    """Start a run with a model of this name, and carry it once."""
    settings.LLM_TIMEOUT_SECONDS = 1.0

    def carry(fault):
        agents = [{"agent_role": "Writer", "LLM_model": {"model": f"fake+{fault}+times=1"}}]
        team = factories.team(alice, agents=agents)
        run = execution_start(actor=alice.actor, team_id=team.id, stream_tokens=fault == "cut").execution
        runtime.run_next(Worker(slots=1))
        return execution_get(actor=alice.actor, execution_id=run.id)

    return carry


@pytest.mark.parametrize(("fault", "code"), PASSES.items())
def test_what_passes_is_waited_for_and_tried_again(alice, carried, fake_model, fault, code):
    run = carried(fault)
    assert (run.status, run.error["code"]) == (Status.RETRY_WAIT, code)
    with tenant(alice.tenant.id), connection.cursor() as cursor:
        cursor.execute("UPDATE executions_execution SET not_before = now()")
    connection.ensure_connection()
    reap(connection.connection)
    runtime.run_next(Worker(slots=1))
    run = execution_get(actor=alice.actor, execution_id=run.id)
    assert (run.status, run.error) == (Status.SUCCEEDED, None)
    with tenant(alice.tenant.id):
        assert [(step.state, step.seq) for step in Step.objects.filter(execution=run)] == [("done", 1)]


def test_the_log_says_which_run_failed_and_why(carried, fake_model, caplog):
    run = carried("400")
    assert f"run {run.id}: failed (bad_request)" in caplog.messages
    assert "injected" not in caplog.text, "a provider's message may hold what agents said"


@pytest.mark.parametrize(("fault", "code"), LASTS.items())
def test_what_lasts_ends_the_run_with_the_reason(alice, carried, fake_model, fault, code):
    run = carried(fault)
    assert (run.status, run.error["code"]) == (Status.FAILED, code)
    assert len(fake_model.calls) == 1, "the same again would bring the same"
