"""Spans of runs for OpenTelemetry, named by its GenAI conventions. The only place that imports OpenTelemetry.

    invoke_workflow                     one claim of a run
      invoke_agent Critic               a turn in which something was asked anew
        chat gpt-4o-mini
        execute_tool Web_Search

All claims of a run are one trace: its id is made from the execution's, and each claim's span has an id made from
execution and fence. So the worker that takes a run up again can link to the span of the one that died, although that
one never told its id to anybody. What was said is recorded only with OTEL_CAPTURE_CONTENT.
https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from agents.llm import ChatAnswer, ChatRequest
from executions.telemetry import RunFacts, TurnFacts
from teams import logs
from teams.redact import redacted, redacted_text

SERVICE = "agent-team-builder-worker"

PROVIDERS = {"mistral": "mistral_ai", "xai": "x_ai"}
"""Providers whose name in the conventions is not ours."""

_PARAMETERS = ("temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty")

_next_ids: ContextVar[tuple[int, int] | None] = ContextVar("span_ids", default=None)


def trace_id_of(execution_id: UUID) -> int:
    """The trace of a run. A hash, since samplers expect random bits where a UUID has its version and variant."""
    return int.from_bytes(hashlib.sha256(execution_id.bytes).digest()[:16])


def span_id_of(execution_id: UUID, fence: int) -> int:
    """The span of one claim of a run."""
    return int.from_bytes(hashlib.sha256(execution_id.bytes + fence.to_bytes(8)).digest()[:8])


class _Ids(RandomIdGenerator):
    """Random ids, but for the spans of runs, whose ids are made from the run."""

    def generate_span_id(self) -> int:
        given = _next_ids.get()
        return given[1] if given else super().generate_span_id()

    def generate_trace_id(self) -> int:
        given = _next_ids.get()
        return given[0] if given else super().generate_trace_id()


@dataclass
class OtelSpan:
    """A span as the rest of the product sees it."""

    span: trace.Span

    def set(self, **attributes: Any) -> None:
        """Facts of ours."""
        self.span.set_attributes({f"atb.{name}": value for name, value in attributes.items()})

    def answer(self, answer: ChatAnswer) -> None:
        """What a model's answer cost, and with OTEL_CAPTURE_CONTENT what it said."""
        self.span.set_attribute("gen_ai.response.model", answer.model)
        self.span.set_attribute("gen_ai.response.finish_reasons", [answer.finish_reason])
        if answer.tokens_in is not None:
            self.span.set_attribute("gen_ai.usage.input_tokens", answer.tokens_in)
        if answer.tokens_out is not None:
            self.span.set_attribute("gen_ai.usage.output_tokens", answer.tokens_out)
        if settings.OTEL_CAPTURE_CONTENT:
            said = _parts({"content": answer.text, "tool_calls": answer.tool_calls})
            message = {"role": "assistant", "parts": said, "finish_reason": answer.finish_reason}
            self.span.set_attribute("gen_ai.output.messages", _json([message]))

    def content(self, text: str) -> None:
        """What a tool's call brought, with OTEL_CAPTURE_CONTENT."""
        if settings.OTEL_CAPTURE_CONTENT:
            self.span.set_attribute("gen_ai.tool.call.result", redacted_text(text))

    def failed(self, code: str) -> None:
        """The machine word of what went wrong."""
        self.span.set_attribute("error.type", code)
        self.span.set_status(Status(StatusCode.ERROR, code))


class _Turn:
    """A turn's span, begun with its first call: a turn that is only replayed leaves none."""

    def __init__(self, tracer: trace.Tracer, facts: TurnFacts) -> None:
        self._tracer = tracer
        self._facts = facts
        self._began = time.time_ns()
        self._outside = get_current()
        self._span: trace.Span | None = None
        self._lock = threading.Lock()  # its first calls may be tools, several at once

    def inside(self) -> Context:
        """The context for what is called in this turn."""
        with self._lock:
            if self._span is None:
                self._span = self._tracer.start_span(
                    f"invoke_agent {self._facts.name}",
                    self._outside,
                    start_time=self._began,
                    attributes=self._attributes(),
                )
        return trace.set_span_in_context(self._span, self._outside)

    def end(self) -> None:
        """The turn is over."""
        if self._span is not None:
            self._span.end()

    def _attributes(self) -> dict[str, str]:
        facts = self._facts
        return {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": _provider(facts.provider),
            "gen_ai.request.model": facts.model,
            "gen_ai.agent.name": facts.name,
            "gen_ai.conversation.id": _conversation.get(),
            "atb.role": facts.role,
            "atb.step": facts.key,
        }


_turn: ContextVar[_Turn | None] = ContextVar("turn", default=None)
_conversation: ContextVar[str] = ContextVar("conversation", default="")


