"""What the list of teams and the cards of versions say about runs."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.models import Execution, Status
from teams.services import team_delete, team_update
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/teams/team/"


@pytest.fixture
def team(alice: Any) -> Any:
    return factories.team(alice, "Writer", "Critic")


def ran(team: Any, *statuses: str, version: int = 1) -> list[Any]:
    """Runs of the team, the newest last."""
    now = timezone.now()
    with tenant(team.tenant_id):
        return [
            Execution.objects.create(
                team=team, version=version, resolved_spec={}, actor="user:alice", status=status,
                created_at=now - timedelta(minutes=len(statuses) - number),
            )
            for number, status in enumerate(statuses)
        ]  # fmt: skip


def listed(browser: Any, query: str = "") -> str:
    return str(browser.get(f"{LIST}{query}").content.decode())


def test_shows_the_last_run_and_how_many_ended_well(team: Any, vera: Any, signed_in: Any) -> None:
    runs = ran(team, Status.SUCCEEDED, Status.FAILED, Status.SUCCEEDED, Status.RUNNING)
    page = listed(signed_in(vera))
    assert "67 % of 3" in page
    assert f"/admin/executions/execution/{runs[-1].id}/change/" in page
    assert f"/admin/executions/execution/{runs[0].id}/change/" not in page
    assert '<span class="tb-badge is-info">Running</span>' in page


def test_rates_the_last_twenty_ended_runs_alone(team: Any, vera: Any, signed_in: Any) -> None:
    ran(team, *[Status.FAILED] * 5, *[Status.SUCCEEDED] * 20, Status.QUEUED)
    assert "100 % of 20" in listed(signed_in(vera))


def test_never_run(team: Any, vera: Any, signed_in: Any) -> None:
    assert "never run" in listed(signed_in(vera))


def test_another_tenants_runs_are_not_counted(team: Any, vera: Any, charlie: Any, signed_in: Any) -> None:
    ran(factories.team(charlie), Status.FAILED)
    page = listed(signed_in(vera))
    assert "never run" in page
    assert "% of" not in page


def test_asks_no_more_for_thirty_teams_than_for_three(alice: Any, vera: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    counted = []
    for more in (3, 27):
        for _ in range(more):
            ran(factories.team(alice), Status.SUCCEEDED, Status.FAILED)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            page = listed(browser)
        counted.append(len(asked))
        assert page.count("50 % of 2") == sum((3, 27)[: len(counted)])
    assert counted[0] == counted[1]


def test_finds_names_and_goals(alice: Any, vera: Any, signed_in: Any) -> None:
    factories.team(alice, agent_team_main_goal="Translate the menu.")
    factories.team(alice, agent_team_main_goal="Sort the post.")
    page = listed(signed_in(vera), "?q=MENU")
    assert "Translate the menu" in page
    assert "Sort the post" not in page


def test_the_states_keep_the_search_in_the_address(team: Any, vera: Any, signed_in: Any) -> None:
    page = listed(signed_in(vera), "?state=deleted&q=a%26b")
    assert '<a href="?state=deleted&amp;q=a%26b" aria-current="page">Deleted</a>' in page
    assert '<a href="?q=a%26b">Live</a>' in page


def test_says_that_a_proposal_waits(team: Any, vera: Any, signed_in: Any) -> None:
    assert "proposal waiting" not in listed(signed_in(vera))
    with tenant(team.tenant_id):
        team.pending_proposal = factories.proposal(team, "Poet")
        team.save(update_fields=["pending_proposal"])
    page = listed(signed_in(vera))
    assert "proposal waiting" in page
    assert f"{LIST}{team.id}/proposal/" in page


def test_no_teams_yet_says_what_to_do(bob: Any, vera: Any, alice: Any, signed_in: Any) -> None:
    assert "Create your first team" in listed(signed_in(bob))
    assert "Create your first team" not in listed(signed_in(vera))
    assert "Create your first team" not in listed(signed_in(bob), "?state=deleted")
    gone = factories.team(alice)
    team_delete(actor=alice.actor, team_id=gone.id)
    assert "restore" in listed(signed_in(bob)).lower()


def test_a_version_tells_its_runs(team: Any, alice: Any, vera: Any, signed_in: Any) -> None:
    team_update(actor=alice.actor, team_id=team.id, config={**team.config, "max_turns": 3})
    ran(team, Status.SUCCEEDED, Status.FAILED, Status.QUEUED)
    ran(team, Status.RUNNING, version=2)
    cards = signed_in(vera).get(f"{LIST}{team.id}/history/").context["cards"]
    assert [card.facts for card in cards] == [
        "1 run, none ended.", "3 runs on this version; 50 % of 2 ended succeeded.",
    ]  # fmt: skip


def test_a_teams_page_leads_to_its_runs(alice: Any, vera: Any, signed_in: Any) -> None:
    team = factories.team(alice, "Writer")
    page = signed_in(vera).get(f"/admin/teams/team/{team.id}/change/").content.decode()
    assert f'href="/admin/executions/execution/?team__id__exact={team.id}"' in page


def test_no_deleted_team_is_no_search_without_a_find(vera: Any, signed_in: Any) -> None:
    page = signed_in(vera).get("/admin/teams/team/?state=deleted").content.decode()
    assert "No team is deleted" in page
    assert "Clear search and filters" not in page
