"""Export and import of teams in the admin."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from teams.models import Team
from teams.tenancy import tenant
from tests import factories, samples

pytestmark = pytest.mark.django_db

LIST, IMPORT = "/admin/teams/team/", "/admin/teams/team/import/"


def count(who: Any) -> int:
    with tenant(who.tenant.id):
        return Team.objects.count()


def checked(page: Any) -> str:
    found = re.search(r'name="checked" value="(\w*)"', page.content.decode())
    assert found
    return found[1]


def test_export_of_the_ticked(alice: Any, bob: Any, signed_in: Any) -> None:
    one, _other = factories.team(alice), factories.team(alice)
    answer = signed_in(bob).submit(LIST, {"action": "export_selected", "_selected_action": [str(one.id)]})
    assert answer["Content-Disposition"] == 'attachment; filename="teams-acme.json"'
    assert [entry["id"] for entry in answer.json()["teams"]] == [str(one.id)]


def test_a_viewer_exports_but_does_not_import(alice: Any, vera: Any, signed_in: Any) -> None:
    team, browser = factories.team(alice), signed_in(vera)
    answer = browser.submit(LIST, {"action": "export_selected", "_selected_action": [str(team.id)]})
    assert len(answer.json()["teams"]) == 1
    assert IMPORT not in browser.get(LIST).content.decode()
    assert browser.get(IMPORT).status_code == 403


def test_the_list_leads_to_the_import(bob: Any, signed_in: Any) -> None:
    assert IMPORT in signed_in(bob).get(LIST).content.decode()


def test_first_the_report_then_the_import(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    given = {"format": "auto", "mode": "create", "document": json.dumps(factories.config("Solo"))}
    page = browser.submit(IMPORT, given)
    assert "What would happen: 1 created" in page.content.decode()
    assert count(bob) == 0
    done = browser.submit(IMPORT, {**given, "checked": checked(page), "confirm": "Import"})
    assert "What happened: 1 created" in done.content.decode()
    assert count(bob) == 1


@pytest.mark.parametrize("seal", ["", "0" * 64])
def test_nothing_is_imported_that_was_not_shown(bob: Any, signed_in: Any, seal: str) -> None:
    given = {"format": "auto", "mode": "create", "document": json.dumps(factories.config())}
    page = signed_in(bob).submit(IMPORT, {**given, "checked": seal, "confirm": "Import"})
    assert "What would happen" in page.content.decode()
    assert count(bob) == 0


def test_a_crew_is_uploaded_and_its_text_is_shown(bob: Any, signed_in: Any) -> None:
    browser, crew = signed_in(bob), samples.crew()
    files = {
        "file": SimpleUploadedFile("agents.yaml", crew["agents"].encode()),
        "tasks_file": SimpleUploadedFile("tasks.yaml", crew["tasks"].encode()),
    }
    page = browser.submit(IMPORT, {"format": "auto", "mode": "create", **files})
    text = page.content.decode()
    assert "no person is asked between turns" in text
    assert "research_task:" in text
    given = {"format": "auto", "mode": "create", "document": crew["agents"], "tasks": crew["tasks"]}
    browser.submit(IMPORT, {**given, "checked": checked(page), "confirm": "Import"})
    assert count(bob) == 1


@pytest.mark.parametrize(
    ("document", "msg"),
    [
        ("", "Paste a document or upload one"),
        ("{", "line 1, column 2"),
        ("5", "must be an object"),
        ('{"x": 1}', "in no format that can be imported"),
        ('{"format": "agent-team-builder", "version": 1, "teams": [{}]}', "teams.0.config: is required"),
    ],
)
def test_what_cannot_be_read(bob: Any, signed_in: Any, document: str, msg: str) -> None:
    page = signed_in(bob).submit(IMPORT, {"format": "auto", "mode": "create", "document": document})
    assert page.status_code == 200
    assert msg in page.content.decode()


def test_a_file_that_is_no_text(bob: Any, signed_in: Any) -> None:
    files = {"file": SimpleUploadedFile("x.json", b"\xff\xfe")}
    page = signed_in(bob).submit(IMPORT, {"format": "auto", "mode": "create", **files})
    assert "not UTF-8" in page.content.decode()


def test_errors_stand_at_the_team_and_texts_are_escaped(bob: Any, signed_in: Any) -> None:
    team = {"name": "<b>Bad</b>", "config": factories.config(max_turns=0)}
    document = {"format": "agent-team-builder", "version": 1, "teams": [team]}
    page = signed_in(bob).submit(IMPORT, {"format": "auto", "mode": "create", "document": json.dumps(document)})
    text = page.content.decode()
    assert "max_turns: must be 1 or more; got 0" in text
    assert "<b>Bad</b>" not in text


def test_an_import_does_not_reach_another_tenant(alice: Any, bob: Any, charlie: Any, signed_in: Any) -> None:
    foreign = factories.team(charlie)
    team = {"id": str(foreign.id), "config": factories.config()}
    document = json.dumps({"format": "agent-team-builder", "version": 1, "teams": [team]})
    browser, given = signed_in(bob), {"format": "auto", "mode": "update", "document": document}
    page = browser.submit(IMPORT, given)
    done = browser.submit(IMPORT, {**given, "checked": checked(page), "confirm": "Import"})
    assert f"Team ID {foreign.id} is taken" in done.content.decode()
    assert count(charlie) == 1
