"""POST /api/v1/teams."""

from typing import Any

import pytest

from teams.models import AuditEntry, Team
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/v1/teams"


def test_created(api: Any, alice: Any) -> None:
    answer = api(alice).post(URL, {"config": factories.config(), "name": "Bricks", "reason": "first"})

    assert answer.status_code == 201
    assert answer["Location"] == f"{URL}/{answer.json()['id']}"
    assert answer["ETag"] == '"1"'
    with tenant(alice.tenant.id):
        team = Team.objects.get(id=answer.json()["id"])
        version = Team.history.get(id=team.id, version=1)
    assert (team.name, team.version) == ("Bricks", 1)
    assert team.config["agent_team_main_goal"] == "Name three uses of a brick."
    assert version.history_change_reason == "first"
    assert version.actor.startswith("key:")


def test_answer_shows_the_team(api: Any, alice: Any) -> None:
    body = api(alice).post(URL, {"config": factories.config("Writer", "Critic")}).json()

    assert body["name"] == "Name three uses of a brick."
    assert body["flow"] == ["Writer", "Critic"]
    assert [agent["role"] for agent in body["agents"]] == ["Writer", "Critic"]
    assert body["config"]["tenant_id"] == "acme"
    assert body["additions"] == []


def test_empty_config_gets_the_default_roles_with_reasons(api: Any, alice: Any) -> None:
    body = api(alice).post(URL, {"config": {"agent_team_main_goal": "Why is the sky blue?"}}).json()

    assert body["flow"] == ["DecisionMaker", "Retriever", "Critic", "Refiner"]
    assert [addition["role"] for addition in body["additions"]] == body["flow"]


def test_audited(api: Any, alice: Any) -> None:
    team_id = api(alice).post(URL, {"config": factories.config(), "reason": "first"}).json()["id"]

    with tenant(alice.tenant.id):
        entry = AuditEntry.objects.get(object_id=team_id)
    assert (entry.action, entry.reason) == ("team.create", "first")


def test_config_is_required(api: Any, alice: Any) -> None:
    answer = api(alice).post(URL, {"name": "Bricks"})

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"loc": "config", "msg": "is required: add it"}]


def test_bob_sees_it_charlie_does_not(api: Any, alice: Any, bob: Any, charlie: Any) -> None:
    team_id = api(alice).post(URL, {"config": factories.config()}).json()["id"]

    assert api(bob).get(f"{URL}/{team_id}").status_code == 200
    assert api(charlie).get(f"{URL}/{team_id}").status_code == 404
