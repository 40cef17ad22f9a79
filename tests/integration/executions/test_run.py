"""A run from start to end, in this process: claim, talk, record, finish."""

import pytest

from executions import runtime
from executions.conversation import conversation_log
from executions.models import Execution, Status, Step, TenantSlots
from executions.services import execution_get, execution_start
from executions.worker import Worker
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def run(alice, **changes):
    team = factories.team(alice, **changes)
    started = execution_start(actor=alice.actor, team_id=team.id, input="Be brief.")
    assert runtime.run_next(Worker(slots=1))
    return execution_get(actor=alice.actor, execution_id=started.execution.id)


def test_each_agent_speaks_once_a_round(alice, fake_model):
    execution = run(alice, max_turns=2)
    assert execution.status == Status.SUCCEEDED
    with tenant(alice.tenant.id):
        steps = list(Step.objects.filter(execution=execution))
    assert [step.key for step in steps] == ["r1/Writer/llm0", "r1/Critic/llm0", "r2/Writer/llm0", "r2/Critic/llm0"]
    assert [step.seq for step in steps] == [1, 2, 3, 4]
    assert execution.result["stopped_by"] == "max_turns"
    log = conversation_log(steps)
    assert log[-1]["message"] == execution.result["final_answer"]


def test_totals_are_the_sum_of_the_steps(alice, fake_model):
    execution = run(alice)
    with tenant(alice.tenant.id):
        steps = list(Step.objects.filter(execution=execution))
    assert execution.tokens_in == sum(step.tokens_in for step in steps) > 0
    assert execution.tokens_out == sum(step.tokens_out for step in steps) > 0
    assert execution.cost is None, "the price of an unknown model is unknown, not zero"


def test_the_slot_is_given_back(alice, fake_model):
    run(alice)
    with tenant(alice.tenant.id):
        assert TenantSlots.objects.get().running == 0


def test_nothing_to_claim(alice):
    assert runtime.run_next(Worker(slots=1)) is False
    with tenant(alice.tenant.id):
        assert not Execution.objects.exists()
