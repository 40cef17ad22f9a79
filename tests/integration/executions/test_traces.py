"""Spans of a run: run -> turn -> chat, in the words of the GenAI conventions; one trace over several workers."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from executions import runtime, telemetry
from executions.reaper import reap
from executions.services import execution_get, execution_start
from executions.tracing import OpenTelemetry, span_id_of, trace_id_of
from executions.worker import Worker
from teams import logs
from teams.tenancy import tenant
from tests import factories
from tests.integration.executions.tool_runs import Notebook, ToolRun, offered

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "sk-proj-aB3dE5fG7hJ9kL1mN2pQ4rS6"


class Spans(InMemorySpanExporter):
    """What was sent, by name."""

    def named(self, beginning: str) -> list[ReadableSpan]:
        return [span for span in self.get_finished_spans() if span.name.startswith(beginning)]

    def only(self, beginning: str) -> ReadableSpan:
        (span,) = self.named(beginning)
        return span


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    exporter = Spans()
    found = OpenTelemetry(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracing", lambda: found)
    yield exporter
    found.provider.shutdown()


def started(alice, model="fake", **changes):
    changes.setdefault("agents", [{"agent_role": "Writer", "LLM_model": {"model": model}}])
    team = factories.team(alice, max_turns=1, **changes)
    return execution_start(actor=alice.actor, team_id=team.id, input="Be brief.").execution


def test_a_run_is_a_tree_of_spans(alice, fake_model, spans):
    execution = started(alice)
    runtime.run_next(Worker(slots=1))
    run, turn, chat = spans.only("invoke_workflow"), spans.only("invoke_agent"), spans.only("chat")
    assert {span.context.trace_id for span in (run, turn, chat)} == {trace_id_of(execution.id)}
    assert (turn.parent.span_id, chat.parent.span_id) == (run.context.span_id, turn.context.span_id)
    assert run.parent is None
    assert (chat.kind, turn.kind, run.kind) == (SpanKind.CLIENT, SpanKind.INTERNAL, SpanKind.INTERNAL)
    assert turn.start_time <= chat.start_time <= chat.end_time <= turn.end_time
    assert run.attributes["atb.execution.id"] == str(execution.id)
    assert run.attributes["atb.tenant.id"] == str(alice.tenant.id)
    assert run.attributes["atb.status"] == "succeeded"
    assert run.links == ()


def test_a_model_call_is_told_in_the_words_of_the_conventions(alice, fake_model, spans):
    execution = started(alice)
    runtime.run_next(Worker(slots=1))
    with tenant(alice.tenant.id):
        step = execution.steps.get()
    attributes = spans.only("chat fake").attributes
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.provider.name"] == "openai"
    assert attributes["gen_ai.request.model"] == "fake"
    assert attributes["gen_ai.usage.input_tokens"] == step.tokens_in
    assert attributes["gen_ai.usage.output_tokens"] == step.tokens_out
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["gen_ai.conversation.id"] == str(execution.id)
    turn = spans.only("invoke_agent").attributes
    assert (turn["gen_ai.operation.name"], turn["atb.step"]) == ("invoke_agent", "r1/Writer")


def test_what_was_said_is_not_recorded(alice, fake_model, spans):
    fake_model.rule(answer="The word is swordfish.")
    started(alice)
    runtime.run_next(Worker(slots=1))
    everything = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "swordfish" not in everything
    assert "Be brief" not in everything


def test_what_was_said_is_recorded_without_credentials_when_asked_for(alice, fake_model, spans, settings):
    settings.OTEL_CAPTURE_CONTENT = True
    fake_model.rule(answer=f"The word is {KEY}.")
    started(alice)
    runtime.run_next(Worker(slots=1))
    attributes = spans.only("chat").attributes
    said = json.loads(attributes["gen_ai.output.messages"])
    assert said == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "The word is [redacted]."}],
            "finish_reason": "stop",
        }
    ]
    assert "Be brief" in attributes["gen_ai.input.messages"]


def test_a_failed_call_has_its_code(alice, fake_model, spans):
    started(alice, model="fake+401")
    runtime.run_next(Worker(slots=1))
    for span in (spans.only("chat"), spans.only("invoke_workflow")):
        assert span.status.status_code == StatusCode.ERROR
        assert span.attributes["error.type"] == "bad_credentials"
    assert spans.only("invoke_workflow").attributes["atb.status"] == "failed"


def test_a_run_taken_up_again_goes_on_in_its_trace(alice, fake_model, spans):
    """The first worker dies without a word: its run span was never sent, and is linked to all the same."""
    agents = [{"agent_role": role, "LLM_model": {"model": "fake"}} for role in ("Writer", "Critic")]
    execution = started(alice, agents=agents, agent_team_flow="Writer -> Critic")
    dead = Worker(slots=1)
    ((hold, claimed),) = runtime.take(dead, 1)
    hold.until = 0.0  # nothing can be recorded any more
    runtime.carry(dead, (hold, claimed))
    spans.clear()
    expire(alice, execution)
    runtime.run_next(Worker(slots=1))
    assert execution_get(actor=alice.actor, execution_id=execution.id).status == "succeeded"
    run = spans.only("invoke_workflow")
    assert run.context.trace_id == trace_id_of(execution.id)
    (link,) = run.links
    assert link.context.span_id == span_id_of(execution.id, 1) != run.context.span_id
    assert link.context.trace_id == run.context.trace_id
    assert len(spans.named("chat")) == 2


def expire(alice, execution):
    """What the reaper finds when a worker has been silent for too long."""
    from django.db import connection

    with tenant(alice.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE executions_execution SET lease_until = now() - interval '1 s' WHERE id = %s", [execution.id]
        )
    connection.ensure_connection()
    reap(connection.connection)


def test_a_recorded_turn_leaves_no_span(alice, fake_model, spans):
    agents = [
        {"agent_role": "Writer", "LLM_model": {"model": "fake"}},
        {"agent_role": "Critic", "LLM_model": {"model": "fake+500+times=1"}},
    ]
    execution = started(alice, agents=agents, agent_team_flow="Writer -> Critic")
    runtime.run_next(Worker(slots=1))
    spans.clear()
    with tenant(alice.tenant.id):
        type(execution).objects.filter(id=execution.id).update(not_before=execution.created_at)
    expire(alice, execution)
    runtime.run_next(Worker(slots=1))
    assert [span.attributes["gen_ai.agent.name"] for span in spans.named("invoke_agent")] == ["Critic"]


def test_tools_in_threads_of_their_own_belong_to_the_turn(spans, alice):
    facts = telemetry.RunFacts(alice.tenant.id, alice.tenant.id, 1, 1)

    def tool(name: str) -> None:
        with telemetry.tool_call(f"r1/Writer/llm0/{name}", name, "call_1", '{"a": 1}') as call:
            call.ended("timeout" if name == "b" else "ok", "content")

    with (
        telemetry.run(facts),
        telemetry.turn(telemetry.TurnFacts("r1/Writer", "Writer", "Writer", "openai", "m")),
        ThreadPoolExecutor(2) as pool,
    ):
        list(pool.map(telemetry.carried(tool), ["a", "b"]))
    tools, turn = spans.named("execute_tool"), spans.only("invoke_agent")
    assert {span.parent.span_id for span in tools} == {turn.context.span_id}
    assert {span.attributes["gen_ai.tool.name"]: span.attributes.get("error.type") for span in tools} == {
        "a": None,
        "b": "timeout",
    }
    assert "gen_ai.tool.call.arguments" not in tools[0].attributes


def test_a_tools_call_stands_beside_the_models(alice, fake_model, spans):
    chunk = ("Chunk_Text", '{"text": "One. Two.", "size": 5, "unit": "characters"}')
    with offered(Notebook()):
        ToolRun(alice, fake_model, ("Post_Note", '{"text": "hello"}'), chunk).carry()
    turn, tools = spans.only("invoke_agent"), spans.named("execute_tool")
    assert {span.name for span in tools} == {"execute_tool Post_Note", "execute_tool Chunk_Text"}
    assert {span.parent.span_id for span in (*tools, *spans.named("chat"))} == {turn.context.span_id}
    assert {span.attributes["atb.step"] for span in spans.named("chat")} == {"r1/Writer/llm0", "r1/Writer/llm1"}
    assert spans.only("execute_tool Post_Note").attributes["atb.step"] == "r1/Writer/llm0/tool0:Post_Note"
    assert all(span.attributes.get("gen_ai.tool.call.id") for span in tools)


class Receiver(HTTPServer):
    """Takes spans as a collector does: protobuf over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.requests: list[tuple[str, dict[str, str], ExportTraceServiceRequest]] = []


