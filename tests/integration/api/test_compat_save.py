"""POST /teams and POST /build, the routes of the first version that store a config."""

from typing import Any
from uuid import uuid4

import pytest

from teams.models import Team
from teams.services import team_delete
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


def stored(owner: Any, team_id: Any) -> Team:
    with tenant(owner.tenant.id):
        return Team.objects.get(id=team_id)


def test_saved(api: Any, alice: Any) -> None:
    answer = api(alice).post("/teams", factories.config())
    assert answer.status_code == 201
    team_id = answer.json()["team_id"]
    assert answer.json() == {"team_id": team_id, "message": "Team config saved", "version": 1}
    assert stored(alice, team_id).version == 1


def test_saved_under_an_id_of_the_callers(api: Any, alice: Any) -> None:
    team_id = uuid4()
    answer = api(alice).post(f"/teams?team_id={team_id}", factories.config())
    assert answer.json() == {"team_id": str(team_id), "message": "Team config saved", "version": 1}
    assert stored(alice, team_id).version == 1


def test_saved_again_as_a_new_version(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).post(f"/teams?team_id={team.id}", factories.config(max_turns=4))
    assert answer.status_code == 201
    assert answer.json()["version"] == 2
    assert stored(alice, team.id).config["max_turns"] == 4


def test_a_deleted_team_is_not_revived(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    answer = api(alice).post(f"/teams?team_id={team.id}", factories.config())
    assert answer.status_code == 409
    assert stored(alice, team.id).is_deleted


def test_built(api: Any, alice: Any) -> None:
    answer = api(alice).post("/build", factories.config("Writer"))
    assert answer.status_code == 200
    body = answer.json()
    assert body["version"] == 1
    assert body["agent_team"] == [{"name": "Writer", "role": "Writer", "personality": "", "model": None, "tools": []}]
    assert stored(alice, body["team_id"]).version == 1


def test_built_without_agents(api: Any, alice: Any) -> None:
    body = api(alice).post("/build", {"agent_team_main_goal": "Why is the sky blue?", "agents": None}).json()
    assert [agent["role"] for agent in body["agent_team"]] == ["DecisionMaker", "Retriever", "Critic", "Refiner"]


def test_an_invalid_config(api: Any, alice: Any) -> None:
    answer = api(alice).post("/build", factories.config(max_turns=0))
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid configuration: ")
    assert "max_turns: must be 1 or more; got 0" in answer.json()["detail"]
    assert answer.json()["errors"] == [{"loc": "max_turns", "msg": "must be 1 or more; got 0"}]
    with tenant(alice.tenant.id):
        assert not Team.objects.exists()


def test_no_body(api: Any, alice: Any) -> None:
    answer = api(alice).post("/build")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == "agent_team_main_goal"
