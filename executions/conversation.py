"""The conversation of a run, read back from its steps."""

from collections.abc import Iterable, Sequence
from typing import Any

from executions.models import Step, StepKind, StepState
from executions.tool_prompts import logged_call


def conversation_log(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return the `conversation_log` of a run from its steps in order: one entry for each turn an agent has spoken in.

    Entries: {turn, round, role, name, message, tool_calls, tokens, ms}; `tokens` is in + out, null when unknown. A turn
    with tool calls has several model calls: the last one's words are its message, and each entry of `tool_calls` says
    what came of it in `ok` and `result`, null when nothing has yet.
    """
    turns: dict[int, list[Step]] = {}
    for step in steps:
        if step.kind == StepKind.TOOL or (step.kind == StepKind.LLM and step.state == StepState.DONE):
            turns.setdefault(step.turn, []).append(step)
    return [_entry(turn) for turn in turns.values()]


def _entry(steps: Sequence[Step]) -> dict[str, Any]:
    spoken = [step for step in steps if step.kind == StepKind.LLM]
    last = spoken[-1]
    shown = last.display or {}
    return {
        "turn": last.turn,
        "round": last.round,
        "role": last.role,
        "name": shown.get("name") or last.role,
        "message": shown.get("message", ""),
        "tool_calls": _tool_calls(spoken, steps),
        "tokens": _tokens(spoken),
        "ms": sum(step.ms or 0 for step in steps),
    }


def _tokens(spoken: Sequence[Step]) -> int | None:
    counts = [count for step in spoken for count in (step.tokens_in, step.tokens_out)]
    return None if None in counts else sum(count for count in counts if count is not None)


def _tool_calls(spoken: Sequence[Step], steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The turn's tool calls with what came of each; as the model wrote them where none was made."""
    called = [
        (step, place, raw) for step in spoken for place, raw in enumerate((step.display or {}).get("tool_calls", []))
    ]
    made = {step.key.rpartition(":")[0]: step for step in steps if step.kind == StepKind.TOOL}
    if not made:
        return [raw for _step, _place, raw in called]
    return [_called(raw, made.get(f"{step.key.removesuffix('/fallback')}/tool{place}")) for step, place, raw in called]


def _called(raw: dict[str, Any], step: Step | None) -> dict[str, Any]:
    if step is None or step.state not in {StepState.DONE, StepState.FAILED}:
        return logged_call(raw, ok=None, result=None)
    return logged_call(raw, ok=step.state == StepState.DONE, result=(step.display or {}).get("result"))
