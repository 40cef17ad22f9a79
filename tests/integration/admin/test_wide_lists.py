"""Lists of many wide rows: read by their keys, and beyond what is counted sorted among the newest."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.models import Execution, Status, Step, StepKind, StepState
from teams import changelists
from teams.tenancy import tenant
from tests import factories

RUNS = "/admin/executions/execution/"
STEPS = "/admin/executions/step/"
COST = "?o=-7"


@pytest.fixture
def runs(alice: Any) -> list[Any]:
    """Three runs, the oldest of which cost most, and the newest least."""
    team = factories.team(alice)
    with tenant(alice.tenant.id):
        return [
            Execution.objects.create(
                team=team, version=1, resolved_spec={}, actor="user:alice", status=Status.SUCCEEDED, cost=Decimal(cost)
            )
            for cost in (3, 2, 1)
        ]


def listed(browser: Any, address: str) -> list[Any]:
    return [row.pk for row in browser.get(address).context["cl"].result_list]


def test_every_order_and_page_holds_its_rows(runs: list[Any], bob: Any, signed_in: Any) -> None:
    browser, ids = signed_in(bob), [run.pk for run in runs]
    assert listed(browser, RUNS) == ids[::-1]
    assert listed(browser, f"{RUNS}{COST}") == ids
    assert listed(browser, f"{RUNS}?source__exact=kafka") == []


def test_beyond_the_bound_the_newest_are_sorted(
    runs: list[Any], bob: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelists, "MOST_COUNTED", 2)
    browser, ids = signed_in(bob), [run.pk for run in runs]
    assert listed(browser, f"{RUNS}{COST}") == [ids[1], ids[2]]
    assert "2+" in browser.get(RUNS).content.decode()


def test_rows_that_are_not_shown_are_not_read(runs: list[Any], bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    browser.get(RUNS)
    with CaptureQueriesContext(connection) as asked:
        browser.get(f"{RUNS}?status__exact=failed")
    assert asked.captured_queries
    assert not [query for query in asked if '"executions_execution"."tokens_in"' in query["sql"]]


def test_steps_are_those_of_the_newest_runs_or_of_one(
    runs: list[Any], bob: Any, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.admin._RUNS_LISTED", 2)
    with tenant(bob.tenant.id):
        steps = [
            Step.objects.create(
                execution=run,
                seq=1,
                event_seq=1,
                key="r1/Writer/llm0",
                kind=StepKind.LLM,
                state=StepState.DONE,
                fence=1,
            )
            for run in runs
        ]
    browser = signed_in(bob)
    assert listed(browser, STEPS) == [steps[2].pk, steps[1].pk]
    assert listed(browser, f"{STEPS}?execution__id__exact={runs[0].pk}") == [steps[0].pk]
