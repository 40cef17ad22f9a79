import copy
import json
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from teams.canonical import canonical_json
from teams.diff import compare
from teams.spec import TeamSpec, dump


def id_of(number):
    return str(UUID(int=number))


def agent(number, role, **fields):
    return {"agent_id": id_of(number), "agent_role": role, **fields}


def config(*agents, **fields):
    return {"agent_team_main_goal": "Plan a trip", "agents": list(agents), **fields}


LEAD, CRITIC, REFINER = agent(1, "Lead"), agent(2, "Critic"), agent(3, "Refiner")
TEAM = config(LEAD, CRITIC, REFINER)


def told(before, after):
    return [(change.kind, change.path, change.sentence) for change in compare(before, after)]


def test_nothing_changed():
    assert compare(TEAM, copy.deepcopy(TEAM)) == []
    assert told(config(LEAD, agent_team_flow="Lead -> Lead"), config(LEAD, agent_team_flow="Lead->Lead")) == []


def test_another_role_is_a_new_name_also_where_the_flow_uses_it():
    before = config(LEAD, CRITIC, agent_team_flow="Lead->Critic")
    after = config(LEAD, agent(2, "Reviewer"), agent_team_flow="Lead->Reviewer")
    assert told(before, after) == [("changed", "agents.1.agent_role", "Critic was renamed to Reviewer.")]


def test_an_inserted_agent_moves_no_other():
    after = config(agent(9, "Planner"), LEAD, CRITIC, REFINER)
    (change,) = compare(TEAM, after)
    assert (change.kind, change.path, change.agent_id) == ("added", "agents.0", id_of(9))
    assert change.sentence == "Planner was added as agent 1."
    assert (change.before, change.after["agent_role"]) == (None, "Planner")


def test_a_removed_agent():
    (change,) = compare(TEAM, config(LEAD, REFINER))
    assert (change.kind, change.path, change.sentence) == ("removed", "agents.1", "Critic was removed.")


def test_an_agent_moved_in_the_list():
    assert told(TEAM, config(REFINER, LEAD, CRITIC)) == [
        ("moved", "agents.0", "Refiner moved in the list of agents, from place 3 to 1."),
    ]


def test_the_same_role_with_another_id_is_another_agent():
    kinds = [change.kind for change in compare(TEAM, config(LEAD, agent(8, "Critic"), REFINER))]
    assert kinds == ["added", "removed"]


def test_without_an_id_the_role_speaks_for_the_agent():
    (change,) = compare(config({"agent_role": "Critic", "agent_name": "Ann"}), config({**CRITIC, "agent_name": "Bob"}))
    assert change.sentence == 'The name of Critic changed from "Ann" to "Bob".'
    assert change.agent_id == id_of(2)


def test_swapped_roles_are_two_new_names():
    before = config(agent(1, "A"), agent(2, "B"))
    sentences = [change.sentence for change in compare(before, config(agent(1, "B"), agent(2, "A")))]
    assert sentences == ["A was renamed to B.", "B was renamed to A."]


def test_prompts_are_compared_word_by_word():
    before = config({**LEAD, "agent_goal_based_prompt": "Lead with care."})
    (change,) = compare(before, config({**LEAD, "agent_goal_based_prompt": "Lead with great care."}))
    assert (change.path, change.sentence) == ("agents.0.agent_goal_based_prompt", "The instructions of Lead changed.")
    assert change.as_dict()["words"] == [
        {"op": "same", "text": "Lead with "},
        {"op": "ins", "text": "great "},
        {"op": "same", "text": "care."},
    ]


def test_turns_of_the_flow():
    before = {**TEAM, "agent_team_flow": "Lead->Critic->Refiner"}
    assert told(before, {**TEAM, "agent_team_flow": "Refiner->Lead->Critic"}) == [
        ("moved", "agent_team_flow", "Refiner moved in the flow, from turn 3 to turn 1."),
    ]
    assert told(before, {**TEAM, "agent_team_flow": "Lead->Critic->Lead"}) == [
        ("added", "agent_team_flow", "Lead now speaks at turn 3 of the flow."),
        ("removed", "agent_team_flow", "Refiner no longer speaks at turn 3 of the flow."),
    ]
    assert told(TEAM, before) == [
        ("changed", "agent_team_flow", "The flow is now written: Lead->Critic->Refiner."),
    ]
    assert told(before, TEAM) == [("changed", "agent_team_flow", "The flow now follows the list of agents.")]


