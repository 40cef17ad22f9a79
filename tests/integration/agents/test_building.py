"""Teams are completed from the tenant's own templates and tools."""

from typing import Any

from agents.building import fill
from agents.models import RoleTemplate, TenantTool
from teams.services import team_create
from teams.tenancy import tenant
from tests.factories import Person, config

GOAL = {"agent_team_main_goal": "Name three uses of a brick."}


def test_a_team_without_agents_gets_the_four_defaults(alice: Person) -> None:
    saved = team_create(actor=alice.actor, config=GOAL)

    agents = saved.team.config["agents"]
    assert [agent["agent_role"] for agent in agents] == ["DecisionMaker", "Retriever", "Critic", "Refiner"]
    assert all(agent["agent_id"] for agent in agents)
    assert [addition["role"] for addition in saved.additions] == ["DecisionMaker", "Retriever", "Critic", "Refiner"]


def test_the_tenants_own_wording_wins(alice: Person) -> None:
    with tenant(alice.tenant.id):
        RoleTemplate.objects.create(role="Critic", name="Nora", prompt="Be stern.")

    agents = team_create(actor=alice.actor, config=GOAL).team.config["agents"]

    critic = next(agent for agent in agents if agent["agent_role"] == "Critic")
    assert (critic["agent_name"], critic["agent_goal_based_prompt"]) == ("Nora", "Be stern.")


def test_an_own_template_fills_a_role_of_the_flow(alice: Person) -> None:
    with tenant(alice.tenant.id):
        RoleTemplate.objects.create(role="Lawyer", prompt="Name the law.")
    changes: dict[str, Any] = {"allow_TBA_to_recommend_agents": True, "allow_TBA_how_many_more": 1}

    saved = team_create(actor=alice.actor, config=config("Writer", agent_team_flow="Writer->Lawyer", **changes))

    assert [agent["agent_role"] for agent in saved.team.config["agents"]] == ["Writer", "Lawyer"]
    assert saved.additions[0]["source"] == "template:Lawyer"


def test_another_tenants_template_is_not_used(alice: Person, charlie: Person) -> None:
    with tenant(charlie.tenant.id):
        RoleTemplate.objects.create(role="Lawyer", prompt="Name the law.")
    written = config(
        "Writer",
        agent_team_flow="Writer->Lawyer",
        allow_TBA_to_recommend_agents=True,
        allow_TBA_how_many_more=1,
    )

    assert [error["loc"] for error in fill(written, alice.tenant.id).errors] == ["agent_team_flow"]
    assert fill(written, charlie.tenant.id).errors == ()


def test_a_tool_switched_off_is_left_out_with_a_warning(alice: Person) -> None:
    with tenant(alice.tenant.id):
        TenantTool.objects.create(name="Search_Graph_DB", enabled=False)

    saved = team_create(actor=alice.actor, config=GOAL)

    assert saved.team.config["agents"][1]["agent_tools"] == ["Search_Vector_DB"]
    assert {"agents.1.agent_tools"} <= {warning["loc"] for warning in saved.warnings}
