"""/api/v1/schedules: made, changed, paused, run and deleted, with history and audit; nothing of another tenant's."""

from typing import Any

import pytest

from executions.models import Execution
from executions.schedule_models import Schedule
from teams.models import AuditEntry
from teams.services import team_delete
from teams.tenancy import tenant
from tests import factories

URL = "/api/v1/schedules"

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(alice: Any) -> Any:
    return factories.team(alice)


def post(client: Any, team: Any, **body: Any) -> Any:
    return client.post(URL, {"name": "Report", "team_id": str(team.id), "cron": "0 9 * * MON-FRI", **body})


def test_made_and_read_with_its_next_times(api, bob, team):
    answer = post(api(bob), team, time_zone="Europe/Berlin", input={"day": "today"}, reason="asked for")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["overlap"], made["enabled"], made["last_outcome"]) == ("skip", True, None)
    assert len(made["next_times"]) == 5
    assert api(bob).get(answer["Location"]).json() == made
    assert [one["id"] for one in api(bob).get(URL).json()["results"]] == [made["id"]]
    with tenant(bob.tenant.id):
        assert AuditEntry.objects.get(action="schedule.create").reason == "asked for"
        assert Schedule.history.get().history_change_reason == "asked for"


def test_changed_paused_resumed_and_deleted(api, bob, team):
    client = api(bob)
    at = f"{URL}/{post(client, team).json()['id']}"
    changed = client.patch(at, {"cron": "*/5 * * * *", "input": "x"}).json()
    assert (changed["cron"], changed["name"], changed["input"]) == ("*/5 * * * *", "Report", "x")
    assert client.patch(at, {"input": None}).json()["input"] is None
    paused = client.post(f"{at}/pause", {"reason": "holiday"}).json()
    assert (paused["enabled"], paused["next_times"]) == (False, [])
    assert client.post(f"{at}/resume", {}).json()["enabled"] is True
    assert client.delete(f"{at}?reason=done").json()["deleted"] is True
    assert client.get(at).status_code == 404
    with tenant(bob.tenant.id):
        actions = list(AuditEntry.objects.filter(object_type="schedule").order_by("id").values_list("action", "reason"))
        assert actions == [
            ("schedule.create", ""), ("schedule.update", ""), ("schedule.update", ""), ("schedule.update", "holiday"),
            ("schedule.update", ""), ("schedule.delete", "done"),
        ]  # fmt: skip
        assert [row.history_type for row in Schedule.history.all()] == ["-", "~", "~", "~", "~", "+"]


def test_a_change_of_nothing_leaves_no_trace(api, bob, team):
    client = api(bob)
    at = f"{URL}/{post(client, team).json()['id']}"
    client.patch(at, {"name": "Report"})
    with tenant(bob.tenant.id):
        assert AuditEntry.objects.filter(object_type="schedule").count() == 1


def test_run_now(api, bob, team):
    client = api(bob)
    at = f"{URL}/{post(client, team, input='Now.').json()['id']}"
    answer = client.post(f"{at}/run")
    assert (answer.status_code, answer.json()["source"], answer.json()["input"]) == (202, "schedule", "Now.")
    shown = client.get(at).json()
    assert (shown["last_execution_id"], shown["last_outcome"]) == (answer.json()["id"], "started")


def test_preview_tells_the_next_five_times(api, bob):
    answer = api(bob).post(f"{URL}/preview", {"cron": "0 9 * * *", "time_zone": "Asia/Kolkata"})
    assert [time[11:16] for time in answer.json()["times"]] == ["03:30"] * 5
    bad = api(bob).post(f"{URL}/preview", {"cron": "soon", "time_zone": "Mars/Base"})
    assert [error["loc"] for error in bad.json()["errors"]] == ["time_zone", "cron"]


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": 5}, "cron"),
        ({"time_zone": "Moon"}, "time_zone"),
        ({"name": " "}, "name"),
        ({"overlap": "queue"}, "overlap"),
        ({"input": [1]}, "input"),
        ({"input": "a\0"}, "input"),
        ({"team_id": "x"}, "team_id"),
        ({"every": "day"}, "every"),
        ({"reason": "x" * 2001}, "reason"),
    ],
)
def test_bad_bodies_are_refused_at_their_place(api, bob, team, body, loc):
    answer = post(api(bob), team, **body)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (400, [loc])
    with tenant(bob.tenant.id):
        assert not Schedule.objects.exists()


def test_a_deleted_or_foreign_team_is_not_found(api, alice, bob, charlie, team):
    foreign = post(api(charlie), team)
    team_delete(actor=alice.actor, team_id=team.id)
    assert (foreign.status_code, post(api(bob), team).status_code) == (404, 404)


def test_another_tenants_schedule_answers_like_a_missing_one(api, bob, charlie, team):
    at = f"{URL}/{post(api(bob), team).json()['id']}"
    client = api(charlie)
    asked = [client.get(at), client.patch(at, {"name": "Mine"}), client.delete(at)]
    asked += [client.post(f"{at}/{verb}", {}) for verb in ("pause", "resume", "run")]
    assert {answer.status_code for answer in asked} == {404}
    assert client.get(URL).json()["results"] == []
    assert api(bob).get(at).json()["name"] == "Report"


def test_scopes_are_needed(api, bob, team):
    at = f"{URL}/{post(api(bob), team).json()['id']}"
    reader, writer = api(bob, "executions:read"), api(bob, "schedules:write")
    assert (reader.get(at).status_code, writer.get(at).status_code) == (200, 403)
    assert post(reader, team).status_code == 403
    # A schedule starts runs: who may not start them may make none.
    for answer in (post(writer, team), writer.post(f"{at}/run"), writer.patch(at, {"input": "x"})):
        assert (answer.status_code, "executions:run" in answer.json()["detail"]) == (403, True)
    with tenant(bob.tenant.id):
        assert not Execution.objects.exists()


def test_there_is_a_limit(api, bob, team, monkeypatch):
    monkeypatch.setattr("executions.schedules.MAX_SCHEDULES", 1)
    assert [post(api(bob), team).status_code for _ in range(2)] == [201, 409]
