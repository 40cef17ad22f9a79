"""What a model is told of its tool calls, within the room it has: a pure function of what was asked and what came."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.tools import ToolResult
from executions.prompts import CHARS_PER_TOKEN, MESSAGE_TOKENS, answer_tokens, estimated_tokens, schema_tokens
from executions.runspec import Message, NodeCall, cut

SMALLEST_RESULT_CHARS: Final = 200
LOGGED_CHARS: Final = 4000
NOTHING_YET: Final = ToolResult("")


@dataclass(frozen=True)
class ToolUse:
    """A tool call as the model wrote it (`raw`, in the OpenAI shape), and what came of it."""

    raw: dict[str, Any]
    result: ToolResult = NOTHING_YET

    @property
    def id(self) -> str:
        """The model's own name for the call."""
        return str(self.raw.get("id") or "")

    @property
    def name(self) -> str:
        """The tool it named."""
        return str((self.raw.get("function") or {}).get("name") or "")

    @property
    def arguments(self) -> str:
        """The arguments' text."""
        return str((self.raw.get("function") or {}).get("arguments") or "")

    def shown(self) -> dict[str, Any]:
        """An entry of `tool_calls` in the conversation log."""
        return logged_call(self.raw, ok=self.result.ok, result=self.result.content)


def logged_call(raw: dict[str, Any], *, ok: bool | None, result: str | None) -> dict[str, Any]:
    """A tool call as the log shows it: as the model wrote it, and what came of it (null: nothing yet)."""
    return {**raw, "ok": ok, "result": None if result is None else cut(result, LOGGED_CHARS)}


Exchange = tuple[str, Sequence[ToolUse]]
"""An answer's text and its tool calls."""


def with_results(call: NodeCall, exchanges: Sequence[Exchange]) -> list[Message]:
    """The turn's messages, then each answer that called tools, with what came of the calls.

    The newest results are told first and whole where they fit; of older ones less and less is left, never nothing.
    """
    left = _room(call, exchanges)
    told: list[list[Message]] = []
    for text, uses in reversed(exchanges):
        results: list[Message] = []
        for use in reversed(uses):
            content = cut(use.result.content, max(SMALLEST_RESULT_CHARS, left * CHARS_PER_TOKEN // 2))
            left = max(0, left - estimated_tokens(content))
            results.append({"role": "tool", "tool_call_id": use.id, "content": content or "(nothing)"})
        told.append([_asked(text, uses), *reversed(results)])
    return [*call.messages, *(message for group in reversed(told) for message in group)]


def _room(call: NodeCall, exchanges: Sequence[Exchange]) -> int:
    agent = call.agent
    used = sum(estimated_tokens(str(message["content"])) + MESSAGE_TOKENS for message in call.messages)
    for text, uses in exchanges:
        used += estimated_tokens(text) + MESSAGE_TOKENS
        used += sum(estimated_tokens(use.arguments) + 2 * MESSAGE_TOKENS for use in uses)
    return max(0, agent.context_tokens - answer_tokens(agent) - schema_tokens(agent) - used)


def _asked(text: str, uses: Sequence[ToolUse]) -> Message:
    calls = [
        {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": _object(use.arguments)}}
        for use in uses
    ]
    return {"role": "assistant", "content": text, "tool_calls": calls}


def _object(arguments: str) -> str:
    """Some servers refuse a history with arguments that are no JSON object; the result says what was wrong."""
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"
