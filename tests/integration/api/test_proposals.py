"""/api/v1/teams/{id}/proposal and /recommend, and what other routes say of them."""

from typing import Any

import pytest

from tests import factories

pytestmark = pytest.mark.django_db

ASKS = {
    "allow_TBA_to_recommend_agents": True,
    "allow_TBA_how_many_more": 2,
    "should_TBA_ask_caller_approval": True,
}
WAITING = factories.config("Writer", agent_team_flow="Writer->Critic", **ASKS)


@pytest.fixture
def hers(api: Any, alice: Any) -> Any:
    """Alice's client, and a team of hers whose Critic waits for approval."""
    client = api(alice)
    made = client.post("/api/v1/teams", {"config": WAITING})
    assert made.status_code == 201, made.content
    return client, made.json()


def url(team: dict[str, Any], what: str = "proposal") -> str:
    return f"/api/v1/teams/{team['id']}/{what}"


def test_a_team_shows_what_waits(hers):
    client, team = hers
    shown = client.get(f"/api/v1/teams/{team['id']}").json()["pending_proposal"]
    assert shown == team["pending_proposal"] == client.get(url(team)).json()
    (waits,) = shown["additions"]
    assert (waits["role"], waits["place"], waits["source"], waits["kind"]) == ("Critic", 2, "template:Critic", "flow")
    assert waits["agent"]["agent_goal_based_prompt"]
    assert (shown["version"], shown["is_stale"], shown["model"]) == (1, False, None)


def test_approve(hers):
    client, team = hers
    answer = client.post(url(team, "proposal/approve"), {"roles": ["Critic"], "reason": "yes"})
    body = answer.json()
    assert (answer.status_code, answer["ETag"], body["version"]) == (200, '"2"', 2)
    assert (body["flow"], body["pending_proposal"]) == (["Writer", "Critic"], None)
    assert body["additions"][0]["approved_by"].startswith("key:")
    version = client.get(f"/api/v1/teams/{team['id']}/versions/2").json()
    assert (version["reason"], version["additions"]) == ("yes", body["additions"])
    assert client.get(url(team)).status_code == 404
    assert client.post(url(team, "proposal/approve")).status_code == 409


def test_the_body_may_be_left_out(hers):
    client, team = hers
    assert client.post(url(team, "proposal/approve")).json()["version"] == 2


def test_reject(hers):
    client, team = hers
    assert client.post(url(team, "proposal/reject"), {"reason": "no"}).json() == {
        "team_id": team["id"],
        "rejected": True,
    }
    assert client.get(url(team)).status_code == 404
    assert client.post(url(team, "proposal/reject")).status_code == 409


def test_a_newer_version_makes_it_stale(hers):
    client, team = hers
    client.put(f"/api/v1/teams/{team['id']}", {"config": factories.config("Writer", **ASKS)})
    assert client.get(url(team)).json()["is_stale"] is True
    answer = client.post(url(team, "proposal/approve"))
    assert answer.status_code == 409
    assert "made for version 1" in answer.json()["detail"]


@pytest.mark.parametrize("route", ["/api/v1/executions", "/api/v1/teams/{id}/execute", "/execute?team_id={id}"])
def test_execute_answers_409_with_the_proposal(route, hers):
    client, team = hers
    body = {"team_id": team["id"]} if route.endswith("executions") else None
    answer = client.post(route.format(id=team["id"]), body)
    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert problem["proposal"] == team["pending_proposal"]
    assert "no agent has the role Critic" in problem["detail"]


def test_if_match(hers):
    client, team = hers
    assert client.post(url(team, "proposal/approve"), headers={"If-Match": "7"}).status_code == 412


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"roles": ["Nobody"]}, "roles.0"),
        ({"roles": []}, "roles"),
        ({"roles": "Critic"}, "roles"),
        ({"roles": [1]}, "roles.0"),
        ({"proposal_id": "x"}, "proposal_id"),
        ({"proposal_id": 7}, "proposal_id"),
        ({"extra": 1}, "extra"),
        ({"reason": "x" * 2001}, "reason"),
        ({"reason": "\0"}, "reason"),
    ],
)
def test_bad_bodies(body, loc, hers):
    client, team = hers
    answer = client.post(url(team, "proposal/approve"), body)
    assert answer.status_code == 400, answer.content
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]


