"""The list of teams: what it shows, and deleting and restoring from it."""

from typing import Any

import pytest

from teams.models import Team
from teams.services import team_delete
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/teams/team/"


@pytest.fixture
def team(alice: Any) -> Any:
    return factories.team(alice, "Writer", "Critic")


def deleted(team: Any) -> bool:
    with tenant(team.tenant_id):
        return bool(Team.objects.get(id=team.id).is_deleted)


def test_shows_flow_agents_version_and_state(team: Any, bob: Any, signed_in: Any) -> None:
    page = signed_in(bob).get(LIST).content.decode()
    assert "Writer → Critic" in page
    assert 'aria-current="page">Live</a>' in page


def test_deleted_teams_are_behind_a_filter(team: Any, bob: Any, signed_in: Any) -> None:
    team_delete(actor=bob.actor, team_id=team.id)
    browser = signed_in(bob)
    assert "Writer → Critic" not in browser.get(LIST).content.decode()
    assert "Writer → Critic" in browser.get(f"{LIST}?state=deleted").content.decode()
    assert "Writer → Critic" in browser.get(f"{LIST}?state=all").content.decode()


def test_delete_says_what_follows_and_can_be_undone(team: Any, bob: Any, signed_in: Any) -> None:
    browser, address = signed_in(bob), f"{LIST}{team.id}/delete/"
    assert b"restored at any time" in browser.get(address).content
    assert browser.submit(address, {"reason": "not used"}).status_code == 302
    assert deleted(team)
    with tenant(team.tenant_id):
        assert Team.history.first().history_change_reason == "not used"
    assert browser.submit(f"{LIST}{team.id}/restore/", {"reason": ""}).status_code == 302
    assert not deleted(team)


def test_restoring_a_live_team_is_a_message_not_an_error(team: Any, bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(f"{LIST}{team.id}/restore/", {"reason": ""})
    assert answer.status_code == 302
    assert "is not deleted" in str(next(iter(answer.wsgi_request._messages)))


def test_bulk_delete_and_restore_ask_first(team: Any, alice: Any, bob: Any, signed_in: Any) -> None:
    other, browser = factories.team(alice), signed_in(bob)
    chosen = {"action": "delete_teams", "_selected_action": [str(team.id), str(other.id)]}
    asked = browser.submit(LIST, chosen)
    assert "Delete 2 teams?" in asked.content.decode()
    assert not deleted(team)
    done = browser.submit(LIST, {**chosen, "confirmed": "yes", "reason": "spring"})
    assert done.status_code == 302
    assert deleted(team)
    assert deleted(other)
    back = {"action": "restore_teams", "_selected_action": [str(team.id)], "confirmed": "yes", "reason": ""}
    browser.submit(f"{LIST}?state=deleted", back)
    assert (deleted(team), deleted(other)) == (False, True)


def test_nothing_is_deleted_for_good(team: Any, alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    browser.submit(LIST, {"action": "delete_selected", "_selected_action": [str(team.id)], "post": "yes"})
    assert not deleted(team)


def test_a_viewer_is_offered_no_action(team: Any, vera: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    assert b"delete_teams" not in browser.get(LIST).content
    browser.submit(LIST, {"action": "delete_teams", "_selected_action": [str(team.id)], "confirmed": "yes"})
    assert not deleted(team)
