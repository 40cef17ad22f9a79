"""What a run may still use: its own budget, kept in memory by the worker that carries it, and its tenant's day.

Before a model is called the most it can take is set aside: the prompt's tokens as estimated, and max_tokens, which is
always set then. What does not fit is refused (`BudgetRefused`) and no call is made. Afterwards what the call took
stands in its place. A run without a budget, of a tenant without limits, has no `Purse` and pays nothing for this.

Numbers are the provider's own where it tells them; where it does not, what was set aside counts as used.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Self
from uuid import UUID

import orjson

from agents.llm import (
    AnswerTooLarge,
    BadAnswer,
    ChatAnswer,
    ChatRequest,
    CutStream,
    LLMError,
    ProviderTimeout,
    cost,
)
from executions import engine
from executions.control import BudgetRefused, Fenced
from executions.prompts import MESSAGE_TOKENS, estimated_tokens

MAY_BE_CHARGED: Final = (ProviderTimeout, CutStream, BadAnswer, AnswerTooLarge)
"""Errors after which the provider may have worked, and charge for it: what was set aside counts as used."""


@dataclass(frozen=True)
class Amount:
    """What a call takes at most, or took. `usd` is None where a price is not known."""

    tokens: int = 0
    usd: Decimal | None = Decimal(0)


@dataclass(frozen=True)
class Limits:
    """A run's budget; None: no limit of that kind."""

    tokens: int | None = None
    usd: Decimal | None = None
    steps: int | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Self:
        """Read `stored()`'s JSON; unknown names are left alone, so that an older worker can carry a newer run."""
        known = {name: stored[name] for name in ("tokens", "steps", "seconds") if name in stored} if stored else {}
        usd = stored.get("usd") if stored else None
        return cls(**known, usd=None if usd is None else Decimal(str(usd)))

    def stored(self) -> dict[str, Any] | None:
        """JSON for `Execution.budget`: what is limited; None when nothing is."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if self.usd is not None:
            given["usd"] = str(self.usd)
        return given or None


@dataclass
class RunBudget:
    """A run's own budget and what is used of it; calls made at the same time share it."""

    limits: Limits
    used: Amount = field(default_factory=Amount)
    steps: int = 0
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, need: Amount) -> None:
        """Set aside what one step needs at most. Raises `BudgetRefused`."""
        with self._lock:
            self._check(need)
            self._add(need)
            self.steps += 1

    def settle(self, had: Amount, took: Amount, seconds: float, *, answered: bool = True) -> None:
        """Put what a step took in the place of what was set aside. A call without an answer is no step: it is made
        again under its key, as spent_v1 counts it."""
        with self._lock:
            self.steps -= not answered
            self._add(Amount(-had.tokens, None if had.usd is None else -had.usd))
            self._add(took)
            self.seconds += seconds

    @property
    def seconds_left(self) -> float | None:
        """How long calls may still take; None: no limit."""
        return None if self.limits.seconds is None else max(0.0, self.limits.seconds - self.seconds)

    def _check(self, need: Amount) -> None:
        limits = self.limits
        if limits.steps is not None and self.steps + 1 > limits.steps:
            raise refusal("steps", limits.steps, self.steps, 1)
        if limits.seconds is not None and self.seconds >= limits.seconds:
            raise refusal("seconds", limits.seconds, round(self.seconds, 3), 0)
        if limits.tokens is not None and self.used.tokens + need.tokens > limits.tokens:
            raise refusal("tokens", limits.tokens, self.used.tokens, need.tokens)
        if limits.usd is not None and (need.usd is None or (self.used.usd or 0) + need.usd > limits.usd):
            raise refusal("usd", limits.usd, self.used.usd, need.usd)

    def _add(self, amount: Amount) -> None:
        self.used = Amount(self.used.tokens + amount.tokens, (self.used.usd or Decimal(0)) + (amount.usd or 0))


class Call:
    """A model call whose most has been set aside: `request` is what may be sent; tell `answered` what came back."""

    def __init__(self, request: ChatRequest, most: Amount) -> None:
        self.request = request
        self.most = self.took = most
        self.has_answer = False

    def answered(self, answer: ChatAnswer) -> None:
        """The provider's own numbers take the place of the estimate, as far as it tells them."""
        self.has_answer = True
        if answer.tokens_in is None or answer.tokens_out is None:
            return
        price = cost(self.request.provider, self.request.model, answer.tokens_in, answer.tokens_out)
        self.took = Amount(answer.tokens_in + answer.tokens_out, price)


