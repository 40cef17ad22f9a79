"""A conversation longer than a model reads is cut by rule; what a provider still finds too long ends the run."""

from typing import Any

import pytest

from agents.provider_entries import provider_from
from executions import runtime
from executions.models import Status
from executions.prompts import estimated_tokens
from executions.services import execution_get, execution_start
from executions.worker import Worker
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
