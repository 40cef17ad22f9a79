"""Versions of a team: list, get, compare, roll back."""

from typing import Any

import pytest

from teams.models import Team
from teams.services import team_update
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(alice: Any) -> Any:
    """A team with three versions."""
    made = factories.team(alice)
    for turns in (2, 3):
        config = factories.config(max_turns=turns)
        made = team_update(actor=alice.actor, team_id=made.id, config=config, reason=f"{turns} rounds").team
    return made


def test_listed_newest_first(api: Any, alice: Any, team: Any) -> None:
    rows = api(alice).get(f"/api/v1/teams/{team.id}/versions").json()["results"]

    assert [row["version"] for row in rows] == [3, 2, 1]
    assert [row["reason"] for row in rows] == ["3 rounds", "2 rounds", ""]
    assert [row["is_current"] for row in rows] == [True, False, False]
    assert rows[0]["actor"] == "user:alice"
    assert rows[0]["config_hash"] == team.config_hash
    assert "config" not in rows[0]


def test_listed_in_pages(api: Any, alice: Any, team: Any) -> None:
    first = api(alice).get(f"/api/v1/teams/{team.id}/versions?limit=2").json()
    second = api(alice).get(first["next"]).json()
    assert [row["version"] for row in second["results"]] == [1]


def test_renaming_and_restoring_are_no_versions(api: Any, alice: Any, team: Any) -> None:
    client, url = api(alice), f"/api/v1/teams/{team.id}"
    client.patch(url, {"name": "Other"})
    client.delete(url)
    client.post(f"{url}/restore")
    assert len(client.get(f"{url}/versions").json()["results"]) == 3


def test_one_with_its_config(api: Any, alice: Any, team: Any) -> None:
    body = api(alice).get(f"/api/v1/teams/{team.id}/versions/2").json()
    assert (body["version"], body["config"]["max_turns"], body["is_current"]) == (2, 2, False)


@pytest.mark.parametrize("version", [0, 4, 99999999999999999999])
def test_an_unknown_version(api: Any, alice: Any, team: Any, version: int) -> None:
    answer = api(alice).get(f"/api/v1/teams/{team.id}/versions/{version}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"Version {version} not found for Team ID {team.id}"


def test_compared(api: Any, alice: Any, team: Any) -> None:
    answer = api(alice).get(f"/api/v1/teams/{team.id}/versions/compare?a=1&b=3")
    assert answer.status_code == 200
    (change,) = answer.json()["changes"]
    assert (change["kind"], change["path"], change["before"], change["after"]) == ("changed", "max_turns", 1, 3)
    assert change["sentence"] == "The most rounds (max_turns) changed from 1 to 3."


def test_compared_word_by_word(api: Any, alice: Any, team: Any) -> None:
    config = factories.config(max_turns=3)
    config["agents"][0]["agent_goal_based_prompt"] = "You are the best Writer."
    team_update(actor=alice.actor, team_id=team.id, config=config)
    (change,) = api(alice).get(f"/api/v1/teams/{team.id}/versions/compare?a=3&b=4").json()["changes"]
    assert {"op": "ins", "text": "best "} in change["words"]


@pytest.mark.parametrize(("query", "loc"), [("a=1", "b"), ("a=1&b=x", "b"), ("a=0&b=1", "a"), ("a=1&b=2&c=3", "c")])
def test_a_wrong_comparison(api: Any, alice: Any, team: Any, query: str, loc: str) -> None:
    answer = api(alice).get(f"/api/v1/teams/{team.id}/versions/compare?{query}")
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]


def test_rolled_back(api: Any, alice: Any, team: Any) -> None:
    answer = api(alice).post(f"/api/v1/teams/{team.id}/rollback", {"target_version": 1, "reason": "too long"})

    assert answer.status_code == 200
    assert (answer.json()["version"], answer.json()["config"]["max_turns"]) == (4, 1)
    with tenant(alice.tenant.id):
        assert Team.objects.get(id=team.id).version == 4
        assert Team.history.filter(id=team.id, makes_version=True).count() == 4
        assert Team.history.get(id=team.id, version=4).history_change_reason == "too long"


def test_rolled_back_to_an_unknown_version(api: Any, alice: Any, team: Any) -> None:
    answer = api(alice).post(f"/api/v1/teams/{team.id}/rollback", {"target_version": 9})
    assert answer.status_code == 404
    with tenant(alice.tenant.id):
        assert Team.objects.get(id=team.id).version == 3


@pytest.mark.parametrize("target", ["1", 0, 1.5, True, None, 2**40])
def test_a_target_that_is_no_version(api: Any, alice: Any, team: Any, target: Any) -> None:
    answer = api(alice).post(f"/api/v1/teams/{team.id}/rollback", {"target_version": target})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == "target_version"