def test_the_proposal_that_was_looked_at(hers):
    client, team = hers
    other = {"proposal_id": "0d4c9f5e-61f1-4d3c-9a37-0f3a5b1c2d10"}
    assert client.post(url(team, "proposal/approve"), other).status_code == 409
    assert client.post(url(team, "proposal/reject"), other).status_code == 409
    mine = {"proposal_id": team["pending_proposal"]["id"]}
    assert client.post(url(team, "proposal/approve"), mine).status_code == 200


def test_recommend(hers, tba_model, written):
    client, team = hers
    tba_model.writes(written("Poet", place=1))
    answer = client.post(url(team, "recommend"), {"reason": "dull"})
    body = answer.json()
    assert (answer.status_code, body["warnings"][0]["msg"]) == (200, "waits for approval: Poet, Critic")
    assert [one["role"] for one in body["proposal"]["additions"]] == ["Poet", "Critic"]
    now = client.get(f"/api/v1/teams/{team['id']}").json()
    assert (now["version"], now["pending_proposal"]) == (1, body["proposal"])
    approved = client.post(url(team, "proposal/approve")).json()
    assert approved["flow"] == ["Poet", "Writer", "Critic"]


def test_recommend_when_the_model_fails(hers, tba_model):
    client, team = hers
    tba_model.says("no")
    body = client.post(url(team, "recommend")).json()
    assert [one["role"] for one in body["proposal"]["additions"]] == ["Critic"]
    assert any("nobody was recommended" in warning["msg"] for warning in body["warnings"])


def test_recommend_without_a_slot(api, alice):
    team = factories.team(alice)
    answer = api(alice).post(f"/api/v1/teams/{team.id}/recommend")
    assert answer.status_code == 409
    assert "allow_TBA_how_many_more to at least 1" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("allowed", "slots", "fix"),
    [
        (True, 0, "set allow_TBA_how_many_more to at least 1"),
        (False, 2, "set allow_TBA_to_recommend_agents to true"),
        (False, 0, "set allow_TBA_to_recommend_agents to true and allow_TBA_how_many_more to at least 1"),
    ],
)
def test_recommend_says_only_what_is_to_be_changed(api, alice, allowed, slots, fix):
    config = factories.config(allow_TBA_to_recommend_agents=allowed, allow_TBA_how_many_more=slots)
    team = api(alice).post("/api/v1/teams", {"config": config}).json()
    answer = api(alice).post(f"/api/v1/teams/{team['id']}/recommend")
    assert answer.json()["detail"].endswith(f": {fix}")


def test_recommend_for_a_team_that_is_full(api, alice, tba_model):
    slots = {"allow_TBA_to_recommend_agents": True, "allow_TBA_how_many_more": 2}
    config = factories.config(*(f"Role {number}" for number in range(50)), **slots)
    team = api(alice).post("/api/v1/teams", {"config": config}).json()
    answer = api(alice).post(f"/api/v1/teams/{team['id']}/recommend")
    assert answer.status_code == 409
    assert "a team has at most 50: remove one first" in answer.json()["detail"]
    assert tba_model.calls == []


def test_scopes(hers, api, alice):
    _client, team = hers
    reader = api(alice, "teams:read")
    assert reader.get(url(team)).status_code == 200
    for what in ("proposal/approve", "proposal/reject", "recommend"):
        assert reader.post(url(team, what)).status_code == 403


def test_another_tenant(hers, api, charlie):
    _client, team = hers
    stranger = api(charlie)
    assert stranger.get(url(team)).status_code == 404
    for what in ("proposal/approve", "proposal/reject", "recommend"):
        assert stranger.post(url(team, what)).status_code == 404


def test_the_first_versions_routes_propose_too(api, alice):
    client = api(alice)
    built = client.post("/build", WAITING)
    assert [agent["role"] for agent in built.json()["agent_team"]] == ["Writer"]
    assert client.get(f"/api/v1/teams/{built.json()['team_id']}/proposal").status_code == 200
