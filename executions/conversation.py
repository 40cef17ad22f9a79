"""The conversation of a run, read back from its steps."""

from collections.abc import Iterable
from typing import Any

from executions.models import Step, StepKind, StepState


def conversation_log(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return the `conversation_log` of a run from its steps in order: one entry for each answered model call.

    Entries: {turn, round, role, name, message, tool_calls, tokens, ms}; `tokens` is in + out, null when unknown.
    """
    return [_entry(step) for step in steps if step.kind == StepKind.LLM and step.state == StepState.DONE]


def _entry(step: Step) -> dict[str, Any]:
    shown = step.display or {}
    known = step.tokens_in is not None and step.tokens_out is not None
    return {
        "turn": step.turn,
        "round": step.round,
        "role": step.role,
        "name": shown.get("name") or step.role,
        "message": shown.get("message", ""),
        "tool_calls": shown.get("tool_calls", []),
        "tokens": (step.tokens_in or 0) + (step.tokens_out or 0) if known else None,
        "ms": step.ms,
    }
