"""A run's journal for one call, kept in memory: what agents.tools.call() is told and what it records."""

import time
from collections.abc import Mapping
from typing import Any, NoReturn
from uuid import uuid4

from agents.tools import Tool, ToolContext, ToolError, ToolResult


class EffectUnknown(BaseException):
    """The run has to wait for a person."""


class MemorySteps:
    """Answers as the engine's does. `recorded` is what an earlier try left; `stops` is raised instead of beginning;
    `repeats`: an earlier try was lost."""

    def __init__(
        self, recorded: ToolResult | None = None, stops: BaseException | None = None, repeats: bool = False
    ) -> None:
        self.recorded, self.stops, self.repeats = recorded, stops, repeats
        self.events: list[str] = []
        self.begun: tuple[Tool, dict[str, Any], bool] | None = None
        self.ended: ToolResult | None = None
        self.turned_away: Mapping[str, Any] = {}

    def begin(self, tool: Tool, arguments: dict[str, Any], asks: bool) -> ToolResult | None:
        self.events.append("begin")
        self.begun = (tool, arguments, asks)
        if self.stops:
            raise self.stops
        return self.recorded

    def end(self, result: ToolResult) -> None:
        self.events.append("end")
        self.ended = result

    def refused(self, name: str, arguments: Mapping[str, Any], result: ToolResult) -> ToolResult:
        self.events.append("refused")
        self.turned_away = arguments
        return self.recorded or result

    def unknown(self, error: ToolError) -> NoReturn:
        self.events.append("unknown")
        raise EffectUnknown(error.code)


def context(*allowed: str, seconds: float = 30.0, **fields: Any) -> ToolContext:
    """A Critic's call in some run."""
    given: dict[str, Any] = {
        "tenant_id": uuid4(), "execution_id": uuid4(), "team_id": uuid4(), "role": "Critic",
        "idempotency_key": "run:r1/Critic/llm0/tool0:0", "deadline": time.monotonic() + seconds,
        "allowed": frozenset(allowed),
    }  # fmt: skip
    return ToolContext(**{**given, **fields})
