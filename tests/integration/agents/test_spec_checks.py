"""Models and tools a config names are checked where it names them."""

from typing import Any

import pytest

from agents.models import TenantTool
from teams.errors import Invalid, Located
from teams.services import team_create
from teams.tenancy import tenant
from tests.factories import Person, config

PROVIDERS = {
    "openai": {"base_url": "http://127.0.0.1:9/v1"},
    "keyless": {"base_url": "https://keyless.example/v1", "key_variable": "KEYLESS_API_KEY"},
}


@pytest.fixture(autouse=True)
def _providers(settings: Any) -> None:
    settings.LLM_PROVIDERS = dict(PROVIDERS)


def agent(role: str = "Writer", **fields: Any) -> dict[str, Any]:
    return {"agent_role": role, "agent_goal_based_prompt": "Write.", **fields}


def errors_of(who: Person, *agents: dict[str, Any], **changes: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as raised:
        team_create(actor=who.actor, config=config(**changes) | {"agents": list(agents)})
    return _by_place(raised.value.errors)


def warnings_of(who: Person, *agents: dict[str, Any]) -> dict[str, str]:
    return _by_place(team_create(actor=who.actor, config=config() | {"agents": list(agents)}).warnings)


def _by_place(found: list[Located]) -> dict[str, str]:
    return {one["loc"]: one["msg"] for one in found}


def test_an_unknown_provider_is_an_error_that_lists_the_known_ones(alice: Person) -> None:
    found = errors_of(alice, agent("A"), agent("B", LLM_model={"provider": "OpenAl", "model": "gpt-4o"}))

    assert list(found) == ["agents.1.LLM_model.provider"]
    assert 'did you mean "openai"' in found["agents.1.LLM_model.provider"]
    assert "known: openai, keyless" in found["agents.1.LLM_model.provider"]


def test_a_provider_without_credentials_is_a_warning(alice: Person) -> None:
    found = warnings_of(alice, agent(LLM_model={"provider": "keyless", "model": "any"}))

    assert "KEYLESS_API_KEY" in found["agents.0.LLM_model.provider"]


def test_a_missing_package_or_address_is_named(alice: Person, settings: Any) -> None:
    settings.LLM_PROVIDERS = {
        **PROVIDERS,
        "claude": {"base_url": "https://x.example", "langchain": {"class": "not_there.Chat", "extra": "anthropic"}},
        "ollama": {"base_url": "", "base_url_variable": "OLLAMA_BASE_URL"},
    }

    agents = (agent(name, LLM_model={"provider": name, "model": "m"}) for name in ("claude", "ollama"))
    found = warnings_of(alice, *agents)

    assert "install agent-team-builder[anthropic]" in found["agents.0.LLM_model.provider"]
    assert "OLLAMA_BASE_URL" in found["agents.1.LLM_model.provider"]


def test_a_parameter_the_provider_does_not_take_is_a_warning(alice: Person, settings: Any) -> None:
    settings.LLM_PROVIDERS = {"openai": {"base_url": "http://127.0.0.1:9/v1", "parameters": ["temperature"]}}
    model = {"provider": "openai", "model": "m"}

    found = warnings_of(alice, agent(LLM_model=model, LLM_configuration={"temperature": 0.5, "seed": 7}))

    assert list(found) == ["agents.0.LLM_configuration.seed"]


def test_any_model_name_of_a_known_provider_is_taken_silently(alice: Person) -> None:
    assert warnings_of(alice, agent(LLM_model={"provider": "openai", "model": "brand-new"})) == {}


def test_a_default_model_without_credentials_is_one_warning_for_the_team(alice: Person) -> None:
    alice.tenant.default_model = "keyless:any"
    alice.tenant.save()

    found = warnings_of(alice, agent("A"), agent("B"))

    assert list(found) == ["agents"]
    assert "KEYLESS_API_KEY" in found["agents"]


def test_a_default_model_that_cannot_be_read_is_a_warning(alice: Person) -> None:
    alice.tenant.default_model = "gpt-4o"
    alice.tenant.save()

    assert "provider:model" in warnings_of(alice, agent())["agents"]


def test_unknown_tools_are_errors_at_each_place(alice: Person) -> None:
    tools = ["Chunk_Text", "Search_Vektor_DB"]

    found = errors_of(alice, agent(agent_tools=tools), available_tools=tools)

    assert list(found) == ["available_tools.1", "agents.0.agent_tools.1"]
    assert 'did you mean "Search_Vector_DB"?' in found["available_tools.1"]


def test_a_tool_switched_off_is_an_error_that_says_where_to_enable_it(alice: Person) -> None:
    with tenant(alice.tenant.id):
        TenantTool.objects.create(name="Chunk_Text", enabled=False)

    found = errors_of(alice, agent(agent_tools=["Chunk_Text"]))

    assert "PATCH /api/v1/tools/Chunk_Text" in found["agents.0.agent_tools.0"]


def test_another_tenants_switch_does_not_count(alice: Person, charlie: Person) -> None:
    with tenant(charlie.tenant.id):
        TenantTool.objects.create(name="Chunk_Text", enabled=False)

    assert "agents.0.agent_tools.0" not in warnings_of(alice, agent(agent_tools=["Chunk_Text"]))


def test_a_tool_with_nothing_behind_it_is_warned_of(alice: Person) -> None:
    found = warnings_of(alice, agent(agent_tools=["Chunk_Text", "Search_Graph_DB"]))

    assert "not available yet" in found["agents.0.agent_tools.1"]
    assert "agents.0.agent_tools.0" not in found
