"""A conversation longer than a model reads is cut by rule; what a provider still finds too long ends the run."""

from typing import Any

import pytest

from agents.provider_entries import provider_from
from executions import runtime
from executions.conversation import conversation_log
from executions.models import Status, Step
from executions.prompts import estimated_tokens
from executions.services import execution_get, execution_retry, execution_start
from executions.worker import Worker
from teams.tenancy import tenant
from tests import factories
from tests.fake_anthropic import FakeAnthropicServer

pytestmark = pytest.mark.django_db(transaction=True)

READS = 400


def run(who, provider, model="fake", rounds=1):
    agents = [
        {"agent_role": role, "agent_goal_based_prompt": "Talk.", "LLM_model": {"provider": provider, "model": model}}
        for role in ("Writer", "Critic")
    ]
    team = factories.team(who, agents=agents, agent_team_flow="Writer->Critic", max_turns=rounds)
    execution = execution_start(actor=who.actor, team_id=team.id).execution
    runtime.run_next(Worker(slots=1))
    return execution_get(actor=who.actor, execution_id=execution.id)


def prompts(server) -> list[list[dict[str, Any]]]:
    return [call.body["messages"] for call in server.calls]


def test_older_turns_give_way_with_a_mark_and_always_alike(alice, fake_model, settings):
    entry = settings.LLM_PROVIDERS["openai"]
    settings.LLM_PROVIDERS = {"openai": {**entry, "models": {"fake": {"context_tokens": READS}}}}
    fake_model.rule(answer="A long answer. " * 10)

    execution = run(alice, "openai", rounds=5)

    assert execution.status == Status.SUCCEEDED
    first = prompts(fake_model)
    assert len(first) == 10
    for prompt in first:
        assert sum(estimated_tokens(message["content"]) for message in prompt) <= READS
        assert "Name three uses of a brick." in prompt[1]["content"]
    assert "left out" not in str(first[1])
    assert "earlier turns left out]" in first[-1][1]["content"]

    fake_model.calls.clear()
    run(alice, "openai", rounds=5)
    assert prompts(fake_model) == first


def test_with_summaries_the_older_turns_are_summed_up_once_and_kept(alice, fake_model, settings):
    settings.CONTEXT_OVERFLOW = "summary"
    entry = settings.LLM_PROVIDERS["openai"]
    settings.LLM_PROVIDERS = {"openai": {**entry, "models": {"fake": {"context_tokens": 2 * READS}}}}
    fake_model.rule(match="You sum up", answer="Both agreed on bricks.")
    fake_model.rule(answer="A long answer. " * 10)

    execution = run(alice, "openai", rounds=8)

    assert execution.status == Status.SUCCEEDED
    notes = steps(alice, execution, kind="note")
    assert 1 <= len(notes) < 16 / 2
    assert notes[0].key.endswith("/summary")
    assert notes[0].display["note"].endswith("Both agreed on bricks.")
    assert notes[0].tokens_in > 0
    assert len(execution_log(alice, execution)) == 16
    assert len(fake_model.calls) == 16 + len(notes)
    assert execution.tokens_in == sum(step.tokens_in for step in steps(alice, execution))
    last = prompts(fake_model)[-1]
    assert "in short:\nBoth agreed on bricks." in last[1]["content"]
    assert sum(estimated_tokens(message["content"]) for message in last) <= 2 * READS


def test_a_run_taken_up_again_reads_the_recorded_summary(alice, fake_model, settings):
    settings.CONTEXT_OVERFLOW = "summary"
    entry = settings.LLM_PROVIDERS["openai"]
    settings.LLM_PROVIDERS = {"openai": {**entry, "models": {"fake": {"context_tokens": 2 * READS}}}}
    fake_model.rule(match="You sum up", answer="Both agreed on bricks.")
    fake_model.rule(match="in short:", fault="400", times=1)
    fake_model.rule(answer="A long answer. " * 10)

    execution = run(alice, "openai", rounds=8)
    assert execution.status == Status.FAILED
    settings.CONTEXT_OVERFLOW = "cut"  # of runs to come; this one goes on as it began
    execution_retry(actor=alice.actor, execution_id=execution.id)
    fake_model.rules.pop(1)
    runtime.run_next(Worker(slots=1))

    execution = execution_get(actor=alice.actor, execution_id=execution.id)
    assert execution.status == Status.SUCCEEDED
    asked = [str(prompt) for prompt in prompts(fake_model) if "You sum up" in str(prompt)]
    assert len(asked) == len(set(asked)) == len(steps(alice, execution, kind="note"))


