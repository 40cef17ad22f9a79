"""Schedules in the admin."""

from typing import Any
from uuid import uuid4

import pytest

from executions.models import Execution
from executions.schedule_models import Schedule
from teams.models import Team
from teams.services import team_create, team_delete
from teams.tenancy import tenant
from tests import factories

PAGES = "/admin/executions/schedule/"

pytestmark = pytest.mark.django_db


def form(team: Any, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Report", "team": str(team.id), "cron": "0 9 * * *", "time_zone": "UTC", "overlap": "skip",
        "input": '{"day": 1}', "enabled": "on", "reason": "asked for", **changes,
    }  # fmt: skip


def only(who: Any) -> Schedule:
    with tenant(who.tenant.id):
        return Schedule.objects.get()


def test_made_changed_paused_run_and_deleted(bob: Any, signed_in: Any) -> None:
    browser, team = signed_in(bob), factories.team(bob)
    assert browser.submit(f"{PAGES}add/", form(team)).status_code == 302
    row = only(bob)
    assert row.input == {"day": 1}
    page = browser.get(f"{PAGES}{row.pk}/change/").content.decode()
    assert "Run now" in page
    assert "09:00 UTC" in page
    assert "user:bob" not in page  # people are told by their names
    assert browser.submit(f"{PAGES}{row.pk}/change/", form(team, cron="0 10 * * *", input="text")).status_code == 302
    assert (only(bob).cron, only(bob).input) == ("0 10 * * *", "text")
    assert browser.submit(f"{PAGES}{row.pk}/pause/", {"reason": "holiday"}).status_code == 302
    assert only(bob).enabled is False
    assert browser.submit(f"{PAGES}{row.pk}/resume/", {"reason": ""}).status_code == 302
    assert only(bob).enabled is True
    assert "executions/execution" in browser.submit(f"{PAGES}{row.pk}/run/")["Location"]
    with tenant(bob.tenant.id):
        assert Execution.objects.get().source == "schedule"
    assert "holiday" in browser.get(f"{PAGES}{row.pk}/history/").content.decode()
    assert browser.submit(f"{PAGES}{row.pk}/delete/", {"reason": ""}).status_code == 302
    with tenant(bob.tenant.id):
        assert not Schedule.objects.exists()


def test_the_run_of_the_latest_slot_is_linked(bob: Any, signed_in: Any) -> None:
    browser, ran = signed_in(bob), uuid4()
    browser.submit(f"{PAGES}add/", form(factories.team(bob)))
    row = only(bob)
    row.last_execution_id = ran
    with tenant(bob.tenant.id):
        row.save()
    page = browser.get(f"{PAGES}{only(bob).pk}/change/").content.decode()
    assert f'href="/admin/executions/execution/{ran}/change/"' in page


def test_what_is_refused_is_at_its_field(bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(f"{PAGES}add/", form(factories.team(bob), cron="soon", time_zone="Moon"))
    assert set(answer.context["adminform"].form.errors) == {"cron", "time_zone"}


def test_another_tenants_team_is_no_choice(bob: Any, charlie: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(f"{PAGES}add/", form(factories.team(charlie)))
    assert set(answer.context["adminform"].form.errors) == {"team"}


def test_viewers_look_and_change_nothing(bob: Any, vera: Any, signed_in: Any) -> None:
    signed_in(bob).submit(f"{PAGES}add/", form(factories.team(bob)))
    browser, pk = signed_in(vera), only(bob).pk
    assert browser.get(f"{PAGES}{pk}/change/").status_code == 200
    assert browser.get(f"{PAGES}add/").status_code == 403
    assert browser.get(f"{PAGES}{pk}/run/").status_code == 403


def test_live_teams_of_the_tenant_are_offered_by_name(bob: Any, charlie: Any, signed_in: Any) -> None:
    for owner, name in ((bob, "Tile <works>"), (bob, "Tile yard"), (charlie, "Tile mine")):
        team_create(actor=owner.actor, config=factories.config(), name=name)
    with tenant(bob.tenant.id):
        kept, gone = Team.objects.get(name="Tile <works>"), Team.objects.get(name="Tile yard")
    team_delete(actor=bob.actor, team_id=gone.id)
    browser = signed_in(bob)
    page = browser.get(f"{PAGES}add/").content.decode()
    assert f"<option value='{kept.id}'>Tile &lt;works&gt;</option>" in page
    assert "Tile yard" not in page
    assert "Tile mine" not in page
    browser.submit(f"{PAGES}add/", form(kept))
    page = browser.get(f"{PAGES}{only(bob).pk}/change/").content.decode()
    assert f"<option value='{kept.id}' selected>Tile &lt;works&gt;</option>" in page
