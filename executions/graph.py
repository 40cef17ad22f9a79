"""The conversation as a LangGraph graph: pure, no database, no provider. The only place that imports LangGraph.

One node for each place in the flow; after each the conversation either stops or goes to the next place, from the last
one to the first again. What an agent says comes from `speak`, which the engine hands in: it may return a recorded
answer, ask a model, or raise to end the run (its control flow derives from BaseException; LangGraph lets all
exceptions through unharmed, and no retry policy or checkpointer is used: retries and the journal are the engine's).

Step keys come from round and place alone, never from LangGraph's ids, which are random.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from executions.prompts import render
from executions.runspec import (
    MESSAGE_CHARS,
    AgentRun,
    Conversation,
    NodeCall,
    Place,
    RunSpec,
    Speak,
    Spoken,
    StoppedBy,
    Summary,
    Turn,
    cut,
)
from executions.stopping import stop
from executions.summaries import summed_up

__all__ = ["AgentRun", "Conversation", "NodeCall", "Place", "RunSpec", "Spoken", "Turn", "run_team"]

COMPILED_FLOWS = 128
SPARE_STEPS = 10


class _State(TypedDict, total=False):
    turns: Annotated[list[Turn], operator.add]
    summaries: Annotated[dict[str, Summary], operator.or_]
    stopped_by: StoppedBy
    final_answer: str


@dataclass(frozen=True)
class _Run:
    """What is particular to one run; the compiled graph knows none of it."""

    spec: RunSpec
    given: object
    speak: Speak


def run_team(spec: RunSpec, given: object, speak: Speak) -> Conversation:
    """Let the team talk until a stop rule ends it. `given` is the execution's input: text, a JSON value or None.

    Raises ContextTooLong when an agent's instructions do not fit its model, and whatever `speak` raises.
    """
    steps = spec.max_turns * len(spec.flow)
    state = _compiled(len(spec.flow)).invoke(
        {"turns": [], "summaries": {}},
        {"recursion_limit": steps + SPARE_STEPS, "max_concurrency": 1},
        context=_Run(spec, given, speak),
    )
    return Conversation(tuple(state["turns"]), state["final_answer"], state["stopped_by"])


@lru_cache(maxsize=COMPILED_FLOWS)
def _compiled(places: int) -> "CompiledStateGraph[_State, _Run, _State, _State]":
    """The graph for flows of so many places. Who stands where comes with the run, so teams and tenants share it."""
    graph = StateGraph(_State, context_schema=_Run)
    for index in range(places):
        graph.add_node(_name(index), _node(index))
        following = _name((index + 1) % places)
        graph.add_conditional_edges(_name(index), _stopped, {True: END, False: following})
    graph.add_edge(START, _name(0))
    return graph.compile()


def _name(index: int) -> str:
    return f"n{index}"


def _stopped(state: _State) -> bool:
    return "stopped_by" in state


def _node(index: int) -> Callable[..., dict[str, Any]]:
    def node(state: _State, runtime: Runtime[_Run]) -> dict[str, Any]:
        turns = state["turns"]
        turn, summaries = _next_turn(runtime.context, index, turns, state["summaries"])
        said = {"turns": [turn], "summaries": summaries}
        stopped = stop([*turns, turn], last_of_run=_is_last(runtime.context.spec, turn))
        return said if stopped is None else {**said, "stopped_by": stopped[0], "final_answer": stopped[1]}

    return node


def _is_last(spec: RunSpec, turn: Turn) -> bool:
    return turn.turn >= spec.max_turns * len(spec.flow)


def _next_turn(
    run: _Run, index: int, turns: Sequence[Turn], summaries: Mapping[str, Summary]
) -> tuple[Turn, dict[str, Summary]]:
    """Have the agent at this place of the flow speak. Also returns the summary it was told, by its role."""
    place = run.spec.flow[index]
    agent = run.spec.agents[place.role]
    round_number = len(turns) // len(run.spec.flow) + 1
    call = NodeCall(
        key=f"r{round_number}/{place.node}",
        role=place.role,
        name=agent.name or place.role,
        round=round_number,
        turn=len(turns) + 1,
        agent=agent,
        messages=[],
    )
    summary = summed_up(run.spec, run.given, call, turns, summaries.get(place.role), run.speak)
    spoken = run.speak(replace(call, messages=render(run.spec, place.role, run.given, turns, summary)))
    if not isinstance(spoken.message, str):
        raise TypeError(f"{call.key}: a message is text, not {type(spoken.message).__name__}")
    turn = Turn(
        turn=call.turn,
        round=call.round,
        role=call.role,
        name=call.name,
        message=cut(spoken.message, MESSAGE_CHARS),
        tool_calls=spoken.tool_calls,
        tokens_in=spoken.tokens_in,
        tokens_out=spoken.tokens_out,
        ms=spoken.ms,
    )
    return turn, {place.role: summary} if summary else {}