class OpenTelemetry:
    """Makes the spans of runs, and sends them."""

    def __init__(self, processor: SpanProcessor, resource: Resource | None = None) -> None:
        self.provider = TracerProvider(id_generator=_Ids(), resource=resource or Resource.create())
        self.provider.add_span_processor(processor)
        self._tracer = self.provider.get_tracer("agent-team-builder")

    @classmethod
    def from_environment(cls) -> Self:
        """Sends over OTLP/HTTP; where to, what with and how much is said by OpenTelemetry's own OTEL_ variables."""
        told = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        return cls(BatchSpanProcessor(OTLPSpanExporter()), Resource.create(None if told else {SERVICE_NAME: SERVICE}))

    @contextmanager
    def run(self, facts: RunFacts) -> Iterator[OtelSpan]:
        """One claim of a run: a root of the run's trace, linked to the claim before."""
        ids = trace_id_of(facts.execution_id), span_id_of(facts.execution_id, facts.fence)
        given = _next_ids.set(ids)
        try:
            span = self._tracer.start_span(
                "invoke_workflow", Context(), attributes=_of_run(facts), links=_earlier(facts)
            )
        finally:
            _next_ids.reset(given)
        conversation = _conversation.set(str(facts.execution_id))
        try:
            with logs.about(trace_id=f"{ids[0]:032x}"), trace.use_span(span, end_on_exit=True, **_QUIET):
                yield OtelSpan(span)
        finally:
            _conversation.reset(conversation)

    @contextmanager
    def turn(self, facts: TurnFacts) -> Iterator[OtelSpan]:
        """An agent's turn."""
        turn = _Turn(self._tracer, facts)
        outer = _turn.set(turn)
        try:
            yield OtelSpan(trace.INVALID_SPAN)
        finally:
            _turn.reset(outer)
            turn.end()

    @contextmanager
    def model_call(self, key: str, request: ChatRequest, streamed: bool) -> Iterator[OtelSpan]:
        """A model is asked."""
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _provider(request.provider),
            "gen_ai.request.model": request.model,
            "gen_ai.conversation.id": _conversation.get(),
            "gen_ai.request.stream": streamed,
            "atb.step": key,
            **{f"gen_ai.request.{name}": request.parameters[name] for name in _PARAMETERS if _number(request, name)},
        }
        if settings.OTEL_CAPTURE_CONTENT:
            attributes["gen_ai.input.messages"] = _json(
                [{"role": each.get("role"), "parts": _parts(each)} for each in request.messages]
            )
        with self._call(f"chat {request.model}", SpanKind.CLIENT, attributes) as span:
            yield span

    @contextmanager
    def tool_call(self, key: str, name: str, call_id: str, arguments: str) -> Iterator[OtelSpan]:
        """A tool is called."""
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.conversation.id": _conversation.get(),
            "atb.step": key,
        }
        if call_id:
            attributes["gen_ai.tool.call.id"] = call_id
        if settings.OTEL_CAPTURE_CONTENT:
            attributes["gen_ai.tool.call.arguments"] = redacted_text(arguments)
        with self._call(f"execute_tool {name}", SpanKind.INTERNAL, attributes) as span:
            yield span

    def flush(self, seconds: float) -> None:
        """Send what waits."""
        self.provider.force_flush(int(seconds * 1000))

    @contextmanager
    def _call(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> Iterator[OtelSpan]:
        turn = _turn.get()
        context = turn.inside() if turn else get_current()
        span = self._tracer.start_span(name, context, kind, attributes)
        with trace.use_span(span, end_on_exit=True, **_QUIET):
            yield OtelSpan(span)


# What went wrong is said by its code; an exception's text may hold anything.
_QUIET = {"record_exception": False, "set_status_on_exception": False}


def _of_run(facts: RunFacts) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.conversation.id": str(facts.execution_id),
        "atb.execution.id": str(facts.execution_id),
        "atb.tenant.id": str(facts.tenant_id),
        "atb.attempt": facts.attempt,
        "atb.fence": facts.fence,
    }


def _earlier(facts: RunFacts) -> list[Link]:
    if facts.fence <= 1:
        return []
    before = SpanContext(
        trace_id_of(facts.execution_id),
        span_id_of(facts.execution_id, facts.fence - 1),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return [Link(before, {"atb.fence": facts.fence - 1})]


def _provider(name: str) -> str:
    return PROVIDERS.get(name, name)


def _number(request: ChatRequest, name: str) -> bool:
    value = request.parameters.get(name)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message in the conventions' shape."""
    parts: list[dict[str, Any]] = []
    content = message.get("content")
    if content and message.get("role") == "tool":
        parts.append({"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content})
    elif content:
        parts.append({"type": "text", "content": content})
    parts += [
        {"type": "tool_call", "id": call.get("id"), **call.get("function", {})}
        for call in message.get("tool_calls") or []
    ]
    return parts


def _json(value: list[Any]) -> str:
    return json.dumps(redacted(value), ensure_ascii=False, default=str)
