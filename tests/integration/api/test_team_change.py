"""PUT and PATCH /api/v1/teams/{id}."""

from typing import Any

import pytest

from teams.models import AuditEntry, Team
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

OTHER = factories.config("Editor", max_turns=3)


def stored(owner: Any, team: Any) -> Team:
    with tenant(owner.tenant.id):
        return Team.objects.get(id=team.id)


def test_put_makes_a_version(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).put(f"/api/v1/teams/{team.id}", {"config": OTHER, "reason": "shorter"})

    assert answer.status_code == 200
    assert answer["ETag"] == '"2"'
    assert answer.json()["flow"] == ["Editor"]
    now = stored(alice, team)
    assert (now.version, now.config["max_turns"], now.name) == (2, 3, team.name)
    with tenant(alice.tenant.id):
        assert Team.history.get(id=team.id, version=2, makes_version=True).history_change_reason == "shorter"
        assert AuditEntry.objects.filter(object_id=str(team.id), action="team.update", reason="shorter").exists()


def test_agents_keep_their_ids(api: Any, alice: Any) -> None:
    team = factories.team(alice, "Writer", "Critic")
    body = api(alice).put(f"/api/v1/teams/{team.id}", {"config": factories.config("Critic", "Writer")}).json()
    ids = {agent["agent_role"]: agent["agent_id"] for agent in body["config"]["agents"]}
    assert ids == {agent["agent_role"]: agent["agent_id"] for agent in team.config["agents"]}


def test_put_needs_a_config(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).put(f"/api/v1/teams/{team.id}", {"name": "Other"})
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == ["config"]
    assert stored(alice, team).version == 1


def test_patch_of_the_name_makes_no_version(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).patch(f"/api/v1/teams/{team.id}", {"name": "Bricks"})

    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["version"]) == ("Bricks", 1)
    assert (stored(alice, team).name, stored(alice, team).version) == ("Bricks", 1)


def test_patch_of_both(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    body = api(alice).patch(f"/api/v1/teams/{team.id}", {"name": "Bricks", "config": OTHER}).json()
    assert (body["name"], body["version"]) == ("Bricks", 2)


@pytest.mark.parametrize("body", [{}, {"reason": "none"}])
def test_patch_of_nothing(api: Any, alice: Any, body: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).patch(f"/api/v1/teams/{team.id}", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["msg"] == "give config, name or both"


def test_patch_of_config_to_null_is_no_config(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    assert api(alice).patch(f"/api/v1/teams/{team.id}", {"config": None}).status_code == 400
    assert stored(alice, team).version == 1


@pytest.mark.parametrize("if_match", ["1", '"1"', 'W/"1"', "*"])
def test_if_match_of_the_present_version(api: Any, alice: Any, if_match: str) -> None:
    team = factories.team(alice)
    url = f"/api/v1/teams/{team.id}"
    assert api(alice).put(url, {"config": OTHER}, headers={"If-Match": if_match}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("put", "", {"config": OTHER}),
        ("patch", "", {"config": OTHER}),
        ("patch", "", {"name": "Other"}),
        ("post", "/rollback", {"target_version": 1}),
    ],
)
def test_if_match_of_another_version(api: Any, alice: Any, method: str, path: str, body: Any) -> None:
    team = factories.team(alice)
    url = f"/api/v1/teams/{team.id}{path}"
    answer = getattr(api(alice), method)(url, body, headers={"If-Match": '"7"'})

    assert answer.status_code == 412
    assert "the team is at version 1, not 7" in answer.json()["detail"]
    assert (stored(alice, team).version, stored(alice, team).name) == (1, team.name)


@pytest.mark.parametrize("if_match", ["abc", '"1', "-1", "1.0", '"1", "2"', "99999999999999"])
def test_if_match_that_is_no_version(api: Any, alice: Any, if_match: str) -> None:
    team = factories.team(alice)
    answer = api(alice).put(f"/api/v1/teams/{team.id}", {"config": OTHER}, headers={"If-Match": if_match})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == "If-Match"


def test_a_new_name_beside_a_new_config_is_in_the_audit_trail(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    api(alice).patch(f"/api/v1/teams/{team.id}", {"config": factories.config(max_turns=3), "name": "Other"})
    with tenant(alice.tenant.id):
        entry = AuditEntry.objects.get(action="team.update")
    assert entry.before == {"version": 1, "name": team.name}
    assert (entry.after["version"], entry.after["name"]) == (2, "Other")


def test_a_name_that_stays_is_not(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    api(alice).patch(f"/api/v1/teams/{team.id}", {"config": factories.config(max_turns=3), "name": team.name})
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(action="team.update").before == {"version": 1}
