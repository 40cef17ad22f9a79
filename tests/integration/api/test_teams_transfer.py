"""GET /api/v1/teams/export and POST /api/v1/teams/import."""

from typing import Any
from uuid import uuid4

import pytest

from teams import transfer
from teams.models import Team
from teams.services import team_delete, team_get, team_update
from teams.tenancy import tenant
from tests import factories, samples

pytestmark = pytest.mark.django_db

EXPORT, IMPORT = "/api/v1/teams/export", "/api/v1/teams/import"


@pytest.fixture
def team(alice: Any) -> Team:
    made: Team = factories.team(alice, "Writer", "Critic", metadata={"ours": 1})
    return made


def stored(who: Any) -> list[Team]:
    with tenant(who.tenant.id):
        return list(Team.objects.order_by("created_at"))


def exported(client: Any, ids: str = "all") -> Any:
    answer = client.get(EXPORT, {"ids": ids})
    assert answer.status_code == 200, answer.content
    return answer.json()


def sent(client: Any, document: Any, **more: Any) -> Any:
    answer = client.post(IMPORT, {"document": document, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


# --- out --------------------------------------------------------------------------------------------------------------


def test_export_is_a_file_with_all_teams(team: Team, api: Any, alice: Any) -> None:
    other, gone = factories.team(alice), factories.team(alice)
    team_delete(actor=alice.actor, team_id=gone.id)
    answer = api(alice, "teams:read").get(EXPORT)
    assert answer["Content-Disposition"] == 'attachment; filename="teams-acme.json"'
    body = answer.json()
    assert (body["format"], body["version"]) == ("agent-team-builder", 1)
    assert [entry["id"] for entry in body["teams"]] == [str(team.id), str(other.id)]
    assert body["teams"][0]["version"] == 1
    assert "tenant_id" not in body["teams"][0]["config"]


def test_some_teams_in_the_order_asked_for(team: Team, api: Any, alice: Any) -> None:
    other = factories.team(alice)
    body = exported(api(alice), f"{other.id}, {team.id},{other.id}")
    assert [entry["id"] for entry in body["teams"]] == [str(other.id), str(team.id)]


def test_foreign_deleted_and_missing_ids_answer_alike(team: Team, api: Any, alice: Any, charlie: Any) -> None:
    foreign, nobodys, gone = factories.team(charlie), uuid4(), factories.team(alice)
    team_delete(actor=alice.actor, team_id=gone.id)
    for team_id in (foreign.id, nobodys, gone.id):
        answer = api(alice).get(EXPORT, {"ids": f"{team.id},{team_id}"})
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"Team ID {team_id} not found or is deleted"


def test_all_is_all_of_the_own_tenant(team: Team, api: Any, charlie: Any) -> None:
    assert exported(api(charlie))["teams"] == []


@pytest.mark.parametrize("ids", ["", "x", "all,all", "1,2"])
def test_ids_that_are_none(api: Any, alice: Any, ids: str) -> None:
    answer = api(alice).get(EXPORT, {"ids": ids})
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == ["ids"]


def test_too_many_to_export(team: Team, api: Any, alice: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(transfer, "MAX_TEAMS", 0)
    answer = api(alice).get(EXPORT)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"loc": "ids", "msg": "are 1 teams: at most 0 fit in one document; name fewer"}]


# --- there and back ---------------------------------------------------------------------------------------------------


def test_a_round_trip_to_another_tenant_changes_nothing_but_ids(team: Team, api: Any, alice: Any, charlie: Any) -> None:
    report = sent(api(charlie), exported(api(alice)))
    assert report["counts"] == {"created": 1, "updated": 0, "skipped": 0, "failed": 0}
    (arrived,) = stored(charlie)
    assert report["results"][0]["id"] == str(arrived.id) != str(team.id)
    assert arrived.name == team.name
    assert arrived.config == {**team.config, "tenant_id": "globex"}
    assert [agent["agent_id"] for agent in arrived.config["agents"]] == [
        agent["agent_id"] for agent in team.config["agents"]
    ]


def test_the_version_says_where_it_came_from(team: Team, api: Any, alice: Any, charlie: Any) -> None:
    sent(api(charlie), exported(api(alice)))
    sent(api(charlie), exported(api(alice)), reason="second try")
    with tenant(charlie.tenant.id):
        reasons = list(Team.history.order_by("history_id").values_list("history_change_reason", flat=True))
    assert reasons == ["imported from agent-team-builder", "second try"]


def test_create_makes_a_new_team_each_time(team: Team, api: Any, alice: Any) -> None:
    sent(api(alice), exported(api(alice)))
    assert len(stored(alice)) == 2


# --- modes ------------------------------------------------------------------------------------------------------------


def test_update_stores_a_version_of_what_changed(team: Team, api: Any, alice: Any) -> None:
    document = exported(api(alice))
    team_update(actor=alice.actor, team_id=team.id, config=factories.config("Writer"))
    report = sent(api(alice), document, mode="update")
    (result,) = report["results"]
    assert (result["action"], result["version"], result["id"]) == ("updated", 3, str(team.id))
    assert team_get(actor=alice.actor, team_id=team.id).config == team.config


def test_update_leaves_what_is_equal(team: Team, api: Any, alice: Any) -> None:
    report = sent(api(alice), exported(api(alice)), mode="update")
    assert report["results"][0]["action"] == "skipped"
    assert report["results"][0]["detail"] == "nothing differs from what is here"
    assert team_get(actor=alice.actor, team_id=team.id).version == 1


def test_update_of_a_name_alone_makes_no_version(team: Team, api: Any, alice: Any) -> None:
    document = exported(api(alice))
    document["teams"][0]["name"] = "Other"
    assert sent(api(alice), document, mode="update", dry_run=True)["results"][0]["detail"] == "only its name differs"
    assert sent(api(alice), document, mode="update")["results"][0]["action"] == "updated"
    now = team_get(actor=alice.actor, team_id=team.id)
    assert (now.name, now.version) == ("Other", 1)


@pytest.mark.parametrize("mode", ["update", "skip"])
def test_an_id_that_is_free_is_kept(api: Any, alice: Any, mode: str) -> None:
    team_id = str(uuid4())
    document = {"format": "agent-team-builder", "version": 1, "teams": [{"id": team_id, "config": factories.config()}]}
    assert sent(api(alice), document, mode=mode)["results"][0]["id"] == team_id
    assert [str(team.id) for team in stored(alice)] == [team_id]


def test_skip_leaves_what_is_there(team: Team, api: Any, alice: Any) -> None:
    document = exported(api(alice))
    document["teams"][0]["config"]["max_turns"] = 9
    document["teams"].append({"config": factories.config("New")})
    report = sent(api(alice), document, mode="skip")
    assert [result["action"] for result in report["results"]] == ["skipped", "created"]
    assert team_get(actor=alice.actor, team_id=team.id).version == 1


def test_a_deleted_id_is_not_revived(team: Team, api: Any, alice: Any) -> None:
    document = exported(api(alice))
    team_delete(actor=alice.actor, team_id=team.id)
    (result,) = sent(api(alice), document, mode="update")["results"]
    assert (result["action"], result["detail"]) == (
        "failed",
        f"Team ID {team.id} is deleted; restore it first or leave team_id out",
    )
    assert sent(api(alice), document, mode="skip")["results"][0]["detail"] == "its id is here already, deleted"


@pytest.mark.parametrize("mode", ["update", "skip"])
def test_a_foreign_id_says_no_more_than_an_upsert(team: Team, api: Any, alice: Any, charlie: Any, mode: str) -> None:
    document = exported(api(alice))
    document["teams"].append({"config": factories.config("Next")})
    taken, following = sent(api(charlie), document, mode=mode)["results"]
    upsert = api(charlie).post(f"/teams?team_id={team.id}", factories.config())
    assert (taken["action"], taken["detail"]) == ("failed", upsert.json()["detail"])
    assert following["action"] == "created"
    assert len(stored(charlie)) == 1
    assert stored(alice)[0].version == 1


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_refused_team_keeps_no_other_out(api: Any, alice: Any) -> None:
    good, bad = {"config": factories.config()}, {"name": "Bad", "config": factories.config(max_turns=0)}
    document = {"format": "agent-team-builder", "version": 1, "teams": [good, bad, good]}
    report = sent(api(alice), document)
    assert [result["action"] for result in report["results"]] == ["created", "failed", "created"]
    assert report["results"][1]["errors"] == [{"loc": "max_turns", "msg": "must be 1 or more; got 0"}]
    assert report["results"][1]["name"] == "Bad"
    assert len(stored(alice)) == 2


def test_another_tenants_slug_is_refused(api: Any, alice: Any, charlie: Any) -> None:
    for slug in ("globex", "no-such-tenant"):
        document = {"format": "agent-team-builder", "version": 1, "teams": [{"config": factories.config()}]}
        document["teams"][0]["config"]["tenant_id"] = slug
        (result,) = sent(api(alice), document)["results"]
        assert result["errors"] == [{"loc": "tenant_id", "msg": "tenant_id must be your own tenant's or left out"}]
    assert stored(alice) == []


def test_dry_run_tells_all_and_stores_nothing(team: Team, api: Any, alice: Any) -> None:
    document = exported(api(alice))
    document["teams"][0]["config"]["max_turns"] = 9
    document["teams"] += [{"config": factories.config("New")}, {"config": {}}]
    report = sent(api(alice), document, mode="update", dry_run=True)
    assert report["dry_run"] is True
    assert [result["action"] for result in report["results"]] == ["updated", "created", "failed"]
    assert [result["id"] for result in report["results"]] == [str(team.id), None, None]
    assert [(row.id, row.version) for row in stored(alice)] == [(team.id, 1)]
    with tenant(alice.tenant.id):
        assert Team.history.count() == 1


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, "document"),
        ({"document": None}, "document"),
        ({"document": 5}, "document"),
        ({"document": {}, "format": "yaml"}, "format"),
        ({"document": {}, "mode": "replace"}, "mode"),
        ({"document": {}, "dry_run": "yes"}, "dry_run"),
        ({"document": {"format": "agent-team-builder"}}, "document.version"),
        ({"document": {"format": "agent-team-builder", "version": 2, "teams": []}}, "document.version"),
        ({"document": {"format": "agent-team-builder", "version": 1, "teams": [{"id": 5}]}}, "document.teams.0.config"),
        (
            {"document": {"format": "agent-team-builder", "version": 1, "teams": [{"config": 1, "name": "a\nb"}]}},
            "document.teams.0.name",
        ),
        ({"document": {"agents": "a: ["}}, "document.agents"),
        ({"document": {"agents": {"a": {}}, "tasks": {"t": {"agent": "b"}}}}, "document.tasks.t.agent"),
        ({"document": {"component_type": "team"}, "format": "autogen-studio"}, "document.config"),
    ],
)
def test_what_cannot_be_read_is_a_400_at_its_place(api: Any, alice: Any, body: Any, loc: str) -> None:
    answer = api(alice).post(IMPORT, body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["loc"] == loc
    assert stored(alice) == []


def test_an_id_twice(api: Any, alice: Any) -> None:
    entry = {"id": str(uuid4()), "config": factories.config()}
    answer = api(alice).post(
        IMPORT, {"document": {"format": "agent-team-builder", "version": 1, "teams": [entry, entry]}}
    )
    assert answer.json()["errors"][0]["loc"] == "document.teams.1.id"


def test_a_team_as_the_api_answers_it(team: Team, api: Any, alice: Any) -> None:
    client = api(alice)
    answer = client.get(f"/api/v1/teams/{team.id}").json()
    report = sent(client, answer, mode="update")
    assert (report["format"], report["results"][0]["action"]) == ("agent-team-builder", "skipped")
    answer["config"]["max_turns"] = 9
    assert sent(client, answer, mode="update")["results"][0] | {"warnings": []} == {
        "index": 0, "id": str(team.id), "name": team.name, "action": "updated", "version": 2, "detail": "",
        "errors": [], "warnings": [],
    }  # fmt: skip


def test_one_entry_of_an_export(team: Team, api: Any, alice: Any) -> None:
    [entry] = exported(api(alice))["teams"]
    assert sent(api(alice), entry)["counts"]["created"] == 1
    answer = api(alice).post(IMPORT, {"document": entry | {"name": 5}})
    assert answer.json()["errors"] == [{"loc": "document.name", "msg": "must be text in quotes; got 5"}]


def test_a_document_sent_bare_is_told_where_it_belongs(team: Team, api: Any, alice: Any) -> None:
    answer = api(alice).post(IMPORT, exported(api(alice)))
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["loc"] == "document"
    assert 'send what is to be imported inside, {"document": { … }}' in error["msg"]


def test_a_bare_config_is_one_team(api: Any, alice: Any) -> None:
    assert sent(api(alice), factories.config())["counts"]["created"] == 1


# --- other tools ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["round_robin", "selector", "swarm", "gallery"])
def test_autogen_studio(api: Any, alice: Any, name: str) -> None:
    report = sent(api(alice), samples.document(f"autogen_{name}.json"), format="autogen-studio")
    assert report["counts"]["failed"] == 0
    assert report["format"] == "autogen-studio"
    assert report["notes"]
    assert len(stored(alice)) == report["counts"]["created"] > 0
    assert "not-a-real-key" not in str([team.config for team in stored(alice)])


def test_crewai(api: Any, alice: Any) -> None:
    report = sent(api(alice), samples.crew(), format="crewai")
    (result,) = report["results"]
    assert result["action"] == "created"
    assert "not carried over: no person is asked between turns" in [note["msg"] for note in report["notes"]]
    (team,) = stored(alice)
    assert team.flow == ["researcher", "analyst", "researcher", "editor"]


def test_crewai_as_objects_is_found_out(api: Any, alice: Any) -> None:
    document = {"agents": {"a": {"role": "A", "goal": "Answer"}}, "tasks": {"t": {"description": "x", "agent": "a"}}}
    assert sent(api(alice), document)["format"] == "crewai"


def test_a_model_nobody_has_set_up_gives_way_to_the_default(api: Any, alice: Any) -> None:
    document = {"agents": {"a": {"role": "A", "llm": "nowhere/big-model"}, "b": {"role": "B", "llm": "gpt-4o"}}}
    for dry_run in (True, False):
        (result,) = sent(api(alice), document, dry_run=dry_run)["results"]
        assert result["action"] == "created"
        assert result["warnings"][0]["loc"] == "agents.0.LLM_model"
        assert 'no provider "nowhere" is set up here' in result["warnings"][0]["msg"]
    (team,) = stored(alice)
    assert team.config["agents"][0]["LLM_model"] is None
    assert team.config["agents"][1]["LLM_model"]["model"] == "gpt-4o"


# --- rights -----------------------------------------------------------------------------------------------------------


def test_scopes(api: Any, alice: Any) -> None:
    assert api(alice, "teams:write").get(EXPORT).status_code == 403
    assert api(alice, "teams:read").post(IMPORT, {"document": factories.config(), "dry_run": True}).status_code == 403
    assert api().get(EXPORT).status_code == 401


# --- the Team Builder -------------------------------------------------------------------------------------------------


def test_an_import_asks_no_model_and_fills_roles_from_templates(api: Any, alice: Any) -> None:
    open_to_more = factories.config("Solo", allow_TBA_to_recommend_agents=True, allow_TBA_how_many_more=2)
    named = {**open_to_more, "agent_team_flow": "Solo->Critic"}
    teams = [{"config": open_to_more}, {"config": named}]
    document = {"format": "agent-team-builder", "version": 1, "teams": teams}
    assert sent(api(alice), document, dry_run=True)["counts"]["created"] == 2
    assert sent(api(alice), document)["counts"]["created"] == 2
    assert [len(team.config["agents"]) for team in stored(alice)] == [1, 2]
