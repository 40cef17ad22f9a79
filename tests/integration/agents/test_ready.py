"""A repeated run neither parses nor checks its team again, and no run, version or tenant ever sees another's."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from agents import build_cache, registry
from agents.accounts import Accounts, accounts_of
from agents.models import RoleTemplate, TenantTool
from agents.ready import ReadyTeam, ready_team
from executions.services import execution_start
from teams import services
from teams.errors import StoredConfigBroken
from teams.services import team_create, team_update, team_validate
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    build_cache.CACHE.clear()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every config that is parsed as a stored one."""
    seen: list[Any] = []
    real = services.stored_spec

    def noted(config: Any) -> Any:
        seen.append(config)
        return real(config)

    monkeypatch.setattr("agents.ready.stored_spec", noted)
    return seen


def ready(who: Any, team: Any) -> ReadyTeam:
    off, accounts = registry.disabled_tools(who.tenant.id), accounts_of(who.tenant.id)
    return ready_team(lambda: team.config, team.config_hash, who.tenant, off, accounts)


def start(who: Any, team: Any, **given: Any) -> Any:
    return execution_start(actor=who.actor, team_id=team.id, **given).execution


def test_a_second_run_does_not_parse_again(alice, loads):
    team = factories.team(alice)
    before = build_cache.stats()
    first, second = start(alice, team), start(alice, team)
    after = build_cache.stats()
    assert first.resolved_spec == second.resolved_spec
    assert len(loads) == 1
    assert (after.hits - before.hits, after.misses - before.misses) == (1, 1)


def test_nothing_in_it_can_be_changed(alice):
    agents = [{"agent_role": "A", "LLM_configuration": {"temperature": 0.5, "stop": ["x"]}, "metadata": {"a": []}}]
    found = ready(alice, factories.team(alice, agents=agents))
    agent = found.agents[0]
    with pytest.raises(FrozenInstanceError):
        found.goal = "mine"
    with pytest.raises(FrozenInstanceError):
        agent.prompt = "mine"
    with pytest.raises(TypeError):
        agent.parameters["temperature"] = 2
    assert isinstance(found.roles, tuple)
    assert isinstance(found.agents, tuple)
    assert isinstance(agent.tools, tuple)
    assert agent.parameters["stop"] == ("x",)


def test_what_a_run_changes_stays_in_that_run(alice):
    agents = [{"agent_role": "A", "LLM_configuration": {"stop": ["x"]}}]
    team = factories.team(alice, agents=agents)
    first = start(alice, team)
    spoilt = first.resolved_spec
    spoilt["agents"]["A"]["parameters"]["stop"].append("spoilt")
    spoilt["agents"]["A"]["goal_prompt"] = "spoilt"
    spoilt["flow"].clear()
    spoilt["notes"].append("spoilt")
    second = start(alice, team).resolved_spec
    assert "spoilt" not in str(second)
    assert second["flow"]


def test_two_tenants_with_the_same_config_share_nothing(alice, charlie):
    config = factories.config("Writer", agent_team_flow="Writer->Critic", **MAY_ADD)
    with tenant(charlie.tenant.id):
        RoleTemplate.objects.create(role="Critic", prompt="CHARLIES-WORDS")
    with tenant(alice.tenant.id):
        RoleTemplate.objects.create(role="Critic", prompt="ALICES-WORDS")
    for _ in range(2):
        hers = team_create(actor=alice.actor, config=config).team
        his = team_create(actor=charlie.actor, config=config).team
        assert "CHARLIES-WORDS" not in str(start(alice, hers).resolved_spec)
        assert "ALICES-WORDS" not in str(start(charlie, his).resolved_spec)
        assert hers.config["agents"][0]["agent_id"] != his.config["agents"][0]["agent_id"]


MAY_ADD = {"allow_TBA_to_recommend_agents": True, "allow_TBA_how_many_more": 1}


