"""What a run tells about itself while it is carried: log fields, counters, and spans when tracing is on.

    with telemetry.run(claimed...) as watch:                 # one claim of a run
        with telemetry.turn("r1/Critic", ...):               # an agent's turn
            with telemetry.model_call(key, request) as call: # asking a model
                call.answered(answer, price)
            with telemetry.tool_call(key, "Web_Search") as call:
                call.ended("ok", content)
        watch.ended("succeeded")

The runtime calls these and nothing else; a thread that works for a run gets its function through `carried`. With
tracing off nothing of OpenTelemetry is imported and the only span is `NO_SPAN`.
"""

import contextvars
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from agents.llm import ChatAnswer, ChatRequest, LLMError
from executions import metrics
from teams import logs

P = ParamSpec("P")
T = TypeVar("T")

TRACING = "executions.tracing.OpenTelemetry"
"""By name, so that nothing of it is imported while it is off."""

OK = "ok"
STOPPED = "stopped"
"""Outcome of a call that ended by control flow: the run was cancelled, released or is no longer ours."""


@dataclass(frozen=True)
class RunFacts:
    """Which run is carried, and for which time: the fence rises with each claim."""

    execution_id: UUID
    tenant_id: UUID
    fence: int
    attempt: int


@dataclass(frozen=True)
class TurnFacts:
    """Whose turn it is. `key` begins the keys of its steps."""

    key: str
    role: str
    name: str
    provider: str
    model: str


class Span(Protocol):
    """What is told to a trace."""

    def set(self, **attributes: Any) -> None: ...

    def answer(self, answer: ChatAnswer) -> None: ...

    def content(self, text: str) -> None: ...

    def failed(self, code: str) -> None: ...


class _NoSpan:
    """Tracing is off."""

    def set(self, **attributes: Any) -> None: ...

    def answer(self, answer: ChatAnswer) -> None: ...

    def content(self, text: str) -> None: ...

    def failed(self, code: str) -> None: ...


NO_SPAN = _NoSpan()


class Tracing(Protocol):
    """Spans, as executions/tracing.py makes them."""

    def run(self, facts: RunFacts) -> AbstractContextManager[Span]: ...

    def turn(self, facts: TurnFacts) -> AbstractContextManager[Span]: ...

    def model_call(self, key: str, request: ChatRequest, streamed: bool) -> AbstractContextManager[Span]: ...

    def tool_call(self, key: str, name: str, call_id: str, arguments: str) -> AbstractContextManager[Span]: ...

    def flush(self, seconds: float) -> None: ...


@cache
def tracing() -> Tracing | None:
    """The process's tracing, or None: it is off."""
    if not settings.OTEL_ENABLED:
        return None
    found: Tracing = import_string(TRACING).from_environment()
    return found


def flush(seconds: float = 5.0) -> None:
    """Send the spans that wait; called where a process ends without Python's own farewell."""
    found = tracing()
    if found is not None:
        found.flush(seconds)


# --- what the runtime calls -------------------------------------------------------------------------------------------


class RunWatch:
    """Told how the claim of a run ended."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.status = "fenced"

    def ended(self, status: str, error: str = "") -> None:
        """It left this worker with that status, and an error's code where there was one."""
        self.status = status
        self.span.set(status=status)
        if error:
            self.span.failed(error)


@contextmanager
def run(facts: RunFacts) -> Iterator[RunWatch]:
    """One claim of a run, from taking it to letting go."""
    started = time.monotonic()
    found = tracing()
    metrics.RUNS_IN_HAND.inc()
    with (
        logs.about(execution_id=facts.execution_id, tenant_id=facts.tenant_id),
        found.run(facts) if found else nullcontext(NO_SPAN) as span,
    ):
        watch = RunWatch(span)
        try:
            yield watch
        finally:
            metrics.RUNS_IN_HAND.dec()
            metrics.RUNS_CARRIED.labels(watch.status).inc()
            metrics.RUN_SECONDS.observe(time.monotonic() - started)


@contextmanager
def turn(facts: TurnFacts) -> Iterator[None]:
    """An agent's turn. A turn in which nothing is asked anew (a replay) leaves no span."""
    found = tracing()
    with logs.about(step=facts.key), found.turn(facts) if found else nullcontext(NO_SPAN):
        yield


class ModelCall:
    """Told what a model answered."""

    def __init__(self, span: Span, provider: str, model: str) -> None:
        self.span = span
        self.labels = (provider, model)

    def answered(self, answer: ChatAnswer, price: Decimal | None) -> None:
        """The answer came; `price` is None where it is unknown."""
        metrics.MODEL_SECONDS.labels(*self.labels).observe(answer.raw_ms / 1000)
        metrics.MODEL_TOKENS.labels(*self.labels, "in").inc(answer.tokens_in or 0)
        metrics.MODEL_TOKENS.labels(*self.labels, "out").inc(answer.tokens_out or 0)
        if price is None:
            metrics.MODEL_UNPRICED.labels(*self.labels).inc()
        else:
            metrics.MODEL_COST.labels(*self.labels).inc(float(price))
            self.span.set(cost_usd=float(price))
        self.span.answer(answer)


@contextmanager
def model_call(key: str, request: ChatRequest, *, streamed: bool = False) -> Iterator[ModelCall]:
    """A model is asked for the step with this key. An LLMError that goes through is the outcome, and goes on."""
    found = tracing()
    outcome = STOPPED
    call = ModelCall(NO_SPAN, metrics.name_label(request.provider), metrics.name_label(request.model))
    with (
        logs.about(step=key),
        found.model_call(key, request, streamed) if found else nullcontext(NO_SPAN) as call.span,
    ):
        try:
            yield call
            outcome = OK
        except LLMError as error:
            outcome = error.code
            call.span.failed(outcome)
            raise
        finally:
            metrics.MODEL_CALLS.labels(*call.labels, outcome).inc()


class ToolCall:
    """Told how a tool's call ended."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.outcome = STOPPED

    def ended(self, outcome: str = OK, content: str = "") -> None:
        """`outcome`: ok, or the machine word of what was wrong; `content` is what the model reads."""
        self.outcome = outcome or OK
        if self.outcome != OK:
            self.span.failed(self.outcome)
        self.span.content(content)


@contextmanager
def tool_call(key: str, name: str, call_id: str = "", arguments: str = "") -> Iterator[ToolCall]:
    """A tool is called; `name` is one of the catalogue, whatever the model wrote."""
    started = time.monotonic()
    found = tracing()
    with (
        logs.about(step=key),
        found.tool_call(key, name, call_id, arguments) if found else nullcontext(NO_SPAN) as span,
    ):
        call = ToolCall(span)
        try:
            yield call
        finally:
            label = metrics.name_label(name)
            metrics.TOOL_CALLS.labels(label, call.outcome).inc()
            metrics.TOOL_SECONDS.labels(label).observe(time.monotonic() - started)


def carried(function: Callable[P, T]) -> Callable[P, T]:
    """The function, to be called in another thread for the run of this one: its lines and spans belong to it."""
    context = contextvars.copy_context()

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        # A context can be entered once at a time, so each call gets its own copy.
        return context.copy().run(function, *args, **kwargs)

    return call
