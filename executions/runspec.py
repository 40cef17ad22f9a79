"""What a run is made of, as plain frozen values: no database, no provider, no LangGraph.

`RunSpec` is the typed shape of `Execution.resolved_spec`: all that decides what the agents are told, frozen at the
start of the run, so that a run taken up again says the same words whatever has been edited since.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

RENDERER_VERSION = 2  # of new runs; see executions/prompts.py
MESSAGE_CHARS = 100_000  # of one agent's message; the rest is cut with a mark

Message = dict[str, Any]
"""One message of a prompt, in the OpenAI shape."""

StoppedBy = Literal["final_answer", "concluded", "max_turns"]
Overflow = Literal["cut", "summary"]
"""What takes the place of turns that a model has no room for: a mark, or a summary by the model."""


@dataclass(frozen=True)
class ToolSchema:
    """A tool as it is told to a model. `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    effects: str

    def for_model(self) -> dict[str, Any]:
        """In the OpenAI shape."""
        told = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": told}


@dataclass(frozen=True)
class AgentRun:
    """One agent as it speaks in this run. `context_tokens` is how much its model reads, its answer included.

    With `asks_before_writes` each tool call that has an effect waits for a person.
    """

    role: str
    provider: str
    model: str
    agent_id: str = ""
    name: str = ""
    personality: str = ""
    goal_prompt: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    context_tokens: int = 8192
    tools: tuple[ToolSchema, ...] = ()
    asks_before_writes: bool = False
    fallback: tuple[str, str] | None = None
    """(provider, model) that is asked once for an answer that the model does not give."""


@dataclass(frozen=True)
class Place:
    """One place in the flow. `node` is unique there and part of each step key: "Critic", the second time "Critic#2"."""

    node: str
    role: str


@dataclass(frozen=True)
class RunSpec:
    """A team, resolved for one run."""

    goal: str
    flow: tuple[Place, ...]
    max_turns: int
    agents: Mapping[str, AgentRun]
    renderer: int = RENDERER_VERSION
    overflow: Overflow = "cut"

    def __post_init__(self) -> None:
        lost = sorted({place.role for place in self.flow} - self.agents.keys())
        if lost or not self.flow or self.max_turns < 1:
            raise ValueError(f"not a run: flow without agents for {lost}, or empty, or no rounds")

    @classmethod
    def of(
        cls, *, goal: str, roles: Iterable[str], max_turns: int, agents: Iterable[AgentRun], overflow: Overflow = "cut"
    ) -> Self:
        """The spec for roles speaking in this order, up to `max_turns` rounds."""
        return cls(goal, places(roles), max_turns, {agent.role: agent for agent in agents}, overflow=overflow)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read `to_dict`'s JSON; KeyError, TypeError or ValueError when it is something else."""
        agents = {
            role: AgentRun(
                **{**agent, "tools": _tools_of(agent.get("tools", ())), "fallback": _pair(agent.get("fallback"))}
            )
            for role, agent in stored["agents"].items()
        }
        flow = tuple(Place(node, role) for node, role in stored["flow"])
        overflow = stored.get("overflow", "cut")  # runs that began before there was a choice
        return cls(stored["goal"], flow, stored["max_turns"], agents, stored["renderer"], overflow)

    def to_dict(self) -> dict[str, Any]:
        """JSON for `Execution.resolved_spec`."""
        return {
            "renderer": self.renderer,
            "overflow": self.overflow,
            "goal": self.goal,
            "max_turns": self.max_turns,
            "flow": [[place.node, place.role] for place in self.flow],
            "agents": {
                role: {
                    **vars(agent),
                    "parameters": dict(agent.parameters),
                    "tools": [dict(vars(tool)) for tool in agent.tools],
                }
                for role, agent in self.agents.items()
            },
        }


def _tools_of(stored: Iterable[Any]) -> tuple[ToolSchema, ...]:
    # Runs that began before tools could be called hold bare names; they go on without them.
    return tuple(ToolSchema(**tool) for tool in stored if isinstance(tool, Mapping))


def _pair(stored: Iterable[str] | None) -> tuple[str, str] | None:
    if stored is None:
        return None
    provider, model = stored
    return provider, model


def places(roles: Iterable[str]) -> tuple[Place, ...]:
    """Name each place in a flow. Quoting keeps names apart whatever characters a role has."""
    seen: Counter[str] = Counter()
    found = []
    for role in roles:
        seen[role] += 1
        quoted = role.replace("%", "%25").replace("/", "%2F").replace("#", "%23")
        found.append(Place(quoted if seen[role] == 1 else f"{quoted}#{seen[role]}", role))
    return tuple(found)


@dataclass(frozen=True)
class NodeCall:
    """An agent's turn to speak. `key` ("r1/Critic#2") begins the key of every step made for it.

    With `sums_up` it is not to speak yet: its model is asked to sum up so many turns.
    """

    key: str
    role: str
    name: str
    round: int
    turn: int
    agent: AgentRun
    messages: list[Message]
    sums_up: int = 0


@dataclass(frozen=True)
class Spoken:
    """What came of it. Tokens are None where the provider does not tell; `ms` is wall time."""

    message: str
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tokens_in: int | None = None
    tokens_out: int | None = None
    ms: int = 0


Speak = Callable[[NodeCall], Spoken]


@dataclass(frozen=True)
class Turn:
    """One message of the conversation. Turns and rounds count from 1."""

    turn: int
    round: int
    role: str
    name: str
    message: str
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tokens_in: int | None = None
    tokens_out: int | None = None
    ms: int = 0

    def as_log(self) -> dict[str, Any]:
        """An entry of `conversation_log`; `tokens` is the sum of both ways, None when one is not known."""
        known = self.tokens_in is not None and self.tokens_out is not None
        return {
            "turn": self.turn,
            "round": self.round,
            "role": self.role,
            "name": self.name,
            "message": self.message,
            "tool_calls": self.tool_calls,
            "tokens": (self.tokens_in or 0) + (self.tokens_out or 0) if known else None,
            "ms": self.ms,
        }


@dataclass(frozen=True)
class Summary:
    """What an agent is told in place of the first `turns` turns of the conversation."""

    turns: int
    text: str


@dataclass(frozen=True)
class Conversation:
    """A finished run's talk."""

    turns: tuple[Turn, ...]
    final_answer: str
    stopped_by: StoppedBy

    def log(self) -> list[dict[str, Any]]:
        """The whole `conversation_log`."""
        return [turn.as_log() for turn in self.turns]


def cut(text: str, chars: int) -> str:
    """The text, or its beginning with a mark of how much is left out."""
    if len(text) <= chars:
        return text
    return f"{text[:chars]} [{len(text) - chars} characters left out]"
