"""Versions of a team: who, when, why, what changed; and the way back, as a new version."""

from typing import Any

import pytest

from teams.services import team_get, team_rename, team_update
from tests import factories


@pytest.fixture
def team(alice: Any, bob: Any) -> Any:
    made = factories.team(alice)
    config = {**made.config, "max_turns": 4}
    team_update(actor=bob.actor, team_id=made.id, config=config, reason="four rounds")
    team_rename(actor=bob.actor, team_id=made.id, name="Renamed")
    return made


def test_lists_who_why_and_what(team: Any, vera: Any, signed_in: Any) -> None:
    page = signed_in(vera).get(f"/admin/teams/team/{team.id}/history/").content.decode()
    for text in ("Version 1", "user:alice", "Version 2", "user:bob", "four rounds", "from 1 to 4", "to Renamed"):
        assert text in page


def test_a_version_shows_what_rolling_back_would_change(team: Any, bob: Any, signed_in: Any) -> None:
    page = signed_in(bob).get(f"/admin/teams/team/{team.id}/versions/1/").content.decode()
    assert "from 4 to 1" in page
    assert "Roll back to version 1" in page


def test_rolling_back_writes_a_new_version(team: Any, bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(f"/admin/teams/team/{team.id}/versions/1/", {"reason": "four was too many"})
    assert answer.status_code == 302
    now = team_get(actor=bob.actor, team_id=team.id)
    assert (now.version, now.config["max_turns"]) == (3, 1)


def test_a_viewer_cannot_roll_back(team: Any, vera: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    page = browser.get(f"/admin/teams/team/{team.id}/versions/1/")
    assert b"Roll back to" not in page.content
    token = page.context["tenant_token"]
    answer = browser.post(f"/admin/teams/team/{team.id}/versions/1/", {"_tenant": token, "reason": ""})
    assert answer.status_code == 403
    assert team_get(actor=vera.actor, team_id=team.id).version == 2


def test_a_version_that_never_was_is_not_found(team: Any, bob: Any, signed_in: Any) -> None:
    assert signed_in(bob).get(f"/admin/teams/team/{team.id}/versions/9/").status_code == 404
