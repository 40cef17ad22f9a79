"""The arithmetic of a run's budget: what fits, what is set aside, what stands afterwards."""

from decimal import Decimal
from threading import Thread

import pytest

from agents.llm import ChatRequest
from executions.budgets import Amount, Limits, RunBudget, most_of
from executions.control import BudgetRefused

NOTHING = Amount()


def refused(budget, need=NOTHING):
    with pytest.raises(BudgetRefused) as caught:
        budget.reserve(need)
    return caught.value.error


def test_what_fits_exactly_is_let_through():
    budget = RunBudget(Limits(tokens=100), Amount(40))
    budget.reserve(Amount(60))
    assert refused(budget, Amount(1))["used"] == 100


def test_a_refusal_names_limit_used_and_needed():
    error = refused(RunBudget(Limits(tokens=100), Amount(40)), Amount(61))
    message = error.pop("message")
    assert error == {"code": "budget_exceeded", "limit": "tokens", "allowed": 100, "used": 40, "needed": 61}
    assert message.startswith("the run's budget of tokens is 100: 40 used, 61 needed for the next call")


def test_a_refused_call_takes_nothing():
    budget = RunBudget(Limits(tokens=100, steps=5))
    refused(budget, Amount(101))
    assert (budget.used, budget.steps) == (Amount(0), 0)


def test_money_is_exact():
    budget = RunBudget(Limits(usd=Decimal("0.30")))
    for _call in range(3):
        budget.reserve(Amount(0, Decimal("0.10")))
    error = refused(budget, Amount(0, Decimal("0.00000001")))
    assert (error["limit"], error["allowed"], error["used"]) == ("usd", "0.3", "0.3")


def test_an_unknown_price_does_not_fit_a_money_budget():
    error = refused(RunBudget(Limits(usd=Decimal(1))), Amount(10, None))
    assert (error["limit"], error["needed"]) == ("usd", None)
    assert "price" in error["message"]
    RunBudget(Limits(tokens=100)).reserve(Amount(10, None))


def test_a_call_without_an_answer_is_no_step():
    """It is made again, or a fallback is asked instead; a worker that takes the run up counts the same."""
    budget = RunBudget(Limits(steps=1))
    budget.reserve(Amount())
    budget.settle(Amount(), Amount(), 0.1, answered=False)
    budget.reserve(Amount())
    budget.settle(Amount(), Amount(), 0.1)
    assert refused(budget)["used"] == 1


def test_steps_are_counted():
    budget = RunBudget(Limits(steps=2))
    budget.reserve(Amount())
    budget.reserve(Amount())
    assert refused(budget)["limit"] == "steps"


def test_time_is_counted_when_it_is_over():
    budget = RunBudget(Limits(seconds=10.0), seconds=4.0)
    assert budget.seconds_left == 6.0
    budget.reserve(Amount())
    budget.settle(Amount(), Amount(), 6.5)
    assert budget.seconds_left == 0.0
    assert refused(budget)["limit"] == "seconds"


def test_what_was_taken_stands_in_the_place_of_what_was_set_aside():
    budget = RunBudget(Limits(tokens=100, usd=Decimal(1)))
    budget.reserve(Amount(90, Decimal("0.9")))
    budget.settle(Amount(90, Decimal("0.9")), Amount(12, Decimal("0.1")), 0.0)
    assert budget.used == Amount(12, Decimal("0.1"))
    budget.reserve(Amount(88, Decimal("0.9")))


def test_calls_at_once_share_it():
    budget, let_through = RunBudget(Limits(tokens=30)), []

    def ask():
        try:
            budget.reserve(Amount(10))
        except BudgetRefused:
            return
        let_through.append(1)

    threads = [Thread(target=ask) for _thread in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_through) == 3


@pytest.mark.parametrize(
    "limits", [Limits(), Limits(tokens=5), Limits(1, Decimal("0.10000000"), 2, 1.5)], ids=["none", "one", "all"]
)
def test_limits_are_stored_and_read(limits):
    assert Limits.of(limits.stored()) == limits


def test_limits_of_a_newer_version_are_left_alone():
    assert Limits.of({"tokens": 3, "whales": 1}) == Limits(tokens=3)


def test_the_most_a_call_takes(settings):
    settings.LLM_PROVIDERS = {"openai": {"base_url": "http://x", "models": {"m": {"price": ("1.00", "2.00")}}}}
    request = ChatRequest("openai", "m", [{"role": "user", "content": "x" * 288}], {"max_tokens": 50})
    assert most_of(request) == Amount(150, Decimal("0.0002"))


def test_tools_and_their_calls_are_part_of_the_prompt():
    plain = ChatRequest("openai", "m", [{"role": "assistant", "content": None}], {"max_tokens": 1})
    tools = ChatRequest("openai", "m", plain.messages, {"max_tokens": 1, "tools": [{"name": "x" * 300}]})
    called = ChatRequest("openai", "m", [{**plain.messages[0], "tool_calls": [{"id": "x" * 300}]}], {"max_tokens": 1})
    assert most_of(tools).tokens > most_of(plain).tokens + 100
    assert most_of(called).tokens > most_of(plain).tokens + 100
