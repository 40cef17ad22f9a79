"""call(): the only path from a model's wish to a tool.

Rights come from the team's version and the tenant's switches, never from text. Before anything happens the intent is
committed (`ToolSteps.begin`); what came of it is recorded before the model is told (`end`).
"""

import contextvars
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from django.db import connections
from pydantic import BaseModel, ValidationError

from agents.tools.catalogue import CATALOGUE
from agents.tools.declaring import SERVERS_OWN
from agents.tools.searching import not_available
from agents.tools.spec import Switch, Tool, ToolContext, ToolError, ToolResult, ToolSteps
from agents.tools.switches import switch_of
from teams.canonical import walk_problems
from teams.located import located

MAX_ARGUMENT_CHARS: Final = 250_000
"""Of the JSON text of a call's arguments."""
SHOWN_CHARS: Final = 500
LATE_S: Final = 0.25
"""A tool that keeps its deadline says better what happened than our clock does: it is given that much longer."""
PAUSES_S: Final = (0.2, 1.0)
"""Before each repetition of a keyed call of which nobody knows whether it happened."""

Switches = Callable[[UUID, str], Switch]


def call(
    context: ToolContext,
    name: str,
    arguments: str | Mapping[str, Any],
    steps: ToolSteps,
    *,
    asks_before_writes: bool = False,
    catalogue: Mapping[str, Tool] = CATALOGUE,
    switches: Switches = switch_of,
) -> ToolResult:
    """Do what a model asked for, at most once, and return what it is told. A failure is a result.

    `arguments` is the JSON text the model wrote, or what was read from it. With `asks_before_writes` whatever has an
    effect waits for a person. Control flow that `steps` raises goes through.
    """
    given: Mapping[str, Any] = {}
    try:
        tool, switch = _permitted(context, name, catalogue, switches)
        given = _read(arguments)
        values = _checked(tool, given)
    except ToolError as error:
        return steps.refused(name, given or _unread(arguments), _failed(error))
    plain = values.model_dump(mode="json")
    tool = tool.as_called(plain, switch.settings)
    recorded = steps.begin(tool, plain, _asks(tool, switch, asks_before_writes))
    if recorded is not None:
        return recorded
    result = _run(replace(context, settings=switch.settings), tool, values, steps)
    steps.end(result)
    return result


# --- may it, can it ---------------------------------------------------------------------------------------------------


def _permitted(
    context: ToolContext, name: str, catalogue: Mapping[str, Tool], switches: Switches
) -> tuple[Tool, Switch]:
    tool = catalogue.get(name)
    if tool is None:
        raise ToolError("unknown_tool", f"there is no tool {name[:100]!r}; yours are {_names(context)}")
    if name not in context.allowed:
        raise ToolError("not_allowed", f"{name} is not one of your tools; yours are {_names(context)}")
    switch = switches(context.tenant_id, name)
    if not switch.enabled:
        raise ToolError("disabled", f"{name} is switched off for this tenant: answer without it")
    if not tool.available:
        raise not_available(name)
    return tool, switch


def _names(context: ToolContext) -> str:
    return ", ".join(sorted(context.allowed)) or "none"


def _asks(tool: Tool, switch: Switch, asks_before_writes: bool) -> bool:
    if switch.approval == "always" or (asks_before_writes and tool.effects != "read"):
        return True
    return bool(tool.needs_approval) and switch.approval != "never"


# --- arguments --------------------------------------------------------------------------------------------------------


def _read(arguments: str | Mapping[str, Any]) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    if len(text) > MAX_ARGUMENT_CHARS:
        raise ToolError(
            "bad_arguments", f"the arguments have {len(text)} characters, at most {MAX_ARGUMENT_CHARS} are allowed"
        )
    try:
        read = json.loads(text or "{}") if isinstance(arguments, str) else dict(arguments)
    except (ValueError, RecursionError) as error:
        raise ToolError("bad_arguments", f"the arguments are not JSON: {error}"[:SHOWN_CHARS]) from error
    if not isinstance(read, dict):
        raise ToolError("bad_arguments", "the arguments must be a JSON object of arguments by name")
    problems, _readable = walk_problems(read)
    if problems:
        raise ToolError("bad_arguments", _listed(problems))
    return read


