"""/api/v1/usage: what was used by day, team and model, read from the steps."""

from datetime import UTC, datetime, timedelta

import pytest

from executions.models import Step
from teams.tenancy import tenant
from tests.integration.executions.live_runs import LiveRun

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
TODAY, YESTERDAY = NOW.date().isoformat(), (NOW - timedelta(days=1)).date().isoformat()
USAGE = f"/api/v1/usage?from={YESTERDAY}&to={TODAY}"


def used(who, model="gpt", **step):
    """A run with two calls, the second without a price."""
    run = LiveRun(who).claim()
    request = {"provider": "openai", "model": model}
    run.record("r1/Writer/llm0", request=request, **step)
    run.record("r1/Critic/llm0", request=request, cost=None, cost_known=False)
    run.finish()
    return run


def test_calls_are_summed_by_day_team_and_model(alice, api, fake_model):
    runs = [used(alice, "a"), used(alice, "b")]
    with tenant(alice.tenant.id):
        yesterday = Step.objects.filter(execution_id=runs[0].id)
        yesterday.update(created_at=NOW - timedelta(days=1))
    rows = api(alice, "usage:read").get(USAGE).json()["results"]
    assert [(row["day"], row["model"]) for row in rows] == [(YESTERDAY, "openai:a"), (TODAY, "openai:b")]
    row = rows[0]
    assert (row["runs"], row["calls"], row["tokens_in"], row["tokens_out"]) == (1, 2, 10, 6)
    assert (row["cost"], row["unpriced_calls"]) == ("0.00000150", 1)


def test_pages_follow_each_other(alice, api, fake_model):
    for model in "abc":
        used(alice, model)
    client, address, seen = api(alice), f"{USAGE}&limit=2", []
    while address:
        page = client.get(address).json()
        seen += [row["model"][-1] for row in page["results"]]
        address = page["next"]
    assert sorted(seen) == ["a", "b", "c"]


def test_notes_and_tools_are_no_calls_of_models(alice, api, fake_model):
    run = LiveRun(alice).claim()
    run.record("start/note0", kind="note", request={"note": "x"}, tokens_in=None, tokens_out=None)
    assert api(alice).get(USAGE).json() == {"results": [], "next": None}


def test_another_tenant_sees_nothing(alice, charlie, api, fake_model):
    used(alice)
    assert api(charlie).get(USAGE).json()["results"] == []


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ("", "from"),
        (f"?from={TODAY}&to={YESTERDAY}", ""),
        ("?from=2020-01-01&to=2026-01-01", ""),
        ("?from=x&to=2026-01-01", "from"),
        (f"?from={TODAY}&to={TODAY}&cursor=abc", "cursor"),
    ],
)
def test_a_bad_question_is_named(alice, api, query, loc):
    answer = api(alice).get(f"/api/v1/usage{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == loc
