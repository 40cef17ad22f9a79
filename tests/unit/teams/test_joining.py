"""Further agents find their place in the order."""

from dataclasses import dataclass

import pytest

from teams.joining import joined, placed, without
from teams.spec import AgentSpec, TeamSpec, flow_roles


@dataclass(frozen=True)
class New:
    role: str
    place: int

    @property
    def agent(self) -> AgentSpec:
        return AgentSpec(agent_role=self.role)


def spec(flow: str | None, *roles: str) -> TeamSpec:
    agents = [{"agent_role": role} for role in roles]
    return TeamSpec.load({"agent_team_main_goal": "x", "agent_team_flow": flow, "agents": agents})


@pytest.mark.parametrize(
    ("flow", "new", "order"),
    [
        (None, [New("X", 1)], ["X", "A", "B"]),
        (None, [New("X", 3)], ["A", "B", "X"]),
        (None, [New("Y", 4), New("X", 2)], ["A", "X", "B", "Y"]),
        ("A->B->A", [New("X", 2)], ["A", "X", "B", "A"]),
        ("A->X->B", [New("X", 2)], ["A", "X", "B"]),
        ("A->X->B->X", [New("X", 2), New("Y", 5)], ["A", "X", "B", "X", "Y"]),
    ],
)
def test_the_order_afterwards(flow, new, order):
    team = joined(spec(flow, "A", "B"), new)
    assert flow_roles(team) == order
    assert set(team.roles) == set(order)
    assert (team.agent_team_flow is None) == (flow is None)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ([("X", None)], {"X": 3}),
        ([("X", 99)], {"X": 3}),
        ([("X", 1), ("Y", 1)], {"Y": 1, "X": 2}),
        ([("B", 1)], {"B": 2}),
    ],
)
def test_places_are_those_of_the_finished_order(wanted, places):
    team = spec(None, "A", "B")
    found = placed(team, wanted)
    assert found == places
    order = flow_roles(joined(team, [New(role, place) for role, place in found.items() if role != "B"]))
    assert {role: order.index(role) + 1 for role in found} == places


def test_those_who_were_not_chosen_leave_again_but_stay_named_where_the_flow_named_them():
    team = spec("A->X->B", "A", "B")
    whole = joined(team, [New("X", 2), New("Y", 4)])
    left = without(whole, {"X", "Y"}, flow_roles(team))
    assert (left.agent_team_flow, left.roles) == ("A->X->B", ["A", "B"])
