"""Configs that must not be stored: each is refused with the place of what is wrong, whichever door it came through."""

from collections.abc import Callable
from typing import Any

import pytest

from teams.models import Team
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


def nested(depth: int) -> Any:
    """A list in a list in a list ..."""
    made: Any = "deep"
    for _ in range(depth):
        made = [made]
    return made


def agent(**changes: Any) -> dict[str, Any]:
    """A config with one agent, changed."""
    return factories.config(agents=[{"agent_role": "Writer", **changes}])


BAD: dict[str, tuple[Any, str]] = {
    "a list": ([], ""),
    "a text": ("Writer->Critic", ""),
    "empty": ({}, "agent_team_main_goal"),
    "goal of blanks": (factories.config(agent_team_main_goal="  "), "agent_team_main_goal"),
    "goal as number": (factories.config(agent_team_main_goal=5), "agent_team_main_goal"),
    "unknown field": (factories.config(max_rounds=3), "max_rounds"),
    "unknown field of an agent": (agent(role="Writer"), "agents.0.role"),
    "no rounds": (factories.config(max_turns=0), "max_turns"),
    "negative rounds": (factories.config(max_turns=-1), "max_turns"),
    "too many rounds": (factories.config(max_turns=101), "max_turns"),
    "huge rounds": (factories.config(max_turns=10**30), "max_turns"),
    "rounds as text": (factories.config(max_turns="5"), "max_turns"),
    "rounds as true": (factories.config(max_turns=True), "max_turns"),
    "role twice": (factories.config("Writer", "Writer"), "agents.1.agent_role"),
    "role with an arrow": (agent(agent_role="A->B"), "agents.0.agent_role"),
    "agents as object": (factories.config(agents={}), "agents"),
    "flow names nobody": (factories.config("Writer", agent_team_flow="Writer->Nobody"), "agent_team_flow"),
    "flow with a gap": (factories.config("Writer", agent_team_flow="Writer->->Writer"), "agent_team_flow"),
    "nobody to fill": (
        factories.config(
            "Writer",
            agent_team_flow="Writer->Nobody",
            allow_TBA_to_recommend_agents=True,
            allow_TBA_how_many_more=1,
        ),
        "agent_team_flow",
    ),
    "no slot to fill": (
        factories.config(
            "Writer",
            agent_team_flow="Writer->Critic->Refiner",
            allow_TBA_to_recommend_agents=True,
            allow_TBA_how_many_more=1,
        ),
        "agent_team_flow",
    ),
    "unknown tool": (factories.config(available_tools=["Search_Vector_DB", "Hammer"]), "available_tools.1"),
    "unknown tool of an agent": (agent(agent_tools=["Hammer"]), "agents.0.agent_tools.0"),
    "unknown provider": (
        agent(LLM_model={"provider": "acme-llm", "model": "x"}),
        "agents.0.LLM_model.provider",
    ),
    "model without a name": (agent(LLM_model={"provider": "openai"}), "agents.0.LLM_model.model"),
    "hot": (agent(LLM_configuration={"temperature": 3}), "agents.0.LLM_configuration.temperature"),
    "NUL": (agent(agent_personality="a\0b"), "agents.0.agent_personality"),
    "deep": (factories.config(metadata={"a": nested(25)}), ".".join(["metadata", "a", *["0"] * 18])),
    "deeper than any body may be": (
        factories.config(metadata={"a": nested(200)}),
        "metadata.a",
    ),
    "more than 1 MB": (factories.config(metadata={"a": "x" * 1_100_000}), ""),
}


def compat(client: Any, config: Any) -> Any:
    """As the first version took it."""
    return client.post("/build", config, format="json")


def canonical(client: Any, config: Any) -> Any:
    """As the API takes it."""
    return client.post("/api/v1/teams", {"config": config}, format="json")


def assert_nothing_stored(owner: Any) -> None:
    with tenant(owner.tenant.id):
        assert not Team.objects.exists()
        assert not Team.history.exists()


@pytest.mark.parametrize("door", [canonical, compat])
@pytest.mark.parametrize("case", BAD)
def test_refused(api: Any, alice: Any, door: Callable[[Any, Any], Any], case: str) -> None:
    config, loc = BAD[case]
    answer = door(api(alice), config)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    places = [error["loc"] for error in answer.json()["errors"]]
    assert any(place.startswith(loc) if "deep" in case else place == loc for place in places), places
    assert all(error["msg"] for error in answer.json()["errors"])
    assert_nothing_stored(alice)


@pytest.mark.parametrize("door", [canonical, compat])
def test_every_error_is_told_at_once(api: Any, alice: Any, door: Callable[[Any, Any], Any]) -> None:
    config = factories.config("Writer", "Writer", max_turns=0, goal="x")
    places = {error["loc"] for error in door(api(alice), config).json()["errors"]}
    assert places == {"max_turns", "goal", "agents.1.agent_role"}


@pytest.mark.parametrize("door", [canonical, compat])
def test_5_mb_is_refused_before_it_is_read(api: Any, alice: Any, door: Callable[[Any, Any], Any]) -> None:
    answer = door(api(alice), factories.config(metadata={"a": "x" * 5_000_000}))
    assert answer.status_code == 413
    assert "2 MB" in answer.json()["detail"]
    assert_nothing_stored(alice)


@pytest.mark.parametrize("door", [canonical, compat])
def test_another_tenant_and_none_at_all_get_one_answer(
    api: Any, alice: Any, charlie: Any, door: Callable[[Any, Any], Any]
) -> None:
    answers = [door(api(alice), factories.config(tenant_id=slug)) for slug in (charlie.tenant.slug, "no-such-tenant")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["errors"][0]["loc"] == "tenant_id"
    assert_nothing_stored(alice)
    assert_nothing_stored(charlie)


def test_a_team_keeps_its_version(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    client, bad = api(alice), factories.config(max_turns=0)
    answers = [
        client.put(f"/api/v1/teams/{team.id}", {"config": bad}),
        client.patch(f"/api/v1/teams/{team.id}", {"config": bad}),
        client.post(f"/update_team?team_id={team.id}", bad),
        client.post(f"/teams?team_id={team.id}", bad),
        client.post(f"/execute?team_id={team.id}", bad),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    with tenant(alice.tenant.id):
        assert Team.objects.get(id=team.id).version == 1
        assert Team.history.count() == 1
