"""Runs within their budget and their tenant's day: refused before a call, raised by a person, never exceeded."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from executions import engine, runtime
from executions.budgets import Limits
from executions.limits import LimitValues, limits_set
from executions.models import Execution, Status, Step, TenantDay
from executions.services import execution_get, execution_raise_budget, execution_start
from executions.worker import Worker
from teams.errors import Conflict, Invalid, TooManyRequests
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

PARAMETERS = {"max_tokens": 40}


def team(who, *roles, **agent):
    agents = [{"agent_role": role, "LLM_configuration": PARAMETERS, **agent} for role in roles or ("Writer", "Critic")]
    return factories.team(who, agents=agents)


def carried(who, of, **options):
    run = execution_start(actor=who.actor, team_id=of.id, **options).execution
    runtime.run_next(Worker(slots=1))
    return execution_get(actor=who.actor, execution_id=run.id)


@pytest.fixture
def priced(fake_model, settings):
    openai = {**settings.LLM_PROVIDERS["openai"], "models": {"cheap": {"price": ("1.00", "1.00")}}}
    settings.LLM_PROVIDERS = {**settings.LLM_PROVIDERS, "openai": openai}
    return fake_model


def test_steps_stop_a_run_and_a_person_lets_it_go_on(alice, fake_model):
    run = carried(alice, team(alice), budget=Limits(steps=1))
    assert run.status == Status.BUDGET_EXCEEDED
    told = {name: run.error[name] for name in ("code", "limit", "allowed", "used", "needed")}
    assert told == {"code": "budget_exceeded", "limit": "steps", "allowed": 1, "used": 1, "needed": 1}
    with pytest.raises(Invalid):
        execution_raise_budget(actor=alice.actor, execution_id=run.id, limits=Limits(steps=1))
    execution_raise_budget(actor=alice.actor, execution_id=run.id, limits=Limits(steps=2))
    runtime.run_next(Worker(slots=1))
    run = execution_get(actor=alice.actor, execution_id=run.id)
    assert (run.status, run.error) == (Status.SUCCEEDED, None)
    assert len(fake_model.calls) == 2
    with pytest.raises(Conflict, match="succeeded"):
        execution_raise_budget(actor=alice.actor, execution_id=run.id, limits=Limits(steps=3))


def test_a_call_that_does_not_fit_is_not_made(alice, fake_model):
    run = carried(alice, team(alice), budget=Limits(tokens=41))
    assert (run.status, run.error["limit"]) == (Status.BUDGET_EXCEEDED, "tokens")
    assert fake_model.calls == []


def test_max_tokens_is_always_sent_with_a_budget_and_only_then(alice, fake_model):
    of = factories.team(alice, "Writer")
    assert carried(alice, of).status == Status.SUCCEEDED
    assert carried(alice, of, budget=Limits(tokens=100_000)).status == Status.SUCCEEDED
    assert ["max_tokens" in call.body for call in fake_model.calls] == [False, True]


def test_money_needs_prices(alice, priced):
    with pytest.raises(Conflict, match="openai:dear"):
        carried(alice, team(alice, LLM_model={"model": "dear"}), budget=Limits(usd=Decimal(1)))
    of = team(alice, LLM_model={"model": "cheap"})
    assert carried(alice, of, budget=Limits(usd=Decimal(1))).status == Status.SUCCEEDED
    assert carried(alice, of, budget=Limits(usd=Decimal("0.00001"))).error["limit"] == "usd"


def test_twenty_runs_at_once_stay_within_a_day_for_three_calls(alice, fake_model):
    of = team(alice, "Writer")
    first = carried(alice, of, budget=Limits(tokens=10_000))
    limits_set(actor=alice.actor, values=LimitValues(tokens_per_day=10_000))
    with tenant(alice.tenant.id):
        TenantDay.objects.all().delete()
    carried(alice, of)
    with tenant(alice.tenant.id):
        one = TenantDay.objects.get().tokens_used
        assert one == first.tokens_in + first.tokens_out
        TenantDay.objects.all().delete()
    fake_model.reset()
    fake_model.rule(latency_ms=300)  # so that all twenty ask before one has ended
    most = _most_of_a_call(alice)
    limits_set(actor=alice.actor, values=LimitValues(tokens_per_day=3 * most))
    with tenant(alice.tenant.id):
        TenantDay.objects.all().delete()  # it begins with what was used before
    for _run in range(20):
        execution_start(actor=alice.actor, team_id=of.id)
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda _number: runtime.run_next(Worker(slots=1)), range(20)))
    with tenant(alice.tenant.id):
        day = TenantDay.objects.get()
        refused = Execution.objects.filter(status=Status.BUDGET_EXCEEDED).count()
        done = Execution.objects.filter(status=Status.SUCCEEDED).count() - 2
    assert day.tokens_used <= 3 * most
    assert day.tokens_reserved == 0
    assert done == len(fake_model.calls) >= 3
    assert done + refused == 20
    assert day.tokens_used == done * one


def test_a_limit_of_tokens_counts_what_was_used_before_on_a_day_that_has_begun(alice, fake_model):
    """The day's row is there already: runs were counted. Tokens were not, since nothing limited them."""
    of = team(alice, "Writer")
    limits_set(actor=alice.actor, values=LimitValues(runs_per_day=5))
    run = carried(alice, of)
    limits_set(actor=alice.actor, values=LimitValues(runs_per_day=5, tokens_per_day=100_000))
    with tenant(alice.tenant.id):
        day = TenantDay.objects.get()
    assert (day.tokens_used, day.runs) == (run.tokens_in + run.tokens_out, 1)


