"""The list of runs: columns, filters in the address, search, actions over several, export."""

import csv
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions import admin_run_list
from executions.models import Execution, Status
from teams import changelists
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/executions/execution/"


@pytest.fixture
def team(alice: Any) -> Any:
    return factories.team(alice, "Writer", "Critic")


def runs(who: Any, team: Any, count: int, **fields: Any) -> list[Any]:
    with tenant(who.tenant.id):
        given: Any = {"resolved_spec": {}, "actor": "user:alice", **fields}
        return [Execution.objects.create(team=team, version=1, **given) for _ in range(count)]


def listed(browser: Any, query: str = "") -> set[str]:
    answer = browser.get(f"{LIST}{query}")
    assert answer.status_code == 200, query
    return {str(run.id) for run in answer.context["cl"].result_list}


def test_a_row_says_what_was_asked_of_whom_by_whom(alice: Any, vera: Any, team: Any, signed_in: Any) -> None:
    used = {"tokens_in": 1000, "tokens_out": 480, "cost": "0.0103"}
    runs(alice, team, 1, input="only <red> ones", status=Status.SUCCEEDED, source="schedule", **used)
    page = signed_in(vera).get(LIST).content.decode()
    for text in (
        "Succeeded",
        "only &lt;red&gt; ones",
        "Name three uses",
        "v1",
        "1,480",
        "$0.0103",
        "alice (Schedule)",
        "UTC",
    ):
        assert text in page, text


def test_the_number_of_queries_is_the_same_for_any_number_of_runs(
    alice: Any, vera: Any, team: Any, signed_in: Any
) -> None:
    browser, counted = signed_in(vera), []
    browser.get(LIST)
    for more in (3, 27):
        runs(alice, team, more, input={"n": more})
        with CaptureQueriesContext(connection) as asked:
            assert len(listed(browser)) == (3 if more == 3 else 30)
        counted.append(len(asked))
    assert counted[0] == counted[1]
    assert not [query for query in asked if "resolved_spec" in query["sql"]]


def test_filters_are_in_the_address(alice: Any, vera: Any, team: Any, signed_in: Any) -> None:
    other = factories.team(alice, agent_team_main_goal="Sort the slates.")
    (failed,), (waiting,) = (runs(alice, team, 1, status=status) for status in (Status.FAILED, Status.WAITING))
    (queued,) = runs(alice, other, 1, status=Status.QUEUED, source="kafka")
    browser = signed_in(vera)
    assert listed(browser, "?state=failed") == {str(failed.id)}
    assert listed(browser, "?state=waiting") == {str(waiting.id)}
    assert listed(browser, "?state=running") == {str(queued.id)}
    assert listed(browser, "?state=succeeded") == set()
    assert listed(browser, "?status__exact=failed") == {str(failed.id)}
    assert listed(browser, f"?team__id__exact={other.id}") == {str(queued.id)}
    assert listed(browser, "?team__id__exact=nonsense") == set()
    assert listed(browser, "?source__exact=kafka") == {str(queued.id)}
    assert listed(browser, "?from=2000-01-01&to=2000-01-02") == set()
    assert len(listed(browser, "?from=2000-01-01")) == 3
    assert "e=1" in browser.get(f"{LIST}?from=tomorrow").url
    assert listed(browser, f"?q={str(failed.id)[:13]}") == {str(failed.id)}
    assert listed(browser, "?q=slat") == {str(queued.id)}


def test_search_finds_what_was_asked_of_the_newest_that_the_filters_leave(
    alice: Any, vera: Any, charlie: Any, team: Any, signed_in: Any, monkeypatch: Any
) -> None:
    theirs = factories.team(charlie)
    runs(charlie, theirs, 1, input="red shoes")
    (old,) = runs(alice, team, 1, input="Compare RED 50% shoes", status=Status.FAILED)
    (new,) = runs(alice, team, 1, input={"topic": "bored of hats"})
    browser = signed_in(vera)
    assert listed(browser, "?q=red") == {str(old.id), str(new.id)}
    assert listed(browser, "?q=red+50%25+s") == {str(old.id)}
    assert listed(browser, "?q=red_50") == set()
    monkeypatch.setattr(admin_run_list, "_INPUTS_SEARCHED", 1)
    assert listed(browser, "?q=red") == {str(new.id)}
    assert listed(browser, "?q=red&state=failed") == {str(old.id)}
    assert listed(browser, "?q=cafe") == set()
    (cafe,) = runs(alice, team, 1, input="What does a cafe need?")
    assert listed(browser, "?q=cafe") == {str(cafe.id)}  # digits of an id, all of them


