"""How further agents take their place in a team: by role where the flow names it already, else at a place in the
order."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from teams.flow import join_flow, parse_flow
from teams.spec import AgentSpec, TeamSpec, flow_roles


class Joining(Protocol):
    """An agent and the place it is to have, 1 for who speaks first; the place counts where the flow does not say."""

    @property
    def agent(self) -> AgentSpec: ...
    @property
    def place(self) -> int: ...


def joined(spec: TeamSpec, agents: Sequence[Joining]) -> TeamSpec:
    """The team with all of them. Those with lower places come in first, so that each ends up where it says."""
    for entry in sorted(agents, key=lambda entry: entry.place):
        spec = _with(spec, entry.agent, entry.place)
    return spec


def without(spec: TeamSpec, roles: Iterable[str], named_before: Iterable[str]) -> TeamSpec:
    """The team without the agents of some roles; in the flow stay those it named before (`named_before`)."""
    gone = set(roles)
    agents = tuple(agent for agent in spec.agents if agent.agent_role not in gone)
    strange = gone - set(named_before)
    flow = [role for role in parse_flow(spec.agent_team_flow) if role not in strange]
    return spec.model_copy(update={"agents": agents, "agent_team_flow": join_flow(flow) or None})


def placed(spec: TeamSpec, wanted: Sequence[tuple[str, int | None]]) -> dict[str, int]:
    """Where each of the new roles ends up (1: speaks first), when they come in one after the other.

    A wanted place past the end, or none, is the last one. Roles the flow names already keep their first turn.
    """
    order = flow_roles(spec)
    for role, place in wanted:
        if role not in order:
            order.insert(len(order) if place is None else min(place - 1, len(order)), role)
    return {role: order.index(role) + 1 for role, _place in wanted}


def _with(spec: TeamSpec, agent: AgentSpec, place: int) -> TeamSpec:
    flow = parse_flow(spec.agent_team_flow)
    if agent.agent_role in flow:
        return spec.model_copy(update={"agents": (*spec.agents, agent)})
    changes: dict[str, Any]
    if flow:
        changes = {
            "agents": (*spec.agents, agent),
            "agent_team_flow": join_flow(_inserted(flow, agent.agent_role, place)),
        }
    else:
        changes = {"agents": tuple(_inserted(spec.agents, agent, place))}
    return spec.model_copy(update=changes)


def _inserted(items: Sequence[Any], item: Any, place: int) -> list[Any]:
    return [*items[: place - 1], item, *items[place - 1 :]]