def _checked(tool: Tool, given: Mapping[str, Any]) -> BaseModel:
    owned = [name for name in given if SERVERS_OWN.search(name)]
    if owned:
        named = ", ".join(name[:100] for name in owned)
        raise ToolError("bad_arguments", f"{named}: the server fills in tenants and credentials; leave it out")
    try:
        return tool.arguments.model_validate(given)
    except ValidationError as error:
        raise ToolError("bad_arguments", _listed(list(located(error, tool.arguments)))) from error


def _listed(problems: list[Any]) -> str:
    return "; ".join(f"{problem['loc']}: {problem['msg']}" for problem in problems[:10])


def _unread(arguments: str | Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of arguments that could not be read: their beginning, safe to store."""
    shown = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"unread": ascii(shown[:SHOWN_CHARS])[1:-1]} if shown else {}


# --- running ----------------------------------------------------------------------------------------------------------


def _run(context: ToolContext, tool: Tool, values: BaseModel, steps: ToolSteps) -> ToolResult:
    """Run it, and say how long it took. Does not return when nobody knows whether an effect happened."""
    started = time.monotonic()
    result = _known(context, tool, values, steps)
    return replace(result, ms=int((time.monotonic() - started) * 1000))


def _known(context: ToolContext, tool: Tool, values: BaseModel, steps: ToolSteps) -> ToolResult:
    """What came of it, each try under the tool's time limit. A keyed call is repeated until that is known."""
    pauses = iter(PAUSES_S if tool.repeatable and tool.effects != "read" else ())
    doubtful = steps.repeats
    while True:
        limit = min(context.deadline, time.monotonic() + tool.timeout_s)
        try:
            return _capped(tool, _in_time(replace(context, deadline=limit), tool, values))
        except ToolError as error:
            # Once a try may have had its effect, a later one that got nowhere does not say that there is none.
            doubtful = doubtful or error.effect_unknown
            if tool.effects == "read" or not doubtful:
                return _failed(error)
            pause = next(pauses, None) if error.effect_unknown or error.retryable else None
            if pause is None or time.monotonic() + pause >= context.deadline:
                steps.unknown(error)
            time.sleep(pause)


def _in_time(context: ToolContext, tool: Tool, values: BaseModel) -> ToolResult:
    """What the tool returns or raises by its deadline; what comes of it later is ignored."""
    left = context.deadline - time.monotonic()
    if left <= 0:
        raise ToolError("timeout", f"there was no time left to call {tool.name}")
    done = threading.Event()
    outcome: list[ToolResult | BaseException] = []

    def work() -> None:
        try:
            outcome.append(tool.run(context, values))
        except BaseException as error:  # noqa: BLE001 - carried over to the calling thread, which raises it
            outcome.append(error)
        finally:
            connections.close_all()  # this thread's own, back to the pool
            done.set()

    # A daemon: one that hangs must not keep a worker from leaving.
    carried = contextvars.copy_context()
    threading.Thread(target=carried.run, args=(work,), name=f"tool-{tool.name}", daemon=True).start()
    if not done.wait(left + LATE_S):
        text = f"{tool.name} did not answer within {tool.timeout_s:g} seconds"
        raise ToolError("timeout", text, retryable=True, effect_unknown=True)
    found = outcome[0]
    if isinstance(found, BaseException):
        raise found
    return found


def _failed(error: ToolError) -> ToolResult:
    again = " Trying again may help." if error.retryable else ""
    text = f"Error ({error.code}): {error.message}.{again}"
    return ToolResult(text, ok=False, code=error.code, display={"error": error.message, "code": error.code})


def _capped(tool: Tool, result: ToolResult) -> ToolResult:
    """The result as it can be stored and read: without NUL and half surrogate pairs, of a bearable length."""
    content = result.content.replace("\0", "\ufffd").encode(errors="replace").decode()
    if len(content) > tool.content_chars:
        cut = len(content) - tool.content_chars
        content = f"{content[: tool.content_chars]} [{cut} characters left out]"
    return replace(result, content=content)
