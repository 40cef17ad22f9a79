"""Configs as callers of the first version write them: built, and run to their end by a worker."""

from typing import Any

import pytest

from executions import runtime
from executions.conversation import conversation_log
from executions.models import Execution, Status
from executions.services import execution_start
from executions.worker import Worker
from teams.proposals import proposal_approve
from teams.services import team_create
from teams.tenancy import tenant

pytestmark = pytest.mark.django_db(transaction=True)

GOAL = {"agent_team_main_goal": "Name three uses of a brick."}
MAY_ADD = {"allow_TBA_to_recommend_agents": True, "allow_TBA_how_many_more": 1}


def agents(*roles: str) -> list[dict[str, Any]]:
    return [{"agent_role": role, "agent_goal_based_prompt": f"You are the {role}."} for role in roles]


def spoken(who: Any, team: Any) -> list[str]:
    """The roles of a finished run, in the order they spoke."""
    execution = execution_start(actor=who.actor, team_id=team.id).execution
    runtime.run_next(Worker(slots=1))
    with tenant(who.tenant.id):
        assert Execution.objects.get(id=execution.id).status == Status.SUCCEEDED
        return [turn["role"] for turn in conversation_log(execution.steps.order_by("seq"))]


@pytest.mark.parametrize(
    ("config", "roles"),
    [
        ({"max_turns": 1}, ["DecisionMaker", "Retriever", "Critic", "Refiner"]),
        ({"max_turns": 2, "agents": agents("Solo")}, ["Solo", "Solo"]),
        ({"max_turns": 1, "agents": agents("A", "B"), "agent_team_flow": "A->B->A"}, ["A", "B", "A"]),
        ({"max_turns": 1, "agents": agents("A"), "agent_team_flow": "A->Critic", **MAY_ADD}, ["A", "Critic"]),
        ({"max_turns": 1, "agents": agents("A"), "agent_team_flow": " Poet -> A ", **MAY_ADD}, ["Poet", "A"]),
    ],
    ids=["only a goal", "one agent, two rounds", "a role twice", "a role with a template", "a role nobody has"],
)
def test_built_and_run(config, roles, alice, tba_model, written):
    tba_model.writes(written("Poet"))
    team = team_create(actor=alice.actor, config={**GOAL, **config}).team
    tba_model.says("A brick holds a door.")
    assert spoken(alice, team) == roles


def test_asked_for_approved_and_run(alice, tba_model, written):
    tba_model.writes(written("Poet", place=1))
    waits = {**MAY_ADD, "should_TBA_ask_caller_approval": True}
    team = team_create(actor=alice.actor, config={**GOAL, "max_turns": 1, "agents": agents("A"), **waits}).team
    tba_model.says("A brick holds a door.")
    assert spoken(alice, team) == ["A"]
    proposal_approve(actor=alice.actor, team_id=team.id)
    assert spoken(alice, team) == ["Poet", "A"]