class _Receive(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


def test_spans_arrive_over_http(alice, fake_model, monkeypatch):
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=blue")
        found = OpenTelemetry.from_environment()
        monkeypatch.setattr(telemetry, "tracing", lambda: found)
        try:
            execution = started(alice)
            runtime.run_next(Worker(slots=1))
            telemetry.flush()
        finally:
            found.provider.shutdown()
            receiver.shutdown()
            thread.join()
    ((path, headers, message),) = receiver.requests
    assert path == "/v1/traces"
    assert headers["x-team"] == "blue"
    (resource,) = message.resource_spans
    assert ("service.name", "agent-team-builder-worker") in {
        (each.key, each.value.string_value) for each in resource.resource.attributes
    }
    sent = [span for scope in resource.scope_spans for span in scope.spans]
    assert {span.name.split()[0] for span in sent} == {"invoke_workflow", "invoke_agent", "chat"}
    assert {span.trace_id for span in sent} == {trace_id_of(execution.id).to_bytes(16)}


def test_off_means_nothing_is_imported(alice, fake_model, settings, monkeypatch):
    monkeypatch.setattr(telemetry, "TRACING", "not.there.Tracing")
    settings.OTEL_ENABLED = False
    telemetry.tracing.cache_clear()
    started(alice)
    assert runtime.run_next(Worker(slots=1))
    telemetry.tracing.cache_clear()
    settings.OTEL_ENABLED = True
    with pytest.raises(ImportError):
        telemetry.tracing()


def test_lines_written_while_a_model_is_asked_name_the_step(alice, fake_model, monkeypatch):
    seen = {}
    monkeypatch.setattr(runtime, "cost", lambda *_: seen.update(logs.fields_now()))
    execution = started(alice)
    runtime.run_next(Worker(slots=1))
    assert seen == {
        "execution_id": str(execution.id),
        "tenant_id": str(alice.tenant.id),
        "step": "r1/Writer/llm0",
    }
    assert logs.fields_now() == {}