def test_many_rows_are_counted_up_to_a_bound(
    alice: Any, vera: Any, team: Any, signed_in: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(changelists, "MOST_COUNTED", 2)
    runs(alice, team, 4)
    answer = signed_in(vera).get(LIST)
    assert answer.context["cl"].result_count == 2
    assert b"the newest of them are counted" in answer.content


@pytest.mark.parametrize(
    ("action", "status", "becomes"),
    [("cancel_runs", Status.QUEUED, Status.CANCELLED), ("release_runs", Status.QUARANTINED, Status.QUEUED)],
)
def test_several_are_changed_at_once_after_asking(
    alice: Any, bob: Any, team: Any, signed_in: Any, action: str, status: str, becomes: str
) -> None:
    made = runs(alice, team, 2, status=status)
    chosen = {"action": action, "_selected_action": [str(run.id) for run in made], "reason": "enough"}
    browser = signed_in(bob)
    asked = browser.submit(LIST, chosen, page=f"{LIST}start/{team.id}/").content.decode()
    verb = action.partition("_")[0].capitalize()
    assert re.search(rf"<button[^>]*>{verb} 2 runs</button>", asked)  # never "Cancel" alone, which leaves all as it is
    assert f"{team} v1: (the goal alone) ({Status(status).label}, 20" in asked
    browser.submit(LIST, {**chosen, "confirmed": "yes"}, page=f"{LIST}start/{team.id}/")
    with tenant(alice.tenant.id):
        assert {run.status for run in Execution.objects.all()} == {becomes}


def test_what_was_refused_is_said_of_each(alice: Any, bob: Any, team: Any, signed_in: Any) -> None:
    (done,), (queued,) = (runs(alice, team, 1, status=status, input=status) for status in ("succeeded", "queued"))
    chosen = {"action": "cancel_runs", "_selected_action": [str(done.id), str(queued.id)], "confirmed": "yes"}
    answer = signed_in(bob).submit(LIST, {**chosen, "reason": ""}, page=f"{LIST}start/{team.id}/")
    told, refused = answer.wsgi_request._messages
    assert str(refused).startswith(f"{team} v1: succeeded (Succeeded, 20")
    assert (str(told), told.level_tag) == ("Cancel: done for 1 of 2 runs.", "warning")


def test_of_many_refusals_the_first_are_told(alice: Any, bob: Any, team: Any, signed_in: Any) -> None:
    made = runs(alice, team, 7, status=Status.SUCCEEDED)
    chosen = {"action": "cancel_runs", "_selected_action": [str(run.id) for run in made], "confirmed": "yes"}
    answer = signed_in(bob).submit(LIST, chosen, page=f"{LIST}start/{team.id}/")
    told = [str(message) for message in answer.wsgi_request._messages]
    assert told[0] == "Cancel: done for 0 of 7 runs."
    assert len(told) == 7
    assert told[-1] == "2 more were refused as well."


def test_several_are_run_again_as_new_runs(alice: Any, bob: Any, team: Any, signed_in: Any) -> None:
    made = runs(alice, team, 2, status=Status.SUCCEEDED, input="bricks", budget={"tokens": 4000})
    chosen = {
        "action": "run_again",
        "_selected_action": [str(run.id) for run in made],
        "confirmed": "yes",
        "reason": "",
    }
    signed_in(bob).submit(LIST, chosen, page=f"{LIST}start/{team.id}/")
    with tenant(alice.tenant.id):
        new = list(Execution.objects.filter(status=Status.QUEUED))
    assert [(run.input, run.budget, run.actor) for run in new] == [("bricks", {"tokens": 4000}, "user:bob")] * 2


def test_a_viewer_has_no_actions(alice: Any, vera: Any, team: Any, signed_in: Any) -> None:
    (run,) = runs(alice, team, 1)
    browser = signed_in(vera)
    token = browser.get(LIST).context["tenant_token"]
    chosen = {"action": "cancel_runs", "_selected_action": [str(run.id)], "confirmed": "yes", "_tenant": token}
    browser.post(LIST, chosen)
    with tenant(alice.tenant.id):
        assert Execution.objects.get().status == Status.QUEUED


def test_the_filtered_list_is_exported(alice: Any, vera: Any, charlie: Any, team: Any, signed_in: Any) -> None:
    (failed,) = runs(alice, team, 1, status=Status.FAILED, input="=1+1")
    runs(alice, team, 1, status=Status.QUEUED)
    answer = signed_in(vera).get(f"{LIST}export/?state=failed")
    (row,) = csv.DictReader(answer.content.decode().splitlines())
    assert answer["Content-Disposition"] == 'attachment; filename="runs.csv"'
    assert (row["id"], row["status"], row["team"], row["input"]) == (
        str(failed.id),
        "failed",
        "Name three uses of a brick.",
        "'=1+1",
    )
    assert len(signed_in(charlie).get(f"{LIST}export/").content.decode().splitlines()) == 1
