"""Models for tests, as real code: one in process, one behind HTTP. Neither costs anything; both always say the same.

`ScriptedModel` is a `ChatModel` that answers from a script. `FakeLLMServer` is an OpenAI-compatible server for the
wire path and for tests of whole processes; it runs in a thread of the test or by itself:

    python -m tests.fakes --port 9100        (0: a free one; the first line printed ends with the base URL)

The model name says how the server behaves, `fake+cut+times=1` for instance; see `FakeLLMServer`.
"""

import argparse
import hashlib
import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from agents.llm import AnswerTooLarge, ChatAnswer, ChatRequest, OnToken, ProviderTimeout
from agents.llm_errors import nothing_said
from agents.llm_http import MAX_ANSWER_BYTES
from tests.fake_rules import Call, Rule, rule_in_name, words_of

Reply = str | ChatAnswer | BaseException


class ScriptedModel:
    """Answers from a list of replies, one a call, or from a function of the request. Exceptions are raised.

    Safe for threads. `requests` holds what was asked; a list that has run out raises AssertionError.
    """

    def __init__(self, script: Sequence[Reply] | Callable[[ChatRequest], Reply], *, latency_s: float = 0.0) -> None:
        self.requests: list[ChatRequest] = []
        self._script = script
        self._latency_s = latency_s
        self._lock = threading.Lock()

    def chat(self, request: ChatRequest, on_token: OnToken | None = None) -> ChatAnswer:
        with self._lock:
            self.requests.append(request)
            call = len(self.requests)
        time.sleep(min(self._latency_s, request.timeout_s))
        if self._latency_s > request.timeout_s:
            raise ProviderTimeout
        reply = self._reply(request, call)
        if isinstance(reply, BaseException):
            raise reply
        answer = reply if isinstance(reply, ChatAnswer) else self._answer(request, reply)
        if on_token:
            for word in words_of(answer.text):
                on_token(word)
        return answer

    def _reply(self, request: ChatRequest, call: int) -> Reply:
        if callable(self._script):
            return self._script(request)
        if call > len(self._script):
            raise AssertionError(f"the script has {len(self._script)} replies, this is call {call}")
        return self._script[call - 1]

    @staticmethod
    def _answer(request: ChatRequest, text: str) -> ChatAnswer:
        text = text.replace("\x00", "")
        if not text.strip():
            raise nothing_said("stop")
        if len(text) > MAX_ANSWER_BYTES:
            raise AnswerTooLarge
        asked = sum(len(str(message["content"]).split()) for message in request.messages)
        return ChatAnswer(text, "stop", asked, len(text.split()), request.model, [], 0)


# --- The server -------------------------------------------------------------------------------------------------------


