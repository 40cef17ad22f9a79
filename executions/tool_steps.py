"""The journal's side of one tool call: the intent before it, the result after it, a question when nobody can tell.

Implements `agents.tools.ToolSteps`. A call that was begun and never ended is made again when that does no harm (it only
reads, or its idempotency key makes it happen once); else the tool may be able to find out, and else a person must.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from django.conf import settings

from agents.tools import Tool, ToolContext, ToolError, ToolResult
from executions.control import ApprovalNeeded, EffectUnknown, NonDeterminism
from executions.journal import Journal, StepPlace, request_hash
from executions.models import Decision
from executions.storable import storable, storable_json
from teams.redact import redacted

DID_NOT: Final = {"resolved": "did_not"}
"""Result of a begun step of which a person said that it did not happen: it may be begun again."""

SHOWN_CHARS: Final = 4000


def approval_key(key: str) -> str:
    """Key of the step that says what people decided about the tool call with this key."""
    return f"{key}/approval"


def approval_id(execution_id: uuid.UUID, key: str) -> uuid.UUID:
    """Id of the approval of a tool call: asked again, it is the same one."""
    return uuid.uuid5(execution_id, key)


def idempotency_key(journal: Journal, key: str) -> str:
    """What a tool repeats a call under: it changes only when a person said that the call did not happen."""
    generation = journal.done.get(key, {}).get("generation", 0)
    return f"{journal.hold.execution_id}:{key}:{generation}"


@dataclass(frozen=True)
class ToolStep:
    """One call. `asked`: name and arguments as the model wrote them, to which step and approval are bound."""

    journal: Journal
    place: StepPlace
    context: ToolContext
    asked: Mapping[str, Any]

    def recorded(self) -> ToolResult | None:
        """What came of the call, when it has ended. Raises `NonDeterminism` when it was another call."""
        known = self._known(self.place.key)
        if known is None or known["state"] not in {"done", "failed"}:
            return None
        return _result_of(known)

    @property
    def repeats(self) -> bool:
        """Whether an earlier try began this call and was lost, so that it may have happened."""
        known = self._known(self.place.key)
        return known is not None and known["state"] == "started" and known["result"] != DID_NOT

    def begin(self, tool: Tool, arguments: dict[str, Any], asks: bool) -> ToolResult | None:
        """Commit the intent: None, run it now. Or return what holds already. Raises control flow."""
        if (ended := self.recorded()) is not None:
            return ended
        known = self._known(self.place.key)
        if known is None or known["result"] == DID_NOT:
            rejection = self._rejected(tool, arguments) if asks else None
            if rejection is None:
                self.journal.before_call(self.place)
                self._write("started", arguments, {}, effects=tool.effects)
            return rejection
        if known["state"] == "started" and tool.repeatable:
            self.journal.before_call(self.place)
            return None
        found = tool.probe(self.context, tool.arguments.model_validate(arguments)) if tool.probe else None
        if found is None:
            self.unknown(ToolError("effect_unknown", "the worker was lost during the call", effect_unknown=True))
        self.end(found)
        return found

    def end(self, result: ToolResult) -> None:
        """Record what came of it."""
        self._end(result, None)

    def refused(self, name: str, arguments: Mapping[str, Any], result: ToolResult) -> ToolResult:  # noqa: ARG002
        """Record a call that was not begun; but one that an earlier try began may have happened all the same."""
        if (ended := self.recorded()) is not None:
            return ended
        known = self._known(self.place.key)
        if known is not None and known["result"] != DID_NOT and known["effects"] != "read":
            self.unknown(ToolError("effect_unknown", f"the call was begun, and now: {result.content}"))
        self._end(result, arguments)
        return result

    def unknown(self, error: ToolError) -> NoReturn:
        """Record that nobody knows whether it happened; the run will wait for a person."""
        problem = {"code": error.code, "message": error.message}
        self._write("unknown", None, {"error": problem, "display": {**self._shown(), "error": error.message}})
        raise EffectUnknown(self.place.key)

    # --- inside ---

    def _rejected(self, tool: Tool, arguments: dict[str, Any]) -> ToolResult | None:
        """None when a person has approved; what the agent is told when not. Raises `ApprovalNeeded` to ask first."""
        answer = self._known(approval_key(self.place.key))
        if answer is None:
            self._ask(tool, arguments)
        decision, note = answer["result"]["decision"], answer["result"]["note"]
        if decision == Decision.APPROVED:
            return None
        why = note or ("nobody decided in time" if decision == Decision.EXPIRED else "no reason was given")
        result = ToolResult(f"Rejected by a person: {why}", ok=False, code="rejected", display={"rejected": why})
        self._end(result, arguments)
        return result

    def _ask(self, tool: Tool, arguments: dict[str, Any]) -> NoReturn:
        shown, key = redacted(arguments), self.place.key
        self.journal.ask(
            {
                "key": approval_key(key), "kind": "approval", "state": "started", "role": self.place.role,
                "round": self.place.round, "turn": self.place.turn, "request_hash": request_hash(dict(self.asked)),
                "display": {"tool": tool.name, "arguments": shown, "effects": tool.effects},
                "approval": {
                    "id": str(approval_id(self.context.execution_id, key)), "step_key": key, "tool": tool.name,
                    "args": shown, "args_hash": request_hash(dict(self.asked)), "seconds": settings.APPROVAL_SECONDS,
                },
            }
        )  # fmt: skip
        raise ApprovalNeeded(key)

    def _known(self, key: str) -> dict[str, Any] | None:
        known = self.journal.done.get(key)
        if known is not None and known["hash"] != request_hash(dict(self.asked)):
            raise NonDeterminism(f"step {key} was recorded for another call")
        return known

    def _end(self, result: ToolResult, arguments: Mapping[str, Any] | None) -> None:
        content, display = storable(result.content), storable_json(dict(result.display))
        kept = {"content": content, "ok": result.ok, "code": result.code, "display": display}
        shown = {**self._shown(), "ok": result.ok, "result": content[:SHOWN_CHARS], **display}
        error = None if result.ok else {"code": result.code, "message": content[:SHOWN_CHARS]}
        what = {"result": kept, "display": shown, "error": error, "ms": result.ms}
        self._write("done" if result.ok else "failed", arguments, what)

    def _shown(self) -> dict[str, Any]:
        return {"tool": self.asked["tool"], "arguments": _read(self.asked["arguments"])}

    def _write(
        self, state: str, arguments: Mapping[str, Any] | None, what: dict[str, Any], effects: str | None = None
    ) -> None:
        request = None if arguments is None else {"tool": self.asked["tool"], "arguments": dict(arguments)}
        more = {} if effects is None else {"effects": effects, "display": self._shown()}
        self.journal.write(self.place, {"state": state, **more, **what}, request, request_hash(dict(self.asked)))


def _read(arguments: str) -> Any:
    """The arguments as people see them; the text where it is no JSON."""
    try:
        return storable_json(json.loads(arguments))
    except (ValueError, RecursionError):
        return storable(arguments[:SHOWN_CHARS])


def _result_of(known: Mapping[str, Any]) -> ToolResult:
    kept = known["result"] or {}
    return ToolResult(
        content=kept.get("content", ""),
        ok=kept.get("ok", False),
        code=kept.get("code", ""),
        display=kept.get("display", {}),
        ms=known["ms"] or 0,
    )
