"""What a run's page shows of its steps: the timeline, and who of the flow has spoken, speaks, failed or waits. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from executions.admin_look import duration, number, usd
from executions.models import Execution, Status, Step, StepKind, StepState
from teams.badges import moment
from teams.picture import Mark, Node

LONG_TEXT: Final = 1500
"""Longer texts are folded after their beginning."""

BEGINNING: Final = 900
_OF_A_TURN: Final = re.compile(r"r\d+/([^/]+)/")
_STOPS: Final[Mapping[str, Mark]] = {
    Status.RUNNING: "speaking",
    Status.WAITING: "waiting",
    Status.RETRY_WAIT: "failed",
    Status.BUDGET_EXCEEDED: "waiting",
    Status.FAILED: "failed",
    Status.QUARANTINED: "failed",
}
"""How the place is marked where a run of this status stands."""


@dataclass(frozen=True)
class Entry:
    """One step as people read it. `look`: said, called, note, failed, waiting or begun; it is said in words, too."""

    step_id: int
    seq: int
    key: str
    look: str
    who: str
    verb: str
    text: str
    what: str = ""
    badge: str = ""
    badge_look: str = ""
    arguments: str = ""
    facts: str = ""
    at: str = ""
    model: str = ""

    @property
    def anchor(self) -> str:
        """Its place on the run's page."""
        return f"step-{self.seq}"

    @property
    def beginning(self) -> str:
        """The part shown of a long text; "" for one that is shown whole."""
        return self.text[:BEGINNING] if len(self.text) > LONG_TEXT else ""

    @property
    def length(self) -> str:
        """Of the whole text, for people."""
        return number(len(self.text))


def entry_of(step: Step, *, goes_on: bool = True) -> Entry:
    """A step as an entry. With `goes_on` the run has not ended, so a begun call may still be answered."""
    shown: Mapping[str, Any] = step.display if isinstance(step.display, dict) else {}
    verb, what, text = _WRITERS[StepKind(step.kind)](step, shown)
    look, badge, badge_look = _look(step, shown, goes_on=goes_on)
    return Entry(
        step_id=step.pk,
        seq=step.seq,
        key=step.key,
        look=look,
        who=step.role,
        verb=verb,
        what=what,
        text=_trouble(step, shown) if look == "failed" else text,
        badge=badge,
        badge_look=badge_look,
        arguments=_pretty(shown.get("arguments")),
        facts=_facts(step),
        at=moment(step.created_at, seconds=True),
        model=str(shown.get("model") or ""),
    )


def flow_nodes(run: Execution, steps: Sequence[Step]) -> list[Node]:
    """The run's own flow for the picture, with its marks; empty where the run has no flow that can be read."""
    spec = run.resolved_spec if isinstance(run.resolved_spec, dict) else {}
    places = [tuple(place) for place in spec.get("flow") or ()]
    agents = spec.get("agents") or {}
    marks = _marks(run.status, [node for node, _role in places], agents, steps)
    return [_node(role, agents.get(role) or {}, marks.get(node, "")) for node, role in places]


def place_of(key: str) -> str:
    """The place in the flow that a step belongs to: `r1/Critic#2/llm0` is `Critic#2`'s; "" for the run's own steps."""
    found = _OF_A_TURN.match(key)
    return found[1] if found else ""


# --- marks ------------------------------------------------------------------------------------------------------------


def _node(role: str, agent: Mapping[str, Any], mark: Mark) -> Node:
    model = " / ".join(str(agent[name]) for name in ("provider", "model") if agent.get(name))
    tools = tuple(tool["name"] if isinstance(tool, Mapping) else str(tool) for tool in agent.get("tools") or ())
    name = str(agent.get("name") or "")
    return Node(role=role, name="" if name == role else name, model=model, tools=tools, mark=mark)


def _marks(status: str, flow: Sequence[str], agents: Mapping[str, Any], steps: Sequence[Step]) -> dict[str, Mark]:
    marks: dict[str, Mark] = {place_of(step.key): "spoken" for step in steps if _has_spoken(step)}
    stop = _STOPS.get(status)
    if stop is None or not flow:
        return marks
    asking = [place_of(step.key) for step in steps if _asks(step)] if status == Status.WAITING else []
    for node in asking or [_stands_at(flow, agents, steps)]:
        marks[node] = stop
    return marks


def _has_spoken(step: Step) -> bool:
    return step.kind == StepKind.LLM and step.state == StepState.DONE


