"""Budgets in the admin: given with a start, raised for a run that stopped."""

from decimal import Decimal
from typing import Any

import pytest

from executions.models import Execution, Status
from teams.models import AuditEntry
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/executions/execution/"


@pytest.fixture
def team(alice: Any) -> Any:
    return factories.team(alice)


@pytest.fixture
def stopped(alice: Any, team: Any) -> Any:
    with tenant(alice.tenant.id):
        return Execution.objects.create(
            team=team, version=1, resolved_spec={"agents": {}}, status=Status.BUDGET_EXCEEDED,
            budget={"tokens": 400, "steps": 9},
            error={"code": "budget_exceeded", "message": "no room", "limit": "tokens"},
        )  # fmt: skip


def only_run(who: Any) -> Any:
    with tenant(who.tenant.id):
        return Execution.objects.get()


def test_a_run_starts_with_a_budget(team: Any, bob: Any, signed_in: Any) -> None:
    given = {"input": "", "tokens": "5000", "steps": "4", "seconds": "2.5", "usd": ""}
    signed_in(bob).submit(f"{LIST}start/{team.id}/", given)
    assert only_run(bob).budget == {"tokens": 5000, "steps": 4, "seconds": 2.5}


def test_without_limits_a_run_has_no_budget(team: Any, bob: Any, signed_in: Any) -> None:
    signed_in(bob).submit(f"{LIST}start/{team.id}/", {"input": "x"})
    run = only_run(bob)
    assert run.budget is None
    assert "limited" not in run.resolved_spec


@pytest.mark.parametrize("given", [{"tokens": "0"}, {"usd": "-1"}, {"steps": "many"}, {"seconds": "1e9"}])
def test_a_bad_limit_is_an_error_at_its_field(given: Any, team: Any, bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(f"{LIST}start/{team.id}/", {"input": "kept", **given})
    assert list(answer.context["form"].errors) == list(given)
    assert b"kept" in answer.content
    with tenant(bob.tenant.id):
        assert not Execution.objects.exists()


def test_a_budget_in_money_says_which_price_is_missing(team: Any, bob: Any, signed_in: Any, settings: Any) -> None:
    unpriced = {**settings.LLM_PROVIDERS["openai"], "models": {}}
    settings.LLM_PROVIDERS = {**settings.LLM_PROVIDERS, "openai": unpriced}
    answer = signed_in(bob).submit(f"{LIST}start/{team.id}/", {"usd": "1"})
    assert b"LLM_PROVIDERS_FILE" in answer.content


def test_a_stopped_run_goes_on_with_a_higher_budget(stopped: Any, bob: Any, signed_in: Any) -> None:
    browser, address = signed_in(bob), f"{LIST}{stopped.id}/budget/"
    assert address in browser.get(f"{LIST}{stopped.id}/change/").content.decode()
    page = browser.get(address).content.decode()
    assert "400 tokens, 9 steps" in page
    assert "no room" in page
    assert browser.submit(address, {"tokens": "900", "reason": "worth it"}).status_code == 302
    run = only_run(bob)
    assert (run.status, run.budget) == (Status.QUEUED, {"tokens": 900, "steps": 9})
    with tenant(bob.tenant.id):
        assert AuditEntry.objects.get(action="execution.budget").reason == "worth it"
    assert address not in browser.get(f"{LIST}{stopped.id}/change/").content.decode()


@pytest.mark.parametrize(("given", "field"), [({"tokens": "400"}, "tokens"), ({"steps": "10"}, "tokens")])
def test_a_limit_that_is_not_higher_is_refused_at_its_field(
    given: Any, field: str, stopped: Any, bob: Any, signed_in: Any
) -> None:
    answer = signed_in(bob).submit(f"{LIST}{stopped.id}/budget/", given)
    assert list(answer.context["form"].errors) == [field]
    assert only_run(bob).status == Status.BUDGET_EXCEEDED


def test_a_viewer_raises_nothing(stopped: Any, vera: Any, signed_in: Any) -> None:
    browser, address = signed_in(vera), f"{LIST}{stopped.id}/budget/"
    assert address not in browser.get(f"{LIST}{stopped.id}/change/").content.decode()
    assert browser.get(address).status_code == 403


def test_money_keeps_its_digits(alice: Any, bob: Any, signed_in: Any, settings: Any) -> None:
    cheap = {"price": ("1.00", "1.00")}
    settings.LLM_PROVIDERS = {
        "openai": {"base_url": "http://127.0.0.1:1/v1", "api_key": "test", "models": {"cheap": cheap}}
    }
    agents = [{"agent_role": role, "LLM_model": {"model": "cheap"}} for role in ("Writer", "Critic")]
    team = factories.team(alice, agents=agents)
    answer = signed_in(bob).submit(f"{LIST}start/{team.id}/", {"usd": "0.1"})
    assert answer.status_code == 302, answer.context["form"].errors
    assert Decimal(only_run(bob).budget["usd"]) == Decimal("0.1")
