"""Before a run every agent gets its model, or the caller is told what is missing."""

from typing import Any

import pytest

from agents.models import TenantTool
from agents.registry import ResolvedAgent, resolved_agents
from teams.errors import Conflict
from teams.spec import TeamSpec
from teams.tenancy import tenant
from tests.factories import Person, config


@pytest.fixture(autouse=True)
def _providers(settings: Any) -> None:
    settings.DEFAULT_MODEL = "openai:small"
    settings.LLM_PROVIDERS = {
        "openai": {"base_url": "http://127.0.0.1:9/v1", "models": {"small": {"context_tokens": 4096}}},
        "keyless": {"base_url": "https://keyless.example/v1", "key_variable": "KEYLESS_API_KEY"},
    }


def resolve(who: Person, *agents: dict[str, Any], **changes: Any) -> list[ResolvedAgent]:
    written = [{"agent_role": role, **agent} for role, agent in zip("ABC", agents, strict=False)]
    return resolved_agents(TeamSpec.load(config(**changes) | {"agents": written}), who.tenant)


def keyless(**fields: Any) -> dict[str, Any]:
    return {"LLM_model": {"provider": "keyless", "model": "big"}, **fields}


def test_an_agent_without_a_model_gets_the_platforms_default(alice: Person) -> None:
    (agent,) = resolve(alice, {"agent_personality": "Calm.", "LLM_configuration": {"temperature": 0.5}})

    assert (agent.provider, agent.model, agent.context_tokens) == ("openai", "small", 4096)
    assert (agent.name, agent.personality, agent.parameters) == ("A", "Calm.", {"temperature": 0.5})
    assert agent.swapped_from is None


def test_the_tenants_default_comes_before_the_platforms(alice: Person) -> None:
    alice.tenant.default_model = "openai:llama3:8b"

    assert resolve(alice, {})[0].model == "llama3:8b"


def test_a_model_without_a_provider_is_the_default_models_providers(alice: Person) -> None:
    (agent,) = resolve(alice, {"LLM_model": {"model": "other"}})

    assert (agent.provider, agent.model) == ("openai", "other")


def test_a_provider_without_credentials_is_swapped_for_the_default(alice: Person) -> None:
    (agent,) = resolve(alice, keyless())

    assert (agent.provider, agent.model, agent.swapped_from) == ("openai", "small", "keyless:big")


def test_a_provider_taken_out_of_the_settings_is_swapped_too(alice: Person) -> None:
    (agent,) = resolve(alice, {"LLM_model": {"provider": "gone", "model": "big"}})

    assert (agent.model, agent.swapped_from) == ("small", "gone:big")


def test_without_leave_to_swap_the_run_is_refused_naming_what_is_missing(alice: Person) -> None:
    with pytest.raises(Conflict) as raised:
        resolve(alice, {}, keyless(allow_team_builder_to_override_model=False))

    assert "B: keyless has no credentials: KEYLESS_API_KEY is not set" in raised.value.detail


def test_a_default_that_cannot_be_called_refuses_the_run(alice: Person) -> None:
    alice.tenant.default_model = "keyless:any"

    with pytest.raises(Conflict, match="KEYLESS_API_KEY"):
        resolve(alice, {})
    with pytest.raises(Conflict, match="the default model cannot stand in"):
        resolve(alice, {"LLM_model": {"provider": "gone", "model": "big"}})


def test_only_agents_who_speak_are_asked_for(alice: Person) -> None:
    agents = resolve(alice, {}, keyless(allow_team_builder_to_override_model=False), agent_team_flow="A->A")

    assert [agent.role for agent in agents] == ["A"]


def test_a_flow_role_without_an_agent_refuses_the_run(alice: Person) -> None:
    with pytest.raises(Conflict, match="Ghost"):
        resolve(alice, {}, agent_team_flow="A->Ghost")


def test_tools_switched_off_since_are_left_out(alice: Person) -> None:
    with tenant(alice.tenant.id):
        TenantTool.objects.create(name="Chunk_Text", enabled=False)

    (agent,) = resolve(alice, {"agent_tools": ["Chunk_Text", "Search_Graph_DB"]})

    assert agent.tools == ("Search_Graph_DB",)
