"""POST /update_team, POST /rollback_team and DELETE /delete_team."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from teams.models import AuditEntry, Team
from teams.services import team_update
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


def stored(owner: Any, team: Any) -> Team:
    with tenant(owner.tenant.id):
        return Team.objects.get(id=team.id)


def test_updated(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).post(f"/update_team?team_id={team.id}", factories.config(max_turns=4))
    assert answer.status_code == 200
    now = stored(alice, team)
    assert answer.json()["team_id"] == str(team.id)
    assert answer.json()["new_version"] == now.version == 2
    assert datetime.fromisoformat(answer.json()["updated_at"]) == now.updated_at > team.updated_at
    assert now.config["max_turns"] == 4


@pytest.mark.parametrize("body", [factories.config(), factories.config(max_turns=0), None, []])
def test_a_missing_team_is_told_before_a_wrong_config(api: Any, alice: Any, body: Any) -> None:
    team_id = uuid4()
    answer = api(alice).post(f"/update_team?team_id={team_id}", body)
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"Team ID {team_id} not found or is deleted"


def test_a_missing_team_is_told_before_broken_json(api: Any, alice: Any) -> None:
    url = f"/update_team?team_id={uuid4()}"
    assert api(alice).generic("POST", url, b"{", content_type="application/json").status_code == 404


def test_a_wrong_config(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).post(f"/update_team?team_id={team.id}", factories.config(max_turns=0))
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid configuration: ")
    assert stored(alice, team).version == 1


def test_a_team_that_moved_meanwhile_stays_as_it_is(api: Any, alice: Any) -> None:
    team, seen = factories.team(alice), {"If-Match": '"7"'}
    client, query = api(alice), f"team_id={team.id}"
    answers = [
        client.post(f"/update_team?{query}", factories.config(), headers=seen),
        client.post(f"/rollback_team?{query}&target_version=1", headers=seen),
        client.delete(f"/delete_team?{query}", headers=seen),
    ]
    assert [answer.status_code for answer in answers] == [412] * 3
    assert (stored(alice, team).version, stored(alice, team).is_deleted) == (1, False)
    assert client.post(f"/update_team?{query}", factories.config(), headers={"If-Match": '"1"'}).status_code == 200


def test_rolled_back(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    team_update(actor=alice.actor, team_id=team.id, config=factories.config(max_turns=4))
    answer = api(alice).post(f"/rollback_team?team_id={team.id}&target_version=1")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["team_id"], body["restored_version"], body["new_version"]) == (str(team.id), 1, 3)
    assert datetime.fromisoformat(body["restored_at"]) == stored(alice, team).updated_at
    assert stored(alice, team).config == team.config


@pytest.mark.parametrize("version", [0, -1, 2, 10**30])
def test_an_unknown_version(api: Any, alice: Any, version: int) -> None:
    team = factories.team(alice)
    answer = api(alice).post(f"/rollback_team?team_id={team.id}&target_version={version}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"Version {version} not found for Team ID {team.id}"
    assert stored(alice, team).version == 1


@pytest.mark.parametrize("query", ["", "&target_version=", "&target_version=one", "&target_version=1.5"])
def test_a_version_that_is_none(api: Any, alice: Any, query: str) -> None:
    team = factories.team(alice)
    answer = api(alice).post(f"/rollback_team?team_id={team.id}{query}")
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == ["target_version"]


def test_deleted(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).delete(f"/delete_team?team_id={team.id}")
    assert answer.status_code == 200
    assert answer.json() == {"team_id": str(team.id), "deleted": True}
    assert stored(alice, team).is_deleted


def test_deleted_again(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    client = api(alice)
    client.delete(f"/delete_team?team_id={team.id}")
    answer = client.delete(f"/delete_team?team_id={team.id}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"Team ID {team.id} not found or already deleted"


def test_after_a_delete_everything_is_404(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    client = api(alice)
    client.delete(f"/delete_team?team_id={team.id}")
    answers = [
        client.post(f"/execute?team_id={team.id}"),
        client.post(f"/update_team?team_id={team.id}", factories.config()),
        client.post(f"/rollback_team?team_id={team.id}&target_version=1"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert {answer.json()["detail"] for answer in answers} == {f"Team ID {team.id} not found or is deleted"}


@pytest.mark.parametrize(
    ("method", "route"),
    [("post", "execute"), ("post", "update_team"), ("post", "rollback_team"), ("delete", "delete_team")],
)
def test_the_team_is_required(api: Any, alice: Any, method: str, route: str) -> None:
    answer = getattr(api(alice), method)(f"/{route}?target_version=1" if route == "rollback_team" else f"/{route}")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"loc": "team_id", "msg": "is required: add it"}]


def test_why_it_was_deleted(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    assert api(alice).delete(f"/delete_team?team_id={team.id}&reason=obsolete").status_code == 200
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(action="team.delete").reason == "obsolete"
