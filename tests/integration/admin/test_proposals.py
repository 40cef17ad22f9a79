"""The Team Builder in the admin: ask, look, approve, reject."""

import json
from typing import Any

import pytest

from teams.services import team_create, team_get
from tests import factories

ASKS = {
    "allow_TBA_to_recommend_agents": True,
    "allow_TBA_how_many_more": 2,
    "should_TBA_ask_caller_approval": True,
}


@pytest.fixture
def team(alice: Any, tba_model: Any, written: Any) -> Any:
    """A team for which a Poet and an Editor wait."""
    tba_model.writes(written("Poet", place=1, prompt="<b>Rhyme.</b>"), written("Editor"))
    return team_create(actor=alice.actor, config=factories.config("Writer", **ASKS)).team


def page(team: Any, name: str) -> str:
    return f"/admin/teams/team/{team.id}/{name}/"


def now(who: Any, team: Any) -> Any:
    return team_get(actor=who.actor, team_id=team.id)


def roles(team: Any) -> list[str]:
    return [agent["agent_role"] for agent in team.config["agents"]]


def decide(browser: Any, team: Any, button: str, **others: Any) -> Any:
    data = {"proposal_id": team.pending_proposal["id"], "reason": "", button: "x", **others}
    return browser.submit(page(team, "proposal"), data)


def test_the_team_leads_to_it_and_everything_is_shown_as_text(bob: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    assert page(team, "proposal") in browser.get(page(team, "change")).content.decode()
    shown = browser.get(page(team, "proposal")).content.decode()
    for words in ("The goal needs a Poet.", "number 1 in each round", "model:openai:fake", "&lt;b&gt;Rhyme."):
        assert words in shown
    assert "<b>Rhyme." not in shown


def test_the_picture_shows_them_in_their_places(vera: Any, team: Any, signed_in: Any) -> None:
    picture = signed_in(vera).get(page(team, "proposal")).context["picture"]
    said = picture.partition("<desc>")[2].partition("</desc>")[0]
    assert [said.index(name) for name in ("Poet (", "Writer", "Editor (")] == sorted(
        said.index(name) for name in ("Poet (", "Writer", "Editor (")
    )
    assert said.count("added)") == 2


def test_approve_all(bob: Any, team: Any, signed_in: Any) -> None:
    answer = decide(signed_in(bob), team, "approve", roles=["Poet", "Editor"], reason="yes")
    assert answer.status_code == 302
    assert (roles(now(bob, team)), now(bob, team).version) == (["Poet", "Writer", "Editor"], 2)


def test_approve_one(bob: Any, team: Any, signed_in: Any) -> None:
    decide(signed_in(bob), team, "approve", roles=["Editor"])
    assert roles(now(bob, team)) == ["Writer", "Editor"]


def test_approve_nobody_is_refused_in_words(bob: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    decide(browser, team, "approve")
    assert b"must name at least one" in browser.get(page(team, "proposal")).content
    assert now(bob, team).version == 1


def test_reject(bob: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    decide(browser, team, "reject", reason="no")
    assert (now(bob, team).pending_proposal, now(bob, team).version) == (None, 1)
    assert b"Nothing is waiting" in browser.get(page(team, "proposal")).content


def test_recommend(bob: Any, team: Any, signed_in: Any, tba_model: Any, written: Any) -> None:
    tba_model.writes(written("Singer"))
    browser = signed_in(bob)
    answer = browser.submit(page(team, "recommend"), {"reason": "dull"})
    assert (answer.status_code, answer.url) == (302, page(team, "proposal"))
    assert [one["role"] for one in now(bob, team).pending_proposal["additions"]] == ["Singer"]
    assert now(bob, team).pending_proposal["asked_by"] == "user:bob"


def test_recommend_that_is_refused_says_why(bob: Any, alice: Any, signed_in: Any, tba_model: Any) -> None:
    plain = factories.team(alice)
    browser = signed_in(bob)
    answer = browser.submit(page(plain, "recommend"), {"reason": ""})
    assert b"may add no more agents" in browser.get(answer.url).content


def test_a_save_tells_what_waits(bob: Any, team: Any, signed_in: Any, tba_model: Any, written: Any) -> None:
    browser = signed_in(bob)
    tba_model.writes(written("Singer"))
    config = json.dumps({**team.config, "agent_team_main_goal": "Sing."})
    answer = browser.submit(page(team, "change"), {"name": "x", "config": config, "reason": "", "seen_version": "1"})
    assert b"wait for approval" in browser.get(answer.url).content


def test_a_config_that_is_refused_is_told_in_the_form(bob: Any, signed_in: Any, tba_model: Any) -> None:
    tba_model.says("no")
    config = factories.config(
        "Writer", agent_team_flow="Writer->Poet", allow_TBA_to_recommend_agents=True, allow_TBA_how_many_more=1
    )
    answer = signed_in(bob).submit("/admin/teams/team/add/", {"name": "x", "config": json.dumps(config), "reason": ""})
    assert "could not write an agent" in answer.context["editor"].errors["agent_team_flow"][0]
    assert len(tba_model.calls) == 1


def test_no_model_is_asked_for_what_the_form_refuses(bob: Any, team: Any, signed_in: Any, tba_model: Any) -> None:
    asked = len(tba_model.calls)
    browser = signed_in(bob)
    changed = json.dumps({**team.config, "agent_team_main_goal": "Sing."})
    for config, seen in ((changed, "7"), ("{", "1"), (json.dumps(team.config), "1")):
        form = {"name": team.name, "config": config, "reason": "", "seen_version": seen}
        assert browser.submit(page(team, "change"), form).status_code in {200, 409}
    assert len(tba_model.calls) == asked


def test_a_viewer_may_look_only(vera: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    shown = browser.get(page(team, "proposal")).content.decode()
    assert "The goal needs a Poet." in shown
    assert 'name="approve"' not in shown
    assert browser.get(page(team, "recommend")).status_code == 403
