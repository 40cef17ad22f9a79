"""What people can read of a run holds no credentials; what a replay uses is what the model said."""

import json

import pytest

from executions import runtime
from executions.models import Execution, Status, Step
from executions.services import execution_start
from executions.worker import Worker
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "aB3dE5fG7hJ9kL1mN2pQ4rS6"


def run(alice, model="fake"):
    agents = [{"agent_role": "Writer", "LLM_model": {"model": model}}]
    started = execution_start(actor=alice.actor, team_id=factories.team(alice, agents=agents, max_turns=1).id)
    runtime.run_next(Worker(slots=1))
    with tenant(alice.tenant.id):
        return Execution.objects.get(id=started.execution.id), Step.objects.get(execution_id=started.execution.id)


def test_an_answer_is_shown_without_the_key_in_it(alice, fake_model):
    fake_model.rule(answer=f"Use sk-proj-{SECRET}, it works.")
    execution, step = run(alice)
    assert execution.status == Status.SUCCEEDED
    assert step.display["message"] == execution.display["final_answer"] == "Use [redacted], it works."
    assert SECRET in step.result["text"], "the next agent reads what was said"


def test_an_error_is_shown_without_the_key_in_it(alice, fake_model):
    execution, step = run(alice, model=f"fake+404+key=sk-proj-{SECRET}")
    assert execution.status == Status.FAILED
    seen = json.dumps([execution.error, step.error, step.display, step.request])
    assert SECRET not in seen
    assert "[redacted]" in seen
