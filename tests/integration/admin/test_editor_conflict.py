"""Two people in the team editor at once: nobody's change is lost unseen."""

from typing import Any

import pytest

from teams.services import team_get, team_update
from tests import factories
from tests.html import Form


@pytest.fixture
def team(alice: Any) -> Any:
    return factories.team(alice)


@pytest.fixture
def refused(alice: Any, bob: Any, team: Any, signed_in: Any) -> Any:
    """Bob has opened the page, Alice saves, Bob saves: what Bob is answered, and his browser."""
    browser = signed_in(bob)
    data = Form(browser.get(address(team)).content.decode(), "team_form").data
    config = {**team.config, "max_turns": 9, "agents": [*team.config["agents"], {"agent_role": "Poet"}]}
    team_update(actor=alice.actor, team_id=team.id, config=config, reason="nine is better")
    mine = {**data, "agent_team_main_goal": "Stones", "agents-0-agent_name": "Will", "reason": "heavier"}
    return browser, browser.post(address(team), {**mine, "_save": "1"})


def address(team: Any) -> str:
    return f"/admin/teams/team/{team.id}/change/"


def test_both_changes_are_told_in_sentences(bob: Any, team: Any, refused: Any) -> None:
    _browser, answer = refused
    page = answer.content.decode()
    assert answer.status_code == 409
    for words in ("alice saved version 2", "nine is better", "from 1 to 9", "Poet was added",
                  "The goal changed.", "The name of Writer changed"):  # fmt: skip
        assert words in page
    assert team_get(actor=bob.actor, team_id=team.id).version == 2


def test_mine_is_kept_on_top_of_theirs(bob: Any, team: Any, refused: Any) -> None:
    browser, answer = refused
    page = answer.content.decode()
    assert "Keep mine on top of version 2" in page
    data = Form(page, "team_form").data
    assert (data["seen_version"], data["reason"]) == (["2"], ["heavier"])
    assert browser.post(address(team), {**data, "_continue": "1"}).status_code == 302
    now = team_get(actor=bob.actor, team_id=team.id)
    assert (now.version, now.config["max_turns"], now.config["agent_team_main_goal"]) == (3, 9, "Stones")
    assert [agent["agent_name"] or agent["agent_role"] for agent in now.config["agents"]] == ["Will", "Critic", "Poet"]


def test_mine_is_thrown_away_by_loading_the_page(bob: Any, team: Any, refused: Any) -> None:
    browser, answer = refused
    assert "Discard mine" in answer.content.decode()
    assert Form(browser.get(address(team)).content.decode(), "team_form").data["max_turns"] == ["9"]


def test_what_cannot_be_read_stays_as_it_was_typed(alice: Any, bob: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    data = Form(browser.get(address(team)).content.decode(), "team_form").data
    team_update(actor=alice.actor, team_id=team.id, config={**team.config, "max_turns": 9})
    answer = browser.post(address(team), {**data, "agents-0-temperature": "warm"})
    assert answer.status_code == 409
    again = Form(answer.content.decode(), "team_form").data
    assert (again["agents-0-temperature"], again["seen_version"]) == (["warm"], ["2"])


def test_a_version_that_never_was_is_no_way_around(bob: Any, alice: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    data = Form(browser.get(address(team)).content.decode(), "team_form").data
    for seen in ("", "7", "x"):
        answer = browser.post(address(team), {**data, "seen_version": seen, "max_turns": "8"})
        assert answer.status_code == 409
    assert team_get(actor=bob.actor, team_id=team.id).version == 1