def test_without_a_summary_the_older_turns_are_cut(alice, fake_model, settings):
    settings.CONTEXT_OVERFLOW = "summary"
    entry = settings.LLM_PROVIDERS["openai"]
    settings.LLM_PROVIDERS = {"openai": {**entry, "models": {"fake": {"context_tokens": 2 * READS}}}}
    fake_model.rule(match="You sum up", fault="400")
    fake_model.rule(match="left out", fault="400", times=1)
    fake_model.rule(answer="A long answer. " * 10)

    execution = run(alice, "openai", rounds=8)
    assert (execution.status, execution.error["code"]) == (Status.FAILED, "bad_request")
    notes = [step for step in steps(alice, execution, kind="note") if step.state == "done"]
    assert [step.key.endswith("/summary/cut") for step in notes] == [True]
    asked = len([prompt for prompt in prompts(fake_model) if "You sum up" in str(prompt)])
    assert asked == 1

    fake_model.rules.pop(0)  # it could sum up now, but this turn goes on as it began
    execution_retry(actor=alice.actor, execution_id=execution.id)
    runtime.run_next(Worker(slots=1))
    execution = execution_get(actor=alice.actor, execution_id=execution.id)
    assert execution.status == Status.SUCCEEDED
    assert len(execution_log(alice, execution)) == 16


def test_a_goal_the_model_cannot_read_fails_without_a_call(alice, fake_model, settings):
    entry = settings.LLM_PROVIDERS["openai"]
    settings.LLM_PROVIDERS = {"openai": {**entry, "context_tokens": 20}}

    execution = run(alice, "openai")

    assert (execution.status, execution.error["code"]) == (Status.FAILED, "context_too_long")
    assert not fake_model.calls


def test_the_providers_own_context_error_is_lasting(alice, fake_model):
    execution = run(alice, "openai", "fake+context")

    assert (execution.status, execution.error["code"]) == (Status.FAILED, "context_too_long")
    assert len(fake_model.calls) == 1


def steps(who, execution, **wanted) -> list[Step]:
    with tenant(who.tenant.id):
        return list(Step.objects.filter(execution=execution, **wanted).order_by("seq"))


def execution_log(who, execution) -> list[dict[str, Any]]:
    return conversation_log(steps(who, execution))


# --- through LangChain ------------------------------------------------------------------------------------------------


@pytest.fixture
def anthropic(settings):
    with FakeAnthropicServer() as server:
        table = dict(settings.LLM_PROVIDERS)
        settings.LLM_PROVIDERS = {"anthropic": {**table["anthropic"], "base_url": server.base_url, "api_key": "k"}}
        assert provider_from("anthropic", settings.LLM_PROVIDERS["anthropic"]).missing == []
        yield server


def test_a_team_speaks_with_anthropic(alice, anthropic):
    execution = run(alice, "anthropic", "claude-haiku-4-5", rounds=2)

    assert execution.status == Status.SUCCEEDED
    assert len(anthropic.calls) == 4
    assert [call.body["max_tokens"] for call in anthropic.calls] == [4096] * 4
    assert all(call.body["system"].startswith("You are the ") for call in anthropic.calls)
    assert execution.tokens_in > 0
    assert execution.cost > 0


def test_anthropics_context_error_is_lasting(alice, anthropic):
    execution = run(alice, "anthropic", "fake+context")

    assert (execution.status, execution.error["code"]) == (Status.FAILED, "context_too_long")
    assert len(anthropic.calls) == 1
