"""Versions of a team: who, when, why, what changed; and the way back, as a new version."""

from typing import Any

import pytest

from teams.services import team_delete, team_get, team_rename, team_restore, team_rollback, team_update
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
    for text in (
        "Version 1",
        "alice, ",
        "Version 2",
        "bob, ",
        "created",
        "changed",
        "four rounds",
        "from 1 to 4",
        "to Renamed",
    ):
        assert text in page


def test_a_version_shows_what_rolling_back_would_change(team: Any, bob: Any, signed_in: Any) -> None:
    page = signed_in(bob).get(f"/admin/teams/team/{team.id}/versions/1/").content.decode()
    assert "from 4 to 1" in page
    assert "Roll back to version 1" in page


def test_sentences_carry_the_words_that_changed(team: Any, bob: Any, signed_in: Any) -> None:
    config = {
        **team_get(actor=bob.actor, team_id=team.id).config,
        "agent_team_main_goal": "Name <b>four</b> uses of a brick.",
    }
    team_update(actor=bob.actor, team_id=team.id, config=config)
    page = signed_in(bob).get(f"/admin/teams/team/{team.id}/history/").content.decode()
    assert "<del>three </del>" in page
    assert "<ins>&lt;b&gt;four&lt;/b&gt; " in page
    assert "<b>four" not in page


def test_deleted_restored_and_rolled_back_have_their_own_badges(team: Any, bob: Any, signed_in: Any) -> None:
    team_delete(actor=bob.actor, team_id=team.id)
    team_restore(actor=bob.actor, team_id=team.id)
    team_rollback(actor=bob.actor, team_id=team.id, target_version=1, reason="four was too many")
    cards = signed_in(bob).get(f"/admin/teams/team/{team.id}/history/").context["cards"]
    assert [card.badge for card in cards] == [
        "rolled back to version 1", "restored", "deleted", "renamed", "changed", "created",
    ]  # fmt: skip
    assert [card.version for card in cards if card.is_present] == [3]


def test_older_versions_are_on_further_pages(team: Any, bob: Any, signed_in: Any) -> None:
    for rounds in range(5, 26):
        team_update(actor=bob.actor, team_id=team.id, config={**team.config, "max_turns": rounds})
    browser, address = signed_in(bob), f"/admin/teams/team/{team.id}/history/"
    first = browser.get(address)
    assert [card.version for card in first.context["cards"]] == list(range(23, 3, -1))
    second = browser.get(f"{address}?before={first.context['older']}")
    assert [card.version for card in second.context["cards"]] == [3, None, 2, 1]
    assert "from 4 to 5" in second.content.decode()
    assert second.context["older"] is None


def test_offers_what_a_person_may_do(team: Any, bob: Any, vera: Any, signed_in: Any) -> None:
    address = f"/admin/teams/team/{team.id}/history/"
    assert "versions/1/#roll-back" in signed_in(bob).get(address).content.decode()
    seen = signed_in(vera).get(address).content.decode()
    assert "#roll-back" not in seen
    assert "compare/?a=1" in seen


def test_rolling_back_what_moved_meanwhile_is_refused(team: Any, bob: Any, signed_in: Any) -> None:
    data = {"reason": "", "seen_version": "1"}
    answer = signed_in(bob).submit(f"/admin/teams/team/{team.id}/versions/1/", data)
    assert answer.status_code == 302
    assert team_get(actor=bob.actor, team_id=team.id).version == 2


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
