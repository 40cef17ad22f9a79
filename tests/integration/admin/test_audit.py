"""The audit trail in the admin: sentences, filters, differences, CSV, and what the seals prove."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams import audit
from teams.models import AuditEntry
from teams.services import team_rename, team_rollback, team_update
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/teams/auditentry/"


@pytest.fixture
def team(alice: Any, bob: Any) -> Any:
    """Made and changed by Alice, rolled back and renamed by Bob."""
    made = factories.team(alice)
    team_update(actor=alice.actor, team_id=made.id, config=factories.config("Writer"), expected_version=1)
    team_rollback(actor=bob.actor, team_id=made.id, target_version=1)
    team_rename(actor=bob.actor, team_id=made.id, name="Bricks", reason="=1+1")
    return made


def lines(browser: Any, query: str = "") -> list[dict[str, str]]:
    answer = browser.get(f"{LIST}export/{query}")
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode())))


def test_the_list_tells_in_sentences_with_names_of_now(team: Any, alice: Any, signed_in: Any) -> None:
    page = signed_in(alice).get(LIST).content.decode()
    assert "bob rolled the team Bricks back to version 1, as version 3" in page
    assert "alice changed the team Bricks: version 1 became version 2" in page
    assert f"/admin/teams/team/{team.pk}/change/" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?who=user:bob", 2),
        ("?who=user:alice", 2),
        ("?who=key:", 0),
        ("?who=system:", 0),
        ("?object_type=team", 4),
        ("?object_type=webhook", 0),
        ("?verb=restore", 1),
        ("?verb=update", 2),
        ("?q=%3D1%2B1", 1),
        ("?at__year=1999", 0),
    ],
)
def test_the_list_and_its_file_are_narrowed_alike(
    query: str, found: int, team: Any, alice: Any, signed_in: Any
) -> None:
    browser = signed_in(alice)
    assert browser.get(LIST + query).context["cl"].result_count == found
    assert len(lines(browser, query)) == found


def test_an_entry_shows_what_differs(team: Any, alice: Any, acme: Any, signed_in: Any) -> None:
    with tenant(acme.id):
        entry = AuditEntry.objects.filter(action="team.rename").get()
    page = signed_in(alice).get(f"{LIST}{entry.pk}/change/").content.decode()
    assert "<ins>Bricks</ins>" in page
    assert "<del>" in page
    assert "?who=user%3Abob" in page


def test_entries_lead_to_those_about_the_same_object(team: Any, alice: Any, signed_in: Any) -> None:
    factories.team(alice)
    browser = signed_in(alice)
    shown = browser.get(f"{LIST}?object_type=team&q={team.pk}")
    assert shown.context["cl"].result_count == 4


def test_an_empty_list_says_what_it_is_for_and_a_narrowed_one_offers_all(
    charlie: Any, team: Any, signed_in: Any
) -> None:
    browser = signed_in(charlie)
    page = browser.get(LIST).content.decode()
    assert "Each change of this tenant" in page
    assert "Clear search and filters" not in page
    assert "Clear search and filters" in browser.get(f"{LIST}?q=nothing").content.decode()
    keys = browser.get("/admin/teams/apikey/").content.decode()
    assert "copy it once" in keys


def test_what_somebody_wrote_is_text(alice: Any, acme: Any, signed_in: Any) -> None:
    with tenant(acme.id):
        audit.record(alice.actor, "tool.set", acme, before={"x": "<script>a</script>"}, after={"name": "<img src=x>"})
        entry = AuditEntry.objects.first()
    assert entry is not None
    browser = signed_in(alice)
    for address in (LIST, f"{LIST}{entry.pk}/change/"):
        page = browser.get(address).content.decode()
        assert "<script>a" not in page
        assert "<img src=x>" not in page


def test_a_spreadsheet_runs_nothing_of_the_file(team: Any, alice: Any, signed_in: Any) -> None:
    (row,) = lines(signed_in(alice), "?q=rename")
    assert row["reason"] == "'=1+1"
    assert row["actor"] == "user:bob"
    assert row["what"].startswith("bob renamed the team")


def test_a_long_file_is_read_page_by_page_and_ends(team: Any, alice: Any, signed_in: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("teams.admin_audit._PAGE", 2)
    browser = signed_in(alice)
    assert len(lines(browser)) == 4
    monkeypatch.setattr("teams.admin_audit.CSV_ROWS", 2)
    cut = lines(browser)
    assert len(cut) == 3
    assert "newest 2 entries" in cut[-1]["at"]


def test_only_admins_of_the_tenant_read_it(team: Any, bob: Any, charlie: Any, signed_in: Any) -> None:
    assert signed_in(bob).get(f"{LIST}export/").status_code == 403
    assert lines(signed_in(charlie)) == []


def test_a_page_asks_as_often_for_many_entries_as_for_few(team: Any, alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    browser.get(LIST)
    with CaptureQueriesContext(connection) as few:
        browser.get(LIST)
    for _ in range(5):
        factories.team(alice)
    with CaptureQueriesContext(connection) as many:
        browser.get(LIST)
    assert len(many) == len(few)


def test_the_seals_page_says_what_the_chain_proves(alice: Any, signed_in: Any) -> None:
    page = signed_in(alice).get("/admin/teams/auditseal/").content.decode()
    assert "What the chain proves" in page
    assert "audit_verify --tenant acme" in page
