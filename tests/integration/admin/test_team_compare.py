"""Any two versions of a team side by side: both pictures with marks, and the differences in sentences."""

from typing import Any

import pytest

from teams.services import team_update
from tests import factories


@pytest.fixture
def team(alice: Any) -> Any:
    """Three versions: the Critic goes and a Poet comes, then the Writer is told something else."""
    made = factories.team(alice, "Writer", "Critic")
    writer = made.config["agents"][0]
    agents = [writer, *factories.config("Poet")["agents"]]
    team_update(actor=alice.actor, team_id=made.id, config={**made.config, "agents": agents}, reason="verse")
    told = [{**writer, "agent_goal_based_prompt": "Rhyme."}, agents[1]]
    team_update(actor=alice.actor, team_id=made.id, config={**made.config, "agents": told})
    return made


def compared(browser: Any, team: Any, query: str = "") -> Any:
    return browser.get(f"/admin/teams/team/{team.id}/compare/{query}")


def test_marks_who_came_and_who_went(team: Any, vera: Any, signed_in: Any) -> None:
    found = compared(signed_in(vera), team, "?a=1&b=2").context["comparison"]
    assert "Critic (removed)" in found.before
    assert "Poet (added)" in found.after
    assert [line.sentence for line in found.lines] == ["Poet was added as agent 2.", "Critic was removed."]


def test_marks_who_changed_in_both_pictures(team: Any, vera: Any, signed_in: Any) -> None:
    page = compared(signed_in(vera), team)  # without a choice: the present version and the one before
    found = page.context["comparison"]
    assert "Writer (changed)" in found.before
    assert "Writer (changed)" in found.after
    assert "Poet (changed)" not in found.after
    assert "<ins>Rhyme.</ins>" in page.content.decode()


def test_chooses_by_number_and_reason(team: Any, vera: Any, signed_in: Any) -> None:
    page = compared(signed_in(vera), team, "?a=3&b=1")
    assert page.context["versions"] == [(3, "Version 3"), (2, "Version 2: verse"), (1, "Version 1")]
    assert '<option value="3" selected>' in page.content.decode()


def test_a_version_with_itself_says_the_same(team: Any, vera: Any, signed_in: Any) -> None:
    assert "both say the same" in compared(signed_in(vera), team, "?a=2&b=2").content.decode()


@pytest.mark.parametrize("query", ["?a=9", "?a=x", "?b=-1", "?b=99999999999999999999"])
def test_a_version_that_never_was_is_not_found(team: Any, vera: Any, signed_in: Any, query: str) -> None:
    assert compared(signed_in(vera), team, query).status_code == 404


def test_another_tenants_team_is_not_found(team: Any, charlie: Any, signed_in: Any) -> None:
    assert compared(signed_in(charlie), team).status_code == 404
