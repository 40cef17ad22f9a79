"""What a tool is, what it is told, what it answers and how it fails: plain values, no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NoReturn, Protocol
from uuid import UUID

from pydantic import BaseModel

Effects = Literal["read", "write", "external"]
"""read: looks something up; write: changes what this product keeps; external: reaches a service outside of it."""

Asking = Literal["default", "always", "never"]
"""When a person must approve a call: as the tool says, each time, or not for this tool."""

CONTENT_CHARS: Final = 20_000
"""Of one result; a tool may say otherwise. Beyond it a model's context would be spent on one answer."""


def _go() -> None:
    """Nothing stands against it."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What the server tells a tool: who asks and for how long. A model has no say in any of it."""

    tenant_id: UUID
    execution_id: UUID
    team_id: UUID
    role: str
    idempotency_key: str
    """The same for each repetition of one call: "execution:step key:generation"."""
    deadline: float
    """time.monotonic() when the tool must have returned."""
    allowed: frozenset[str]
    """The tools this agent has by the team's version."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the tenant has set for the tool; call() fills it in."""
    last_look: Callable[[], None] = _go
    """Called right before an effect leaves the process. Raises control flow when the run is no longer ours, which a
    pause of the process or a slow look-up since the intent may have brought about."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call. A failure is a result too: the model is told and may do something else."""

    content: str
    """What the model reads, capped."""
    ok: bool = True
    code: str = ""
    """A machine's word for what went wrong: not_allowed, bad_arguments, disabled, timeout, rejected, ..."""
    display: Mapping[str, Any] = field(default_factory=dict)
    """What people see of it, without secrets."""
    ms: int = 0


class ToolError(Exception):
    """A tool could not do what it was asked. The message is safe to store and to show."""

    def __init__(self, code: str, message: str, *, retryable: bool = False, effect_unknown: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.effect_unknown = effect_unknown
        """What was asked may have happened all the same."""


Run = Callable[[ToolContext, BaseModel], ToolResult]
ByArguments = Mapping[str, Any]
BySettings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as people and models see it, and how it is run. Made by `@tool` from a typed function."""

    name: str
    title: str
    description: str
    effects: Effects
    needs_approval: bool | Callable[[ByArguments], bool]
    keyed: bool | Callable[[ByArguments, BySettings], bool]
    """Repeating it with the same idempotency key does it once. A function says of which calls that holds, by the
    tenant's settings. One that only reads may always be repeated."""
    timeout_s: float
    schema: Mapping[str, Any]
    """JSON schema of its arguments, as sent to the model."""
    arguments: type[BaseModel]
    run: Run
    probe: Callable[[ToolContext, BaseModel], ToolResult | None] | None = None
    """Did a call that was begun happen? Its result, or None where that cannot be told."""
    available: bool = True
    """False: there is nothing behind it yet; calling it is an error, and saving a team that has it warns."""
    reads: Callable[[ByArguments], bool] | None = None
    """Which calls of a tool with effects have none, by their arguments."""
    content_chars: int = CONTENT_CHARS
    settings: type[BaseModel] | None = None
    """The shape of what a tenant sets for it; None: nothing."""

    def as_called(self, arguments: ByArguments, settings: BySettings) -> "Tool":
        """The tool with what depends on the arguments and the tenant's settings settled: a call that only reads has the
        effects "read"."""
        asks = self.needs_approval(arguments) if callable(self.needs_approval) else self.needs_approval
        effects: Effects = "read" if self.reads is not None and self.reads(arguments) else self.effects
        keyed = self.keyed(arguments, settings) if callable(self.keyed) else self.keyed
        return replace(self, needs_approval=asks, effects=effects, keyed=keyed)

    @property
    def repeatable(self) -> bool:
        """Whether a call that may or may not have happened may be made again."""
        return self.effects == "read" or self.keyed is True

    def described(self) -> dict[str, Any]:
        """What is told to a model, and frozen with the run."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.schema),
            "effects": self.effects,
        }


class ToolSteps(Protocol):
    """What call() needs of a run's journal, for one call. All of it may raise control flow of the engine's own."""

    @property
    def repeats(self) -> bool:
        """Whether an earlier try began this call and never said what came of it."""

    def begin(self, tool: Tool, arguments: dict[str, Any], asks: bool) -> ToolResult | None:
        """Return the recorded result, or one of a person's refusal, or None: the intent is committed, run it now.

        `asks`: a person must approve first.
        """

    def end(self, result: ToolResult) -> None:
        """Record what came of a call that was begun."""

    def refused(self, name: str, arguments: Mapping[str, Any], result: ToolResult) -> ToolResult:
        """Record a call that was not begun. Return what holds: what an earlier try recorded, else `result`."""

    def unknown(self, error: ToolError) -> NoReturn:
        """Record that nobody knows whether a call that was begun has happened; raises the engine's control flow."""


@dataclass(frozen=True, slots=True)
class Switch:
    """What a tenant has set for one tool."""

    enabled: bool = True
    approval: Asking = "default"
    settings: Mapping[str, Any] = field(default_factory=dict)