def test_an_agent_added_for_a_role_the_flow_named_already_changes_no_flow():
    before = config(LEAD, agent_team_flow="Lead->Critic")
    assert [change.kind for change in compare(before, config(LEAD, CRITIC, agent_team_flow="Lead->Critic"))] == [
        "added"
    ]


def test_tools_models_and_parameters():
    before = config({**LEAD, "agent_tools": ["Chunk_Text"], "LLM_configuration": {"temperature": 1, "seed": 4}})
    changed = {
        "agent_tools": ["Call_Web_API"],
        "LLM_model": {"provider": "openai", "model": "gpt-4o"},
        "fallback_model": {"model": "gpt-4o-mini"},
        "LLM_configuration": {"temperature": 0.5, "top_p": 0.9},
        "allow_team_builder_to_override_model": False,
        "agent_asks_before_writes": True,
    }
    assert told(before, config({**LEAD, **changed})) == [
        ("changed", "agents.0.LLM_model", "Lead now speaks with openai:gpt-4o instead of the tenant's default model."),
        (
            "changed",
            "agents.0.fallback_model",
            "When its model does not answer, gpt-4o-mini now stands in for Lead instead of no model.",
        ),
        ("changed", "agents.0.LLM_configuration.temperature", "temperature of Lead changed from 1 to 0.5."),
        ("removed", "agents.0.LLM_configuration.seed", "seed of Lead is no longer set; it was 4."),
        ("added", "agents.0.LLM_configuration.top_p", "top_p of Lead was set to 0.9."),
        (
            "changed",
            "agents.0.allow_team_builder_to_override_model",
            "The Team Builder may no longer replace the model of Lead.",
        ),
        ("added", "agents.0.agent_tools", "Lead may now use Call_Web_API."),
        ("removed", "agents.0.agent_tools", "Lead may no longer use Chunk_Text."),
        (
            "changed",
            "agents.0.agent_asks_before_writes",
            "Lead now asks a person before each tool call that has an effect.",
        ),
    ]


def test_the_teams_own_fields():
    changed = {
        "agent_team_main_goal": "Plan two trips",
        "max_turns": 9,
        "allow_TBA_to_recommend_agents": True,
        "allow_TBA_how_many_more": 2,
        "should_TBA_ask_caller_approval": True,
        "available_tools": ["Chunk_Text"],
        "metadata": {"colour": "red"},
    }
    assert told(TEAM, {**TEAM, **changed}) == [
        ("changed", "agent_team_main_goal", "The goal changed."),
        ("changed", "max_turns", "The most rounds (max_turns) changed from 5 to 9."),
        (
            "changed",
            "allow_TBA_how_many_more",
            "The number of agents the Team Builder may add changed from 0 to 2.",
        ),
        ("changed", "allow_TBA_to_recommend_agents", "The Team Builder may now add agents."),
        ("changed", "should_TBA_ask_caller_approval", "Agents the Team Builder adds now wait for approval."),
        ("changed", "available_tools", "Agents may now be given only Chunk_Text."),
        ("added", "metadata.colour", 'metadata colour was set to "red".'),
    ]


def test_an_old_shape_is_no_difference():
    assert compare(config({**LEAD, "LLM_model": "gpt-4"}), config({**LEAD, "LLM_model": {"model": "gpt-4"}})) == []


tools = st.lists(st.sampled_from(["Chunk_Text", "Call_Web_API"]), unique=True)
agents = st.builds(
    agent,
    st.integers(1, 5),
    st.sampled_from("ABCD"),
    agent_goal_based_prompt=st.sampled_from(["", "Do it.", "Do it now."]),
    agent_tools=tools,
    LLM_configuration=st.none() | st.fixed_dictionaries({}, optional={"seed": st.integers(0, 1)}),
)
configs = st.builds(
    lambda members, fields: config(*members, **fields),
    st.lists(agents, max_size=4, unique_by=(lambda one: one["agent_id"], lambda one: one["agent_role"])),
    st.fixed_dictionaries(
        {},
        optional={
            "agent_team_flow": st.lists(st.sampled_from("ABCD"), max_size=5).map("->".join),
            "max_turns": st.integers(1, 2),
            "metadata": st.dictionaries(st.sampled_from("ab"), st.sampled_from([1, True, None, [1]])),
        },
    ),
)


@settings(max_examples=200)
@given(configs, configs)
def test_there_are_changes_exactly_when_the_configs_differ(before, after):
    changes = compare(before, after)
    same = canonical_json(dump(TeamSpec.load(before))) == canonical_json(dump(TeamSpec.load(after)))
    assert same == (not changes)
    json.dumps([change.as_dict() for change in changes])