def test_the_same_hash_under_another_tenant_is_another_key(alice, charlie):
    team = factories.team(alice)
    assert ready(alice, team) is ready(alice, team)
    assert ready(alice, team) is not ready(charlie, team)


def test_whatever_it_was_made_from_makes_it_anew(alice, settings):
    team = factories.team(alice, agents=[{"agent_role": "A", "agent_tools": ["Chunk_Text"]}])
    assert ready(alice, team).agents[0].tools == ("Chunk_Text",)
    with tenant(alice.tenant.id):
        TenantTool.objects.create(name="Chunk_Text", enabled=False)
    assert ready(alice, team).agents[0].tools == ()
    settings.DEFAULT_MODEL = "openai:another"
    assert ready(alice, team).agents[0].model == "another"
    revision = registry.revision(Accounts())
    openai = {**settings.LLM_PROVIDERS["openai"], "models": {"another": {"context_tokens": 99}}}
    settings.LLM_PROVIDERS = {"openai": openai}
    assert registry.revision(Accounts()) != revision
    assert ready(alice, team).agents[0].context_tokens == 99
    changed = team_update(actor=alice.actor, team_id=team.id, config=factories.config("B")).team
    assert [agent.role for agent in ready(alice, changed).agents] == ["B"]


def test_a_stored_row_that_no_longer_parses_says_so_and_is_not_kept(alice):
    team = factories.team(alice)
    with pytest.raises(StoredConfigBroken, match="Stored configuration is invalid"):
        ready_team(lambda: {**team.config, "max_turns": 0}, "other", alice.tenant, frozenset(), Accounts())
    assert ready(alice, team).max_turns == 1


# --- building ---------------------------------------------------------------------------------------------------------


def test_the_same_config_is_planned_once_and_built_for_each_anew(alice):
    config = factories.config("Writer", metadata={"list": [1]})
    before = build_cache.stats()
    first = team_validate(actor=alice.actor, config=config)
    backwards = dict(reversed(config.items()))
    second = team_validate(actor=alice.actor, config=backwards)
    after = build_cache.stats()
    assert (after.hits - before.hits, after.misses - before.misses) == (1, 1)
    assert first.spec.agents[0].agent_id != second.spec.agents[0].agent_id
    first.spec.metadata["list"].append("spoilt")
    first.config["agents"][0]["metadata"]["x"] = "spoilt"
    second.spec.agents[0].metadata["x"] = "spoilt"
    third = team_validate(actor=alice.actor, config=config)
    assert "spoilt" not in str(third.config)
    assert third.config["metadata"] == {"list": [1]}


def test_added_agents_are_nobody_elses_either(alice):
    config = factories.config("Writer", agent_team_flow="Writer->Critic", **MAY_ADD)
    first = team_validate(actor=alice.actor, config=config)
    first.spec.agents[1].metadata["x"] = "spoilt"
    assert team_validate(actor=alice.actor, config=config).spec.agents[1].metadata == {}


def test_another_wording_of_a_template_is_another_plan(alice):
    config = factories.config("Writer", agent_team_flow="Writer->Critic", **MAY_ADD)
    team_validate(actor=alice.actor, config=config)
    with tenant(alice.tenant.id):
        RoleTemplate.objects.create(role="Critic", prompt="New words.")
    found = team_validate(actor=alice.actor, config=config)
    assert found.spec.agents[1].agent_goal_based_prompt == "New words."


def test_a_config_found_valid_does_not_vouch_for_one_that_only_looks_like_it(alice):
    team_validate(actor=alice.actor, config=factories.config("Writer", max_turns=1))
    for wrong in (1.0, True, "1"):
        with pytest.raises(services.Invalid):
            team_validate(actor=alice.actor, config=factories.config("Writer", max_turns=wrong))


def test_a_frozen_agent_is_replaced_not_changed(alice):
    found = ready(alice, factories.team(alice))
    assert replace(found.agents[0], role="X").role == "X"
    assert found.agents[0].role == "Writer"
