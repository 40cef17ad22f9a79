"""The overview: numbers of the tenant alone, each part for those who may see it, a next step where there is nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext

from console.dashboard import Viewer, board
from executions.models import Approval, Execution, Status, Step, StepKind, StepState, TenantDay, TenantLimits, Worker
from teams.access import ROLE_SCOPES
from teams.tenancy import across_tenants, tenant
from tests import factories
from tests.factories import Person

NOW = datetime.now(UTC)


def viewer_of(who: Person) -> Viewer:
    return Viewer(who.tenant.id, ROLE_SCOPES[who.role], across=False, superuser=False)


def page_of(who: Person) -> tuple[dict[str, Any], str]:
    with tenant(who.tenant.id):
        found = board(viewer_of(who))
        return found, render_to_string("admin/console/dashboard.html", {"dashboard": found})


def add_run(team: Any, status: str = Status.SUCCEEDED, *, at: datetime = NOW, **more: Any) -> Execution:
    return Execution.objects.create(
        team=team, version=1, resolved_spec={}, actor="user:alice", status=status, created_at=at, **more
    )


@pytest.fixture
def busy(alice: Person) -> Any:
    """A team of acme with runs of today and before, one of them asking."""
    team = factories.team(alice)
    with tenant(alice.tenant.id):
        add_run(team, cost=Decimal("0.25"), tokens_in=100, tokens_out=20)
        add_run(team, Status.FAILED, error={"message": "<b>the model is away</b>"}, cost=None)
        add_run(team, at=NOW - timedelta(days=5))
        add_run(team, at=NOW - timedelta(days=20))
        waiting = add_run(team, Status.WAITING)
        Approval.objects.create(
            execution=waiting, step_key="a", tool="Call_Web_API", role="Critic", args={}, args_hash=""
        )
        Step.objects.create(
            execution=waiting, seq=1, event_seq=1, key="x", kind=StepKind.TOOL, state=StepState.UNKNOWN, fence=1
        )
    return team


def test_the_overview_is_the_first_page(busy: Any, alice: Person, charlie: Person, signed_in: Any) -> None:
    page = signed_in(alice).get("/admin/").content.decode()
    assert "Runs of 14 days" in page
    assert "Call_Web_API" in page
    assert "Call_Web_API" not in signed_in(charlie).get("/admin/").content.decode()


def test_counts_what_happened_today_and_in_two_weeks(busy: Any, alice: Person) -> None:
    found, shown = page_of(alice)
    tiles = {tile.label: (tile.value, tile.note) for tile in found["tiles"]}
    assert tiles["Live teams"][0] == "1"
    assert tiles["Runs today"] == ("3", "1 done · 1 failed · 1 not ended")
    assert tiles["Waiting for you"] == ("2", "1 approval · 1 lost call · 0 proposals")
    assert tiles["Cost today"][0] == "$0.2500"
    assert "120 tokens" in tiles["Cost today"][1]
    assert "price of 1 run is not known" in tiles["Cost today"][1]
    assert [day.runs for day in found["days"]] == [0] * 8 + [1] + [0] * 4 + [3]
    assert "<svg" in shown
    assert "Call_Web_API" in shown


def test_proposals_of_live_teams_wait_as_well(alice: Person) -> None:
    proposed, deleted, _plain = (factories.team(alice) for _ in range(3))
    proposed.pending_proposal = deleted.pending_proposal = {"additions": []}
    deleted.is_deleted = True
    with tenant(alice.tenant.id):
        proposed.save()
        deleted.save()
    found, _shown = page_of(alice)
    assert [(tile.label, tile.value) for tile in found["tiles"][::2]] == [("Live teams", "2"), ("Waiting for you", "1")]
    assert found["proposed"] == 1


def test_failing_teams_lead_to_their_failed_runs(busy: Any, alice: Person, signed_in: Any) -> None:
    found, shown = page_of(alice)
    (failing,) = found["failing"]
    assert (failing["row"].failed, failing["row"].runs, failing["row"].percent) == (1, 4, 25)
    assert "&lt;b&gt;the model is away&lt;/b&gt;" in shown
    assert "<b>the model" not in shown
    answer = signed_in(alice).get(failing["href"])
    assert answer.status_code == 200
    assert answer.context["cl"].result_count == 1


def test_another_tenant_sees_nothing_of_it(busy: Any, charlie: Person) -> None:
    found, shown = page_of(charlie)
    assert [tile.value for tile in found["tiles"]] == ["0", "0", "0", "$0"]
    assert not found["latest"]
    assert "Call_Web_API" not in shown


def test_nothing_yet_says_what_to_do_next(alice: Person, vera: Person) -> None:
    _found, shown = page_of(alice)
    assert "Create a team" in shown
    assert "celery -A config worker" in shown
    assert "Create a team" not in page_of(vera)[1]


def test_without_any_key_it_names_the_variable_and_the_account(alice: Person, bob: Person, settings: Any) -> None:
    entry = {"base_url": "https://api.example.com/v1", "models": {}, "key_variable": "EXAMPLE_KEY"}
    settings.LLM_PROVIDERS = {"openai": entry}
    _found, shown = page_of(alice)
    assert "EXAMPLE_KEY" in shown
    assert "/admin/agents/provideraccount/add/" in shown
    assert "/admin/agents/provideraccount/add/" not in page_of(bob)[1]
    settings.LLM_PROVIDERS = {"openai": {**entry, "api_key": "k"}}
    assert "EXAMPLE_KEY" not in page_of(alice)[1]


def test_a_team_that_never_ran_offers_to_run(alice: Person) -> None:
    team = factories.team(alice)
    _found, shown = page_of(alice)
    assert f"/admin/executions/execution/start/{team.pk}/" in shown


def test_workers_are_told_in_words(alice: Person) -> None:
    assert page_of(alice)[0]["workers"].state == "No worker is alive"
    Worker.objects.create(id="w", host="h", pid=1, slots=2)
    found, shown = page_of(alice)
    assert found["workers"].state == "Working"
    assert "celery -A config worker" not in shown


def test_limits_of_the_day_are_shown_with_what_is_used(alice: Person) -> None:
    with tenant(alice.tenant.id):
        TenantLimits.objects.create(usd_per_day=10, most_runs_per_day=4)
        TenantDay.objects.create(day=NOW.date(), usd_used=8, usd_reserved=1, runs=1)
    used = {row.name: (row.used, row.limit, row.percent) for row in page_of(alice)[0]["limits"]}
    assert used == {"US dollars": ("$9.00", "$10.00", 90), "Runs": ("1", "4", 25)}


def test_who_may_not_see_a_part_does_not(busy: Any, alice: Person) -> None:
    narrow = Viewer(alice.tenant.id, frozenset({"teams:read"}), across=False, superuser=False)
    with tenant(alice.tenant.id):
        found = board(narrow)
    assert [tile.label for tile in found["tiles"]] == ["Live teams"]
    assert not found.keys() & {"latest", "failing", "limits", "approvals"}


def test_superusers_see_sums_and_a_row_for_each_tenant(busy: Any, alice: Person, charlie: Person) -> None:
    other = factories.team(charlie)
    with tenant(charlie.tenant.id):
        add_run(other)
    with across_tenants("test"):
        found = board(Viewer(None, frozenset(), across=True, superuser=True))
        shown = render_to_string("admin/console/dashboard.html", {"dashboard": found})
    assert {row["tenant"].slug: row["runs"] for row in found["tenants"]} == {"acme": 4, "globex": 1}
    assert found["tiles"][1].value == "4"
    assert len(found["latest"]) == 6
    assert "Globex" in shown


def test_asks_little(busy: Any, alice: Person, django_assert_num_queries: Any) -> None:
    with tenant(alice.tenant.id), django_assert_num_queries(10):
        board(viewer_of(alice))


def test_asks_as_often_for_many_teams_as_for_one(busy: Any, alice: Person) -> None:
    page_of(alice)
    with CaptureQueriesContext(connection) as few:
        page_of(alice)
    for number in range(8):
        team = factories.team(alice)
        with tenant(alice.tenant.id):
            add_run(team, Status.FAILED, error={"message": f"{number}"})
            run = add_run(team, Status.WAITING)
            Approval.objects.create(execution=run, step_key="a", tool="T", args={}, args_hash="")
    with CaptureQueriesContext(connection) as many:
        page_of(alice)
    assert len(many) <= len(few) + 1  # approvals are counted once there are more than are shown