@dataclass
class Purse:
    """A limited run's budget and its tenant's day, for as long as a worker carries the run."""

    tenant_id: UUID
    budget: RunBudget
    tenant_limited: bool
    held: Callable[[Callable[[], Any]], Any]
    """Asks the database, again and again while it is away and the lease holds."""

    @classmethod
    def of(cls, claimed: engine.Claimed, held: Callable[[Callable[[], Any]], Any]) -> Self | None:
        """The run's purse; None for a run that nothing limits. Asks the database for limited runs alone."""
        if not claimed.spec.get("limited"):
            return None
        spent: engine.Spent = held(lambda: engine.spent(claimed.tenant_id, claimed.execution_id))
        budget = RunBudget(
            Limits.of(spent.budget), Amount(spent.tokens, spent.usd), steps=spent.steps, seconds=spent.ms / 1000
        )
        return cls(claimed.tenant_id, budget, spent.tenant_limited, held)

    @contextmanager
    def model_call(self, request: ChatRequest, answer_tokens: int) -> Iterator[Call]:
        """Call a model inside. `answer_tokens` is the longest answer, for a request that does not say.

        Raises `BudgetRefused` before anything is called.
        """
        request = self._bounded(request, answer_tokens)
        call = Call(request, most_of(request))
        self.budget.reserve(call.most)
        started, day = time.monotonic(), None
        try:
            day = self._reserve_day(call.most)
            yield call
        except (BudgetRefused, Fenced):
            call.took = Amount()
            raise
        except LLMError as error:
            if not isinstance(error, MAY_BE_CHARGED):
                call.took = Amount()
            raise
        finally:
            self.budget.settle(call.most, call.took, time.monotonic() - started, answered=call.has_answer)
            if day is not None:
                had, took = (call.most.tokens, call.most.usd), (call.took.tokens, call.took.usd)
                self.held(lambda: engine.settle_day(self.tenant_id, day, had, took))

    def tool_begins(self) -> None:
        """Count a tool's call as a step. Raises `BudgetRefused` before anything is called."""
        self.budget.reserve(Amount())

    def tool_took(self, ms: int) -> None:
        """Count the time a tool's call took."""
        self.budget.settle(Amount(), Amount(), ms / 1000)

    def _bounded(self, request: ChatRequest, answer_tokens: int) -> ChatRequest:
        parameters = {**request.parameters, "max_tokens": request.parameters.get("max_tokens") or answer_tokens}
        left = self.budget.seconds_left
        timeout_s = request.timeout_s if left is None else max(0.05, min(request.timeout_s, left))
        return replace(request, parameters=parameters, timeout_s=timeout_s)

    def _reserve_day(self, most: Amount) -> Any:
        if not self.tenant_limited:
            return None
        day: engine.Day | None = self.held(lambda: engine.reserve_day(self.tenant_id, most.tokens, most.usd))
        if day is not None and day.refused:
            needed = most.tokens if day.refused == "tokens_per_day" else most.usd
            raise refusal(day.refused, day.allowed, day.used, needed)
        return None if day is None else day.day


def most_of(request: ChatRequest) -> Amount:
    """The most a call can take: its prompt as estimated, and an answer as long as max_tokens."""
    texts = [message.get("content") or "" for message in request.messages]
    extra = [part for message in request.messages if (part := message.get("tool_calls"))]
    if tools := request.parameters.get("tools"):
        extra.append(tools)
    prompt = sum(estimated_tokens(text if isinstance(text, str) else _json(text)) + MESSAGE_TOKENS for text in texts)
    prompt += sum(estimated_tokens(_json(part)) for part in extra)
    answer = int(request.parameters["max_tokens"])
    return Amount(prompt + answer, cost(request.provider, request.model, prompt, answer))


def refusal(limit: str, allowed: Any, used: Any, needed: Any) -> BudgetRefused:
    """The refusal as a run's error: which limit, how much is used of it, how much the next call needs."""
    tenant = limit.endswith("_per_day")
    whose = f"the tenant's limit {limit}" if tenant else f"the run's budget of {limit}"
    if needed is None:
        message = f"{whose} cannot be held: the price of the model that comes next is not known"
    else:
        message = f"{whose} is {_said(allowed)}: {_said(used)} used, {_said(needed)} needed for the next call"
    then = "an admin raises the limit, or it is another day" if tenant else "somebody raises it"
    error = {
        "code": "budget_exceeded", "message": f"{message}; the run goes on when {then}", "limit": limit,
        "allowed": _number(allowed), "used": _number(used), "needed": _number(needed),
    }  # fmt: skip
    return BudgetRefused(error)


def _said(value: Any) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if isinstance(value, Decimal) and "." in f"{value:f}" else f"{value}"


def _number(value: Any) -> Any:
    """As JSON: money as text, so that no digit is lost."""
    return _said(value) if isinstance(value, Decimal) else value


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