def _most_of_a_call(alice):
    """What the next call sets aside, told by a refusal."""
    limits_set(actor=alice.actor, values=LimitValues(tokens_per_day=1))
    with tenant(alice.tenant.id):
        of = Execution.objects.first().team_id
    run = execution_start(actor=alice.actor, team_id=of).execution
    runtime.run_next(Worker(slots=1))
    needed = execution_get(actor=alice.actor, execution_id=run.id).error["needed"]
    with tenant(alice.tenant.id):
        Execution.objects.filter(id=run.id).update(status=Status.CANCELLED)
        TenantDay.objects.all().delete()
    return needed


def test_runs_a_day_are_counted_when_they_are_accepted(alice, fake_model):
    of = team(alice)
    limits_set(actor=alice.actor, values=LimitValues(runs_per_day=1))
    execution_start(actor=alice.actor, team_id=of.id)
    with pytest.raises(TooManyRequests, match="runs_per_day is 1") as refused:
        execution_start(actor=alice.actor, team_id=of.id)
    assert 0 < refused.value.retry_after <= 24 * 3600


def test_a_plain_run_asks_nothing_more(alice, fake_model, monkeypatch):
    asked = []
    really = engine._call
    monkeypatch.setattr(engine, "_call", lambda statement, *args: asked.append(statement) or really(statement, *args))
    assert carried(alice, team(alice, "Writer")).status == Status.SUCCEEDED
    assert [statement.split("_v")[0].split()[-1] for statement in asked] == ["claim", "record", "finish"]


def test_a_fallback_is_asked_once_and_recorded(alice, fake_model):
    of = team(alice, "Writer", LLM_model={"model": "fake+401"}, fallback_model={"model": "other"})
    run = carried(alice, of)
    assert run.status == Status.SUCCEEDED
    assert [call.model for call in fake_model.calls] == ["fake+401", "other"]
    with tenant(alice.tenant.id):
        steps = {step.key: step.state for step in Step.objects.filter(execution_id=run.id)}
    assert steps == {
        "r1/Writer/llm0": "failed", "r1/Writer/llm0/fallback/why": "done", "r1/Writer/llm0/fallback": "done",
    }  # fmt: skip


def test_a_fallback_that_does_not_help_ends_the_run(alice, fake_model):
    of = team(alice, "Writer", LLM_model={"model": "fake+400"}, fallback_model={"model": "fake+500"})
    run = carried(alice, of)
    assert (run.status, run.error["code"]) == (Status.FAILED, "bad_request")
    assert "openai:fake+500 did not help" in run.error["message"]


def test_a_model_that_may_not_be_overridden_has_no_fallback(alice, fake_model):
    never = {"fallback_model": {"model": "other"}, "allow_team_builder_to_override_model": False}
    run = carried(alice, team(alice, "Writer", LLM_model={"model": "fake+400"}, **never))
    assert run.status == Status.FAILED
    assert len(fake_model.calls) == 1


def test_a_provider_that_is_left_alone_is_not_called(alice, fake_model, settings):
    settings.BREAKER_FAILURES = 1
    of = team(alice, "Writer", LLM_model={"model": "fake+500"})
    assert carried(alice, of).status == Status.RETRY_WAIT
    run = carried(alice, of)
    assert (run.status, run.error["code"], run.tries) == (Status.RETRY_WAIT, "provider_paused", 0)
    assert len(fake_model.calls) == 1


def test_the_api_takes_a_budget_and_raises_it(alice, charlie, api, fake_model):
    client, of = api(alice), team(alice)
    body = {"team_id": str(of.id), "budget": {"steps": 1, "usd": None}}
    run = client.post("/api/v1/executions", body).json()
    assert run["budget"] == {"tokens": None, "usd": None, "steps": 1, "seconds": None}
    address = f"/api/v1/executions/{run['id']}/budget"
    assert client.post(address, {"steps": 2}).status_code == 409
    runtime.run_next(Worker(slots=1))
    assert client.post(address, {}).json()["errors"][0]["loc"] == "steps"
    assert client.post(address, {"steps": 0}).status_code == 400
    assert api(charlie).post(address, {"steps": 2}).status_code == 404
    answer = client.post(address, {"steps": 2, "reason": "worth it"})
    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (202, "queued", None)
    assert client.post("/api/v1/executions", {**body, "budget": {"steps": "1"}}).status_code == 400
