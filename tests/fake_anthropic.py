"""An Anthropic-shaped server for tests: POST /v1/messages, whole or streamed; faults as in tests/fake_rules.py."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fake_rules import TOOL_CALL, Call, Rule, words_of
from tests.fakes import FakeHandler, FakeLLMServer

KINDS = {
    "401": "authentication_error",
    "403": "permission_error",
    "404": "not_found_error",
    "429": "rate_limit_error",
    "500": "api_error",
    "529": "overloaded_error",
}


class AnthropicHandler(FakeHandler):
    """The same behaviour in Anthropic's words."""

    endpoint = "/v1/messages"

    def frames(self, call: Call, rule: Rule, words: list[str]) -> Iterator[bytes]:
        usage = _usage(call, words)
        yield _event("message_start", message={**_message(call, []), "usage": {**usage, "output_tokens": 1}})
        yield _event("ping")
        if rule.fault == "tool":
            name, arguments = TOOL_CALL
            block = {"type": "tool_use", "id": "t1", "name": name, "input": {}}
            pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in words_of(arguments)]
        else:
            block = {"type": "text", "text": ""}
            pieces = [{"type": "text_delta", "text": word} for word in words]
        yield _event("content_block_start", index=0, content_block=block)
        for _word, piece in zip(self.paced(rule, [""] * len(pieces)), pieces, strict=True):
            yield _event("content_block_delta", index=0, delta=piece)
        if rule.fault == "cut":
            return
        if rule.fault == "late-error":
            yield _event("error", error={"type": "overloaded_error", "message": "Overloaded"})
        yield _event("content_block_stop", index=0)
        reason = "tool_use" if rule.fault == "tool" else "end_turn"
        yield _event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)
        yield _event("message_stop")

    def whole(self, call: Call, rule: Rule, text: str) -> bytes:
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        if rule.fault == "tool":
            content = [{"type": "tool_use", "id": "t1", "name": TOOL_CALL[0], "input": json.loads(TOOL_CALL[1])}]
        reason = "tool_use" if rule.fault == "tool" else "end_turn"
        message = {**_message(call, content), "stop_reason": reason, "usage": _usage(call, words_of(text))}
        return json.dumps(message).encode()

    def error(self, message: str, code: str = "fault") -> dict[str, Any]:
        if code == "context_length_exceeded":
            message = "prompt is too long: 9 tokens > 8 maximum"
        kind = next((kind for status, kind in KINDS.items() if status in message), "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}

    def _broken(self, call: Call) -> None:
        self._send(b'event: message_start\ndata: {"type": [\n\n' if call.stream else b'{"type": [', stream=call.stream)


class FakeAnthropicServer(FakeLLMServer):
    """`base_url` is what ChatAnthropic takes: without /v1."""

    handler = AnthropicHandler

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.base_url = f"http://127.0.0.1:{self.port}"


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _message(call: Call, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{call.n}", "type": "message", "role": "assistant", "model": call.model, "content": content,
        "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip


def _usage(call: Call, words: list[str]) -> dict[str, int]:
    return {"input_tokens": len(call.text.split()), "output_tokens": len(words)}
