"""POST /api/v1/executions and POST /api/v1/teams/{id}/execute: accepted, or refused with the place named."""

import uuid

import pytest

from executions.models import Execution
from teams.services import team_delete, team_update
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/v1/executions"


@pytest.fixture
def team(alice):
    return factories.team(alice)


def stored(who):
    with tenant(who.tenant.id):
        return Execution.objects.count()


def test_a_run_is_accepted_with_its_address(api, alice, team):
    answer = api(alice).post(URL, {"team_id": str(team.id), "input": "Be brief."})
    assert answer.status_code == 202
    body = answer.json()
    assert answer["Location"] == f"{URL}/{body['id']}"
    assert (body["team_id"], body["version"], body["status"], body["input"]) == (str(team.id), 1, "queued", "Be brief.")
    assert body["source"] == "api"
    assert body["actor"].startswith("key:")
    assert "Idempotent-Replay" not in answer
    assert api(alice).get(answer["Location"]).json() == body


def test_an_object_may_be_given(api, alice, team):
    given = {"customer": {"name": "Ada"}, "tags": ["a", 1]}
    assert api(alice).post(URL, {"team_id": str(team.id), "input": given}).json()["input"] == given


def test_under_the_team(api, alice, team):
    answer = api(alice).post(f"/api/v1/teams/{team.id}/execute", {"input": "Go."})
    assert answer.status_code == 202
    assert answer.json()["team_id"] == str(team.id)


def test_under_the_team_without_a_body(api, alice, team):
    assert api(alice).post(f"/api/v1/teams/{team.id}/execute").status_code == 202


def test_an_older_version(api, alice, team):
    team_update(actor=alice.actor, team_id=team.id, config=factories.config("Solo"))
    body = {"team_id": str(team.id), "version": 1}
    assert api(alice).post(URL, body).json()["version"] == 1


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"team_id": None}, "team_id"),
        ({"team_id": "x"}, "team_id"),
        ({"team_id": 7}, "team_id"),
        ({"input": 7}, "input"),
        ({"input": ["a"]}, "input"),
        ({"input": True}, "input"),
        ({"input": "a\0b"}, "input"),
        ({"input": {"a": {"b": "\0"}}}, "input.a.b"),
        ({"version": 0}, "version"),
        ({"version": "1"}, "version"),
        ({"version": 1.5}, "version"),
        ({"version": 2**31}, "version"),
        ({"version": True}, "version"),
        ({"budget": {"tokens": 0}}, "budget.tokens"),
        ({"webhook": "https://example.org"}, "webhook"),
        ({"budget": {"whales": 1}}, "budget.whales"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_is_wrong_is_named(api, alice, team, changes, loc):
    answer = api(alice).post(URL, {"team_id": str(team.id), **changes})
    assert answer.status_code == 400, answer.content
    assert loc in [error["loc"] for error in answer.json()["errors"]], answer.json()
    assert stored(alice) == 0


def test_a_large_input_is_refused(api, alice, team):
    answer = api(alice).post(URL, {"team_id": str(team.id), "input": "x" * 1_500_000})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == "input"


def test_foreign_deleted_and_missing_teams_are_the_same(api, alice, charlie, team):
    missing = uuid.uuid4()
    deleted = factories.team(charlie).id
    team_delete(actor=charlie.actor, team_id=deleted)
    details = []
    for wanted in (team.id, missing, deleted):
        answer = api(charlie).post(URL, {"team_id": str(wanted)})
        assert answer.status_code == 404
        details.append(answer.json()["detail"].replace(str(wanted), "ID"))
    assert len(set(details)) == 1
    assert stored(charlie) == 0


def test_an_unknown_version_is_not_found(api, alice, team):
    assert api(alice).post(URL, {"team_id": str(team.id), "version": 9}).status_code == 404


def test_the_scope_is_needed(api, alice, team):
    answer = api(alice, "executions:read").post(URL, {"team_id": str(team.id)})
    assert answer.status_code == 403
    assert "executions:run" in answer.json()["detail"]
    assert api().post(URL, {"team_id": str(team.id)}).status_code == 401
    assert stored(alice) == 0
