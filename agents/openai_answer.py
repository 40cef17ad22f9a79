"""Reads what an OpenAI-compatible server sends: whole answers, streamed pieces, server-sent events."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from agents.llm_errors import BadAnswer, nothing_said
from agents.llm_protocol import ChatAnswer


def decoded(data: bytes) -> dict[str, Any]:
    """A JSON object, or BadAnswer."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise BadAnswer("The provider's answer is not JSON.") from None
    if not isinstance(value, dict):
        raise BadAnswer("The provider's answer is not a JSON object.")
    return value


def sse_data(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each server-sent event. Comments and other fields are skipped; an unfinished line is dropped."""
    open_line: list[bytes] = []  # joined once its end is here: a long line costs linear time however it is cut
    data: list[bytes] = []
    for piece in pieces:
        head, newline, rest = piece.partition(b"\n")
        open_line.append(head)
        if not newline:
            continue
        *lines, tail = rest.split(b"\n")
        for raw in (b"".join(open_line), *lines):
            line = raw.rstrip(b"\r")
            if line.startswith(b"data:"):
                data.append(line[5:].strip())
            elif not line and data:
                yield b"\n".join(data)
                data = []
        open_line = [tail]
    if data:
        yield b"\n".join(data)


class AnswerParts:
    """An answer put together from one whole message or from the pieces of a stream."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: dict[str, Any] = {}
        self._model = ""
        self.finish_reason = ""

    @classmethod
    def whole(cls, body: dict[str, Any]) -> "AnswerParts":
        """Read an answer that was not streamed."""
        if not body.get("choices"):
            raise BadAnswer("The provider's answer has no choices.")
        parts = cls()
        parts.add(body)
        parts.finish_reason = parts.finish_reason or "stop"
        return parts

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def add(self, event: dict[str, Any]) -> str:
        """Take one piece in; returns the text it adds."""
        if isinstance(event.get("usage"), dict):
            self._usage = event["usage"]
        if isinstance(event.get("model"), str):
            self._model = event["model"]
        choices = event.get("choices") or []
        choice = choices[0] if isinstance(choices, list) and choices else {}
        if not isinstance(choice, dict):
            raise BadAnswer("The provider's answer has a choice that is no object.")
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = choice["finish_reason"]
        message = choice.get("delta") or choice.get("message") or {}
        if not isinstance(message, dict):
            raise BadAnswer("The provider's answer has a message that is no object.")
        self._add_calls(message.get("tool_calls"))
        text = _text(message.get("content"))
        if text:
            self._texts.append(text)
        return text

    def answer(self, model: str, raw_ms: int) -> ChatAnswer:
        """The finished answer; BadAnswer when it says nothing."""
        text, calls = self.text, self._tool_calls()
        if not text.strip() and not calls:
            raise nothing_said(self.finish_reason)
        return ChatAnswer(
            text=text,
            finish_reason=self.finish_reason or "stop",
            tokens_in=_count(self._usage.get("prompt_tokens")),
            tokens_out=_count(self._usage.get("completion_tokens")),
            model=self._model or model,
            tool_calls=calls,
            raw_ms=raw_ms,
        )

    def _add_calls(self, calls: Any) -> None:
        """Streamed tool calls come in pieces that belong together by `index`; whole ones have none."""
        for place, piece in enumerate(calls if isinstance(calls, list) else []):
            if not isinstance(piece, dict):
                raise BadAnswer("The provider's answer has a tool call that is no object.")
            index = piece.get("index")
            call = self._calls.setdefault(index if isinstance(index, int) else place, {"name": "", "arguments": ""})
            if isinstance(piece.get("id"), str):
                call["id"] = piece["id"]
            function = piece.get("function")
            if isinstance(function, dict):
                call["name"] += _text(function.get("name"))
                call["arguments"] += _text(function.get("arguments"))

    def _tool_calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": call.get("id", f"call_{index}"),
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for index, call in sorted(self._calls.items())
        ]


def _text(content: Any) -> str:
    """Text of a string or of a list of text parts. NUL bytes are dropped: PostgreSQL stores none."""
    if isinstance(content, list):
        content = "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return content.replace("\x00", "") if isinstance(content, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
