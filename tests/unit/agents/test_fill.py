from dataclasses import replace

import pytest

from agents.builder import Outcome, finish, needs_of, plan_team
from agents.templates import DEFAULT_TEMPLATES
from teams.building import Asking
from teams.spec import TeamSpec, dump

BUILDER = {"allow_TBA_to_recommend_agents": True, "allow_TBA_how_many_more": 5}


def spec(flow=None, roles=(), **fields):
    agents = [{"agent_role": role} for role in roles]
    return TeamSpec.load({"agent_team_main_goal": "x", "agent_team_flow": flow, "agents": agents, **fields})


def fill(team, templates=DEFAULT_TEMPLATES, **options):
    plan = plan_team(team, templates)
    propose = team.should_TBA_ask_caller_approval
    return finish(plan, needs_of(plan, None, Asking.NEVER), Outcome(), templates, propose=propose, **options)


def with_defaults(team, templates):
    return plan_team(team, templates).spec


@pytest.mark.parametrize("allowed", [True, False])
def test_a_team_without_agents_gets_the_default_four(allowed):
    result = fill(spec(allow_TBA_to_recommend_agents=allowed))
    assert result.errors == result.warnings == ()
    assert result.spec.roles == list(DEFAULT_TEMPLATES)
    assert [addition["source"] for addition in result.additions] == [f"template:{role}" for role in DEFAULT_TEMPLATES]


def test_the_default_four_take_the_tenants_wording_and_need_no_slots():
    own = {**DEFAULT_TEMPLATES, "Critic": replace(DEFAULT_TEMPLATES["Critic"], name="Ours")}
    team = with_defaults(spec("Critic->Refiner"), own)
    assert [agent.agent_name for agent in team.agents][2] == "Ours"
    assert fill(team).additions == ()


def test_a_tenant_without_a_template_for_a_default_role_gets_the_products():
    assert with_defaults(spec(), {}).roles == list(DEFAULT_TEMPLATES)


def test_a_complete_team_only_gets_ids():
    team = spec("A->B->A", ["A", "B"])
    result = fill(team)
    assert result.additions == result.errors == result.warnings == ()
    assert result.spec.roles == ["A", "B"]
    assert all(agent.agent_id for agent in result.spec.agents)


def test_a_role_only_the_flow_names_is_filled_and_recorded():
    result = fill(spec("A->Critic->A->Critic", ["A"], **BUILDER))
    assert result.spec.roles == ["A", "Critic"]
    assert result.additions == (
        {
            "kind": "flow",
            "role": "Critic",
            "agent_id": str(result.spec.agents[1].agent_id),
            "added_by": "team-builder",
            "reason": "the flow names this role and no agent had it",
            "source": "template:Critic",
            "place": 2,
        },
    )
    assert TeamSpec.load(dump(result.spec)) == result.spec


def test_filling_again_on_the_version_before_gives_the_same_ids():
    team = spec("A->Critic", ["A"], **BUILDER)
    first = fill(team)
    assert fill(team, previous=first.spec) == first


def test_a_filled_agent_gets_only_available_tools_and_a_warning_says_so():
    result = fill(spec("A->Retriever", ["A"], available_tools=["Search_Graph_DB"], **BUILDER))
    assert result.spec.agents[1].agent_tools == ("Search_Graph_DB",)
    assert [warning["loc"] for warning in result.warnings] == ["agents.1.agent_tools"]
    assert "without Search_Vector_DB" in result.warnings[0]["msg"]
    assert TeamSpec.load(dump(result.spec)) == result.spec


def test_an_agent_the_caller_wrote_gets_no_such_warning():
    assert fill(spec(None, ["Retriever"], available_tools=[])).warnings == ()


@pytest.mark.parametrize(
    ("team", "loc", "words"),
    [
        (spec("A->Critic", ["A"]), "agent_team_flow", ['"Critic"', "allow_TBA_to_recommend_agents"]),
        (spec("A->critic", ["A", "Critic"]), "agent_team_flow", ['did you mean "Critic"?']),
        (spec("Planner->Critic"), "agent_team_flow", ['"Planner"']),
        (spec("A->Planner", ["A"], **BUILDER), "agent_team_flow", ['"Planner"', "no template"]),
        (spec("A->Refner", ["A"], **BUILDER), "agent_team_flow", ['did you mean "Refiner"?']),
        (
            spec("A->Critic", ["A"], allow_TBA_to_recommend_agents=True),
            "agent_team_flow",
            ["add only 0", "allow_TBA_how_many_more to 1"],
        ),
        (
            spec("Critic->A->Refiner", ["A"], allow_TBA_to_recommend_agents=True, allow_TBA_how_many_more=1),
            "agent_team_flow",
            ['"Refiner"', "allow_TBA_how_many_more to 2"],
        ),
        (spec("0->Critic", [str(n) for n in range(50)], **BUILDER), "agent_team_flow", ["at most 50 agents"]),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_role_that_cannot_be_filled_is_an_error_and_nothing_is_added(team, loc, words):
    result = fill(team)
    assert [error["loc"] for error in result.errors] == [loc]
    assert all(word in result.errors[0]["msg"] for word in words)
    assert not any(addition["reason"].startswith("the flow") for addition in result.additions)


def test_every_role_that_cannot_be_filled_is_named():
    errors = fill(spec("X->A->Y->X", ["A"])).errors
    assert [error["msg"].split(",")[0] for error in errors] == ['names "X"', 'names "Y"']


def test_what_waits_for_approval_is_handed_out_apart():
    result = fill(spec("A->Critic", ["A"], should_TBA_ask_caller_approval=True, **BUILDER))
    assert (result.spec.roles, result.additions, result.errors) == (["A"], (), ())
    assert [(one["role"], one["place"], one["agent"]["agent_role"]) for one in result.proposed] == [
        ("Critic", 2, "Critic")
    ]
    assert "waits for approval: Critic" in result.warnings[0]["msg"]


def test_a_role_nobody_can_write_stays_open_when_approval_is_asked():
    result = fill(spec("A->Planner", ["A"], should_TBA_ask_caller_approval=True, **BUILDER))
    assert (result.errors, result.proposed) == ((), ())
    assert [warning["loc"] for warning in result.warnings] == ["agent_team_flow"]


def test_approval_is_not_asked_when_there_is_nothing_to_approve():
    assert fill(spec("A", ["A"], should_TBA_ask_caller_approval=True, **BUILDER)).errors == ()


def test_a_config_that_would_be_too_large_to_load_again_is_refused():
    result = fill(spec(metadata={"notes": "x" * 999_000}))
    assert [error["loc"] for error in result.errors] == [""]
    assert "the completed config is 1.0 MB" in result.errors[0]["msg"]


@pytest.mark.parametrize("flow", ["A, B", "A → B", "A => B"])
def test_a_flow_with_other_marks_than_arrows_is_told_to_use_them(flow):
    [error] = fill(spec(flow, ["A", "B"])).errors
    assert '(between two roles write "->")' in error["msg"]


@pytest.mark.parametrize("waits", [True, False])
def test_recommendations_can_be_asked_for_only_where_the_team_is_saved(waits):
    result = fill(spec("A->Zed", ["A"], should_TBA_ask_caller_approval=waits, **BUILDER))
    [told] = result.warnings if waits else result.errors
    assert ("Ask for recommendations" in told["msg"]) == waits
    assert "add an agent with this role" in told["msg"]