def _asks(step: Step) -> bool:
    return step.state == StepState.UNKNOWN or (step.kind == StepKind.APPROVAL and step.state == StepState.STARTED)


def _stands_at(flow: Sequence[str], agents: Mapping[str, Any], steps: Sequence[Step]) -> str:
    """Whose turn it is: the next one's when the last turn is over."""
    last = next((step for step in reversed(steps) if place_of(step.key) in flow), None)
    if last is None:
        return flow[0]
    node = place_of(last.key)
    shown = last.display if isinstance(last.display, dict) else {}
    goes_on = shown.get("tool_calls") and (agents.get(last.role) or {}).get("tools")
    over = _has_spoken(last) and not goes_on
    return flow[(flow.index(node) + 1) % len(flow)] if over else node


# --- words ------------------------------------------------------------------------------------------------------------


def _said(step: Step, shown: Mapping[str, Any]) -> tuple[str, str, str]:
    if step.state == StepState.FAILED:
        return "did not answer", "", ""
    message = shown.get("message")
    if isinstance(message, str) and message:
        return "said", "", message
    return "asked for", ", ".join(_names(shown.get("tool_calls"))), ""


def _names(calls: Any) -> list[str]:
    functions = [call.get("function") or {} for call in calls or () if isinstance(call, dict)]
    return [str(function.get("name") or "a tool") for function in functions]


def _called(step: Step, shown: Mapping[str, Any]) -> tuple[str, str, str]:
    tool = str(shown.get("tool") or step.key.rpartition(":")[2])
    return "called", tool, str(shown.get("result") or "")


def _decided(step: Step, shown: Mapping[str, Any]) -> tuple[str, str, str]:
    tool = str(shown.get("tool") or "a tool")
    if step.state == StepState.STARTED:
        return "wants to call", tool, ""
    by, note = shown.get("decided_by") or "nobody in time", shown.get("note")
    return (
        "wanted to call",
        tool,
        f"{str(shown.get('decision') or 'decided').capitalize()} by {by}" + (f": {note}" if note else "."),
    )


def _noted(_step: Step, shown: Mapping[str, Any]) -> tuple[str, str, str]:
    note = shown.get("note")
    return "", "", note if isinstance(note, str) else _pretty(shown)


_WRITERS: Final = {
    StepKind.LLM: _said,
    StepKind.TOOL: _called,
    StepKind.APPROVAL: _decided,
    StepKind.HANDOFF: _noted,
    StepKind.NOTE: _noted,
}


def _look(step: Step, shown: Mapping[str, Any], *, goes_on: bool) -> tuple[str, str, str]:
    """(look, the badge's word, the badge's look)."""
    if shown.get("rejected") or shown.get("decision") in {"rejected", "expired"}:
        return "note", "rejected" if shown.get("decision") != "expired" else "expired", "quiet"
    if step.state == StepState.FAILED:
        return "failed", "failed", "bad"
    if step.state == StepState.UNKNOWN:
        return "waiting", "nobody knows whether it happened", "warn"
    if step.kind == StepKind.APPROVAL:
        return ("note", "approved", "good") if step.state != StepState.STARTED else _waiting(goes_on=goes_on)
    if step.state == StepState.STARTED:
        return "begun", "under way" if goes_on else "not ended", "info" if goes_on else "quiet"
    return {StepKind.LLM: "said", StepKind.TOOL: "called"}.get(StepKind(step.kind), "note"), "", ""


def _waiting(*, goes_on: bool) -> tuple[str, str, str]:
    return ("waiting", "waits for a person", "warn") if goes_on else ("note", "withdrawn", "quiet")


def _trouble(step: Step, shown: Mapping[str, Any]) -> str:
    error = step.error if isinstance(step.error, dict) else {}
    message = str(error.get("message") or shown.get("error") or "")
    code = str(error.get("code") or "")
    return f"{message} ({code})" if code and message else message or code


def _facts(step: Step) -> str:
    known = step.tokens_in is not None or step.tokens_out is not None
    parts = [
        f"{number((step.tokens_in or 0) + (step.tokens_out or 0))} tokens" if known else "",
        usd(step.cost) if step.cost is not None else "",
        duration(step.ms) if step.ms else "",
        f"attempt {step.attempt}" if step.attempt > 1 else "",
    ]
    return " · ".join(part for part in parts if part)


def _pretty(value: Any) -> str:
    if value in (None, "", [], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
