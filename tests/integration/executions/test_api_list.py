"""GET /api/v1/executions: the tenant's runs, newest first, page by page, filtered."""

from datetime import timedelta

import pytest
from django.utils import timezone

from executions.models import Execution
from executions.services import execution_cancel, execution_start
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/v1/executions"


def start(who, team=None, **given):
    team = team or factories.team(who)
    return execution_start(actor=who.actor, team_id=team.id, **given).execution


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_the_newest_comes_first_and_strangers_see_nothing(api, alice, charlie):
    runs = [start(alice) for _ in range(3)]
    assert ids(api(alice).get(URL)) == [str(run.id) for run in reversed(runs)]
    assert ids(api(charlie).get(URL)) == []


def test_rows_leave_out_what_is_large(api, alice):
    start(alice, input="x" * 1000)
    row = api(alice).get(URL).json()["results"][0]
    assert "input" not in row
    assert row["totals"] == {"tokens_in": 0, "tokens_out": 0, "cost": "0.00000000", "ms": 0}


def test_pages_hold_each_run_once_while_new_ones_come(api, alice):
    team = factories.team(alice)
    runs = [start(alice, team) for _ in range(5)]
    client, seen, place = api(alice), [], f"{URL}?limit=2"
    while place:
        answer = client.get(place)
        seen += ids(answer)
        place = answer.json()["next"]
        start(alice, team)
    assert sorted(seen) == sorted(str(run.id) for run in runs)


def test_filters(api, alice):
    ours, other = start(alice), start(alice, source="admin")
    execution_cancel(actor=alice.actor, execution_id=other.id)
    client = api(alice)
    assert ids(client.get(URL, {"team_id": ours.team_id})) == [str(ours.id)]
    assert ids(client.get(URL, {"status": "cancelled"})) == [str(other.id)]
    assert ids(client.get(URL, {"source": "admin"})) == [str(other.id)]
    assert ids(client.get(URL, {"status": "queued", "source": "admin"})) == []


def test_times(api, alice):
    old, new = start(alice), start(alice)
    with tenant(alice.tenant.id):
        Execution.objects.filter(id=old.id).update(created_at=timezone.now() - timedelta(days=2))
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    client = api(alice)
    assert ids(client.get(URL, {"created_after": yesterday})) == [str(new.id)]
    assert ids(client.get(URL, {"created_before": yesterday})) == [str(old.id)]


@pytest.mark.parametrize(
    "query",
    ["team_id=x", "status=done", "source=me", "limit=0", "limit=x", "cursor=x", "created_after=2026-01-01", "q=1",
     "status=queued&status=failed"],
)  # fmt: skip
def test_a_bad_query_names_the_parameter(api, alice, query):
    answer = api(alice).get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == query.partition("=")[0]
