"""An agent's turn: its model speaks, may call tools, and speaks again with what came back. No database, no provider.

What is asked and done comes from the engine (`Ask`, `Use`), which journals each of it under a key made of the number of
the model's call and the place of the tool call in its answer, so a run taken up again finds the same steps.
"""

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from agents.tools import ToolResult
from executions.control import Cancelled, Fenced, Released
from executions.engine import give_back
from executions.runspec import Message, NodeCall, Spoken
from executions.tool_prompts import ToolUse, with_results

TOOL_ROUNDS: Final = 8
"""Answers of one turn that may call tools; after them the model has to speak."""

AT_ONCE: Final = 4
"""Tool calls of one answer that run at the same time."""

MOST_CALLS: Final = 32
"""Tool calls of one answer that are made at all."""

NOTHING_SAID: Final = f"(no answer after {TOOL_ROUNDS} rounds of tool calls)"

T = TypeVar("T")


@dataclass(frozen=True)
class Said:
    """A model's answer, as the journal has it."""

    text: str
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tokens_in: int | None = None
    tokens_out: int | None = None
    ms: int = 0


@dataclass(frozen=True)
class ToolCall:
    """What a model asked for. `key` ends the step's key: "llm0/tool1"; `arguments` is the text it wrote."""

    key: str
    name: str
    arguments: str
    id: str = ""


Ask = Callable[[int, list[Message], bool], Said]
"""Ask the model for the nth time in this turn; True: it may call tools."""

Use = Callable[[ToolCall], ToolResult]


def take_turn(call: NodeCall, ask: Ask, use: Use) -> Spoken:
    """Have the agent speak. Raises what `ask` and `use` raise."""
    said = [ask(0, call.messages, True)]
    uses: list[list[ToolUse]] = []
    while call.agent.tools and said[-1].tool_calls and len(said) <= TOOL_ROUNDS:
        uses.append(_used(len(said) - 1, said[-1], use))
        exchanges = [(answer.text, used) for answer, used in zip(said, uses, strict=True)]
        messages = with_results(call, exchanges)
        said.append(ask(len(said), messages, len(said) < TOOL_ROUNDS))
    message = said[-1].text or (NOTHING_SAID if uses else "")
    made = [each.shown() for used in uses for each in used]
    return Spoken(
        message=message,
        tool_calls=made if uses else said[-1].tool_calls,
        tokens_in=_sum([answer.tokens_in for answer in said]),
        tokens_out=_sum([answer.tokens_out for answer in said]),
        ms=sum(answer.ms for answer in said) + sum(each.result.ms for used in uses for each in used),
    )


def _used(number: int, said: Said, use: Use) -> list[ToolUse]:
    """Make the calls of an answer; what came of them, in the order of the calls."""
    wanted = [_call_of(number, place, raw) for place, raw in enumerate(said.tool_calls)]
    made, left = wanted[:MOST_CALLS], wanted[MOST_CALLS:]
    too_many = f"Error (too_many_calls): not made, an answer may hold {MOST_CALLS} calls; ask again for what you need."
    results = together([partial(use, each) for each in made])
    results += [ToolResult(too_many, ok=False, code="too_many_calls") for _call in left]
    return [ToolUse(raw, result) for raw, result in zip(said.tool_calls, results, strict=True)]


def _call_of(number: int, place: int, raw: dict[str, Any]) -> ToolCall:
    use = ToolUse(raw)
    return ToolCall(f"llm{number}/tool{place}", use.name, use.arguments, use.id)


def together(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run the tasks at the same time and return their results in order. All end before the first error is raised, and
    what takes the run away from us comes before what makes it wait for a person."""
    if len(tasks) <= 1:
        return [task() for task in tasks]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="tools") as pool:
        futures = [pool.submit(contextvars.copy_context().run, _returning, task) for task in tasks]
    errors = [error for error in map(_error_of, futures) if error is not None]
    if errors:
        raise min(errors, key=_urgency)
    return [future.result() for future in futures]


def _returning(task: Callable[[], T]) -> T:
    try:
        return task()
    finally:
        give_back()


def _error_of(future: "Future[Any]") -> BaseException | None:
    return future.exception()


def _urgency(error: BaseException) -> int:
    ranks: tuple[type[BaseException], ...] = (Fenced, Exception, Cancelled, Released)
    return next((rank for rank, kind in enumerate(ranks) if isinstance(error, kind)), len(ranks))


def _sum(counts: Sequence[int | None]) -> int | None:
    return None if None in counts else sum(count for count in counts if count is not None)
