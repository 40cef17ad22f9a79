"""What an agent is told when it is its turn: a pure function of the spec, the input and what was said.

The words are part of a step's request hash, so a change here is a new renderer version: add to SYSTEM, raise
RENDERER_VERSION and keep the one before, by which runs already under way go on.

Messages are one `system`, then `user` and `assistant` in turn, ending with `user`, because many servers' chat
templates take nothing else: what others said between two of the agent's own messages is one `user` message.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agents.llm_errors import ContextTooLong
from executions.runspec import AgentRun, Message, RunSpec, Summary, Turn, cut
from executions.stopping import LEADER, MARK

DEFAULT_ANSWER_TOKENS = 1024  # kept free for the answer when max_tokens is not given
PROMPT_MESSAGE_CHARS = 20_000  # of one turn within a prompt
SMALLEST_TURN_CHARS = 200
MESSAGE_TOKENS = 4  # roles and separators around each message
MARK_TOKENS = 16  # "[12 earlier turns left out]" and the call to go on
CHARS_PER_TOKEN = 3

HOW_TO_END = f"When the goal is reached, and only then, write {MARK} and after it the team's complete answer."
HOW_TO_CONCLUDE = "When no answer can be reached, begin a line with CONCLUDE and say why."


def estimated_tokens(text: str) -> int:
    """A guess on the safe side, the same on every machine: three ASCII characters or one other to a token.

    English has about four characters to a token, code and JSON about three, most other scripts one to two.
    """
    if text.isascii():
        return -(-len(text) // CHARS_PER_TOKEN)
    ascii_chars = len(text.encode("ascii", "ignore"))
    return -(-ascii_chars // CHARS_PER_TOKEN) + len(text) - ascii_chars


def input_text(given: object) -> str:
    """An execution's input as text: text as it is, anything else as JSON, nothing as ""."""
    if given is None or isinstance(given, str):
        return given or ""
    return json.dumps(given, indent=2, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Opening:
    """How every prompt of an agent begins, and the tokens left after it for what was said."""

    system: str
    text: str
    room: int


def opening(spec: RunSpec, role: str, given: object) -> Opening:
    """The beginning of `role`'s prompts. Raises as `render`."""
    agent = spec.agents[role]
    system = SYSTEM[spec.renderer](spec, agent)
    text = f"Goal: {spec.goal}"
    if said := input_text(given).strip():
        text += f"\n\nInput:\n{said}"
    budget = agent.context_tokens - answer_tokens(agent)
    room = (
        budget
        - schema_tokens(agent)
        - estimated_tokens(system)
        - estimated_tokens(text)
        - 2 * MESSAGE_TOKENS
        - MARK_TOKENS
    )
    if room < 0:
        raise ContextTooLong(
            f"Goal, input and instructions of {role} need about {-room} tokens more than {agent.model} reads "
            f"({agent.context_tokens}, of which {agent.context_tokens - budget} are for the answer)."
        )
    # The other half is for what the tools bring, see executions/tool_prompts.py.
    return Opening(system, text, room // 2 if agent.tools else room)


def render(
    spec: RunSpec, role: str, given: object, turns: Sequence[Turn], summary: Summary | None = None
) -> list[Message]:
    """The messages for `role`'s next turn, by the renderer the run began with. A summary stands for the turns it covers
    (executions/summaries.py).

    Raises ContextTooLong when goal and instructions alone do not fit the model, KeyError for a renderer we no longer
    have.
    """
    begins = opening(spec, role, given)
    text, room = begins.text, begins.room
    if summary:
        told = f"\n\nWhat was said in the first {summary.turns} turns, in short:\n{summary.text}"
        text, room, turns = text + told, room - estimated_tokens(told), turns[summary.turns :]
    kept = that_fit(turns, role, room)
    if len(kept) < len(turns):
        text += f"\n\n[{len(turns) - len(kept)} earlier turns left out]"
    return _alternating([{"role": "system", "content": begins.system}, {"role": "user", "content": text}, *kept])


def _system_1(spec: RunSpec, agent: AgentRun) -> str:
    name = f"{agent.name}, the {agent.role}" if agent.name and agent.name != agent.role else f"the {agent.role}"
    team = " -> ".join(place.role for place in spec.flow)
    lines = [f"You are {name} of a team of agents.", agent.personality, agent.goal_prompt, f"The team speaks: {team}"]
    return "\n".join(line.strip() for line in lines if line.strip())


def _system_2(spec: RunSpec, agent: AgentRun) -> str:
    """As before, and how to end: a team whose own instructions never say so would use up all its rounds."""
    lines = [_system_1(spec, agent), HOW_TO_END]
    if agent.role == LEADER:
        lines.append(HOW_TO_CONCLUDE)
    return "\n".join(lines)


SYSTEM: Final[dict[int, Callable[[RunSpec, AgentRun], str]]] = {1: _system_1, 2: _system_2}
"""An agent's instructions by the version of the renderer; the rest of a prompt is the same in all that we have."""


def schema_tokens(agent: AgentRun) -> int:
    """What the agent's tools take of each prompt."""
    return sum(estimated_tokens(json.dumps(tool.for_model())) for tool in agent.tools)


def answer_tokens(agent: AgentRun) -> int:
    """Room kept for the answer: max_tokens, but never more than half of what the model reads."""
    asked = agent.parameters.get("max_tokens") or DEFAULT_ANSWER_TOKENS
    return min(int(asked), agent.context_tokens // 2)


def that_fit(turns: Sequence[Turn], role: str, tokens: int) -> list[Message]:
    """The newest turns within `tokens`, oldest first. One turn takes at most half of the room, so that the newest
    is always seen, cut if need be."""
    chars = min(PROMPT_MESSAGE_CHARS, max(SMALLEST_TURN_CHARS, tokens * CHARS_PER_TOKEN // 2))
    kept: list[Message] = []
    for turn in reversed(turns):
        message = _as_message(turn, role, chars)
        tokens -= estimated_tokens(message["content"]) + MESSAGE_TOKENS
        if tokens < 0:
            break
        kept.append(message)
    return kept[::-1]


def _as_message(turn: Turn, role: str, chars: int) -> Message:
    text = cut(turn.message.strip(), chars) or "(nothing)"
    if turn.role == role:
        return {"role": "assistant", "content": text}
    return {"role": "user", "content": f"{turn.role}: {text}"}


def _alternating(messages: list[Message]) -> list[Message]:
    """Join neighbours of one role, and end with the user's."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1] = {**message, "content": f"{joined[-1]['content']}\n\n{message['content']}"}
        else:
            joined.append(message)
    if joined[-1]["role"] == "assistant":
        joined.append({"role": "user", "content": "It is your turn again. Go on."})
    return joined