class FakeLLMServer:
    """A tiny OpenAI-compatible server that tells what it was asked.

    Model names: `fake`, or with behaviours after `+`: latency=MS, times=N (the fault shows N times for each place in
    a conversation, then it answers), answer=TEXT, and the faults 400 401 403 404 408 429[=RETRY_AFTER] 500 503 302
    timeout drip cut hangup (the connection is dead for the next request) reset broken huge empty context no-usage
    old-server (refuses stream_options) new-limit (refuses max_tokens) late-error (an error amid the stream) tool (asks
    for a tool instead of saying something). Rules set by `rule()` or POST /_rules
    (a JSON list of `Rule` fields) come first.

    GET /_stats: {calls, repeated, inflight, max_inflight, by_body_hash}; GET /_requests: every call; POST /_reset.
    """

    handler: "type[FakeHandler]"

    def __init__(self, port: int = 0) -> None:
        self.rules: list[Rule] = []
        self.calls: list[Call] = []
        self.stopping = threading.Event()
        self._named: dict[str, Rule] = {}
        self._lock = threading.Lock()
        self._inflight = self._max_inflight = 0
        self._http = _Server(("127.0.0.1", port), self.handler)
        self._http.fake = self
        self.port: int = self._http.server_address[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="fake-llm", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def serve_forever(self) -> None:
        self._http.serve_forever()

    def rule(self, **fields: Any) -> None:
        """Add a rule; the earlier one wins."""
        self.rules.append(Rule(**fields))

    def reset(self) -> None:
        with self._lock:
            self.rules, self.calls, self._named, self._max_inflight = [], [], {}, 0

    def stats(self) -> dict[str, Any]:
        with self._lock:
            counted = Counter(call.position for call in self.calls)
            return {
                "calls": len(self.calls),
                "repeated": len(self.calls) - len(counted),
                "inflight": self._inflight,
                "max_inflight": self._max_inflight,
                "by_body_hash": dict(counted),
            }

    def take(self, body: dict[str, Any], headers: Mapping[str, str]) -> tuple[Call, Rule]:
        """Write the call down and choose how to answer it."""
        model, messages = str(body.get("model")), body.get("messages")
        text = json.dumps([model, messages], sort_keys=True, ensure_ascii=False)
        position = hashlib.sha256(text.encode()).hexdigest()[:16]
        with self._lock:
            call = Call(
                len(self.calls) + 1, model, position, _spoken(messages), bool(body.get("stream")), body, dict(headers)
            )
            self.calls.append(call)
            self._inflight += 1
            self._max_inflight = max(self._max_inflight, self._inflight)
            named = self._named.setdefault(model, rule_in_name(model))
            return call, next((rule for rule in (*self.rules, named) if rule.applies(call)), Rule())

    def leave(self) -> None:
        with self._lock:
            self._inflight -= 1


def _spoken(messages: Any) -> str:
    return "\n".join(str(message.get("content")) for message in messages or [])


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False
    fake: FakeLLMServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are part of the tests."""


class FakeHandler(BaseHTTPRequestHandler):
    """Behaves as the rule says, in OpenAI's words; another provider's fake replaces the words."""

    endpoint = "/chat/completions"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    hung_up = False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Tests read /_requests instead."""

    def do_GET(self) -> None:
        fake = self.server.fake
        pages: dict[str, Callable[[], Any]] = {
            "/_stats": fake.stats,
            "/_requests": lambda: [vars(call) for call in fake.calls],
            "/v1/models": lambda: {"object": "list", "data": [{"id": "fake", "object": "model"}]},
            "/health": lambda: {"status": "ok"},
        }
        page = pages.get(self.path)
        self._json(page() if page else {"error": {"message": "not found"}}, 200 if page else 404)

    def do_POST(self) -> None:
        fake = self.server.fake
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.hung_up:
            self.close_connection = True
            return None
        if self.path == "/_reset":
            fake.reset()
            return self._json({})
        if self.path == "/_rules":
            fake.rules.extend(Rule(**fields) for fields in json.loads(body))
            return self._json({})
        if not self.path.endswith(self.endpoint):
            return self._json({"error": {"message": "not found"}}, 404)
        call, rule = fake.take(json.loads(body), dict(self.headers.items()))
        try:
            if rule.latency_ms and not call.stream:
                fake.stopping.wait(rule.latency_ms / 1000)
            self._answer(call, rule)
        finally:
            fake.leave()
        return None

    def _answer(self, call: Call, rule: Rule) -> None:
        text = rule.answer if rule.answer is not None else f"Answer {call.position[:8]} of {call.model} to you."
        if rule.fault == "old-server" and "stream_options" in call.body:
            return self._json(self.error("Unknown field: stream_options"), 400)
        if rule.fault == "new-limit" and "max_tokens" in call.body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return self._json(self.error(message), 400)
        if rule.fault.isdigit():
            return self._status(int(rule.fault), call, rule)
        if rule.fault in ("timeout", "reset", "context", "broken", "huge", "drip"):
            fault: Callable[[Call], None] = getattr(self, f"_{rule.fault}")
            return fault(call)
        if call.stream:
            return self._stream(call, rule, "" if rule.fault == "empty" else text)
        body = self.whole(call, rule, "" if rule.fault == "empty" else text)
        if rule.fault == "cut":
            return self._send(body[: len(body) // 2], length=len(body))
        return self._send(body)

    def _stream(self, call: Call, rule: Rule, text: str) -> None:
        words = words_of(text)
        if rule.fault == "cut":
            words = words[: len(words) // 2]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for frame in self.frames(call, rule, words):
            self._chunk(frame)
        if rule.fault != "cut":
            self._chunk(b"")
        self.close_connection = rule.fault == "cut"
        self.hung_up = rule.fault == "hangup"

    def paced(self, rule: Rule, words: list[str]) -> Iterator[str]:
        """The words, spread over the rule's latency."""
        pause = rule.latency_ms / 1000 / max(1, len(words))
        for word in words:
            self.server.fake.stopping.wait(pause)
            yield word

    def frames(self, call: Call, rule: Rule, words: list[str]) -> Iterator[bytes]:
        """The server-sent events of an answer."""
        for word in [] if rule.tool_calls else self.paced(rule, words):
            yield _event(call, {"content": word})
        if rule.fault == "cut":
            return
        if rule.fault == "late-error":
            yield _frame(self.error("overloaded"))
        for index, (name, arguments) in enumerate(rule.tool_calls):
            begun = {"index": index, "id": f"t{index + 1}", "function": {"name": name, "arguments": ""}}
            yield _event(call, {"tool_calls": [begun]})
            for piece in words_of(arguments):
                yield _event(call, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield _event(call, {}, finish="tool_calls" if rule.tool_calls else "stop")
        if rule.fault not in ("no-usage", "old-server") and call.body.get("stream_options"):
            yield _frame({"model": call.model, "choices": [], "usage": _usage(call, len(words))})
        yield b"data: [DONE]\n\n"

    def whole(self, call: Call, rule: Rule, text: str) -> bytes:
        """The body of an answer that is not streamed."""
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if rule.tool_calls:
            calls = [
                {"id": f"t{index + 1}", "function": {"name": name, "arguments": arguments}}
                for index, (name, arguments) in enumerate(rule.tool_calls)
            ]
            message = {"role": "assistant", "content": None, "tool_calls": calls}
        finish = "tool_calls" if rule.tool_calls else "stop"
        body = {"model": call.model, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
        if rule.fault != "no-usage":
            body["usage"] = _usage(call, len(words_of(text)))  # type: ignore[assignment]
        if rule.fault == "late-error":
            body = self.error("overloaded")
        return json.dumps(body).encode()

    def error(self, message: str, code: str = "fault") -> dict[str, Any]:
        """The body of a refusal."""
        return {"error": {"message": message, "code": code}}

    def _status(self, status: int, call: Call, rule: Rule) -> None:
        headers = {"Retry-After": rule.retry_after} if rule.retry_after else {}
        if status == 302:
            headers["Location"] = f"{self.server.fake.base_url}/elsewhere"
        sent_key = call.headers.get("Authorization") or call.headers.get("X-Api-Key", "")
        self._json(self.error(rule.answer or f"injected {status} for {sent_key}"), status, headers)

    def _context(self, _: Call) -> None:
        self._json(self.error("This model's maximum context length is 8.", "context_length_exceeded"), 400)

    def _timeout(self, _: Call) -> None:
        self.server.fake.stopping.wait(60)
        self.close_connection = True

    def _reset(self, _: Call) -> None:
        self.close_connection = True

    def _drip(self, _: Call) -> None:
        """A byte now and then: never silent for long, never done."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.server.fake.stopping.wait(0.05):
            self.wfile.write(b"x")

    def _broken(self, call: Call) -> None:
        self._send(b'data: {"choices": [\n\n' if call.stream else b'{"choices": [', stream=call.stream)

    def _huge(self, call: Call) -> None:
        text, rule = "x" * 10_500_000, Rule()
        body = b"".join(self.frames(call, rule, [text])) if call.stream else self.whole(call, rule, text)
        self._send(body, stream=call.stream)

    def _json(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self._send(json.dumps(value).encode(), status=status, headers=headers)

    def _send(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        length: int | None = None,
        stream: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
        self.send_header("Content-Length", str(length or len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = bool(length)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def _usage(call: Call, words: int) -> dict[str, int]:
    asked = len(call.text.split())
    return {"prompt_tokens": asked, "completion_tokens": words, "total_tokens": asked + words}


def _event(call: Call, delta: dict[str, Any], finish: str | None = None) -> bytes:
    return _frame({"model": call.model, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _frame(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


FakeLLMServer.handler = FakeHandler


def control(base_url: str, path: str, body: Any = None) -> Any:
    """Talk to a server in another process: `control(base_url, "/_stats")`; with a body it posts."""
    root = base_url.removesuffix("/v1")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{root}{path}", data=data), timeout=10) as response:
        return json.load(response)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="OpenAI-compatible fake server for tests")
    parser.add_argument("--port", type=int, default=0)
    server = FakeLLMServer(parser.parse_args().port)
    print(f"ready {server.base_url}", flush=True)  # noqa: T201 - the parent process waits for this line
    server.serve_forever()
