import copy
import json
from uuid import UUID, uuid4

import pytest

from teams.errors import Invalid
from teams.flow import join_flow
from teams.spec import TeamSpec, assign_ids, config_hash, dump, flow_roles, json_schema, unfilled_roles

GOAL = {"agent_team_main_goal": "Plan a trip"}
FULL = {
    **GOAL,
    "tenant_id": "acme",
    "agent_team_flow": "Lead -> Critic -> Lead",
    "max_turns": 7,
    "agents": [
        {
            "agent_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "agent_role": " Lead ",
            "agent_name": "Léa",
            "agent_personality": "calm",
            "agent_goal_based_prompt": "Lead.",
            "LLM_model": {"provider": "openai", "model": "gpt-4o"},
            "fallback_model": {"provider": "mistral", "model": "mistral-small"},
            "LLM_configuration": {"temperature": 1, "max_tokens": 50, "top_p": 0.5, "stop": "END", "seed": None},
            "allow_team_builder_to_override_model": False,
            "agent_tools": ["Chunk_Text"],
            "agent_asks_before_writes": True,
            "metadata": {"colour": "red"},
        },
        {"agent_role": "Critic", "LLM_model": None, "LLM_configuration": None, "agent_tools": None},
    ],
    "available_tools": ["Chunk_Text", "Call_Web_API"],
    "allow_TBA_to_recommend_agents": True,
    "allow_TBA_how_many_more": 2,
    "should_TBA_ask_caller_approval": True,
    "metadata": {"any": {"thing": [1, None, True]}},
}


def test_the_goal_is_enough_and_the_rest_has_the_documented_defaults():
    assert dump(TeamSpec.load(GOAL)) == {
        "tenant_id": None,
        "agent_team_main_goal": "Plan a trip",
        "agent_team_flow": None,
        "max_turns": 5,
        "agents": [],
        "available_tools": None,
        "allow_TBA_to_recommend_agents": False,
        "allow_TBA_how_many_more": 0,
        "should_TBA_ask_caller_approval": False,
        "metadata": {},
    }


def test_every_field_is_kept():
    written = dump(TeamSpec.load(FULL))
    assert written["agent_team_flow"] == "Lead->Critic->Lead"
    lead = {**FULL["agents"][0], "agent_role": "Lead"}
    lead["LLM_configuration"] = {"temperature": 1, "max_tokens": 50, "top_p": 0.5, "stop": ["END"]}
    assert written["agents"][0] == lead
    same = {key: value for key, value in FULL.items() if key not in ("agents", "agent_team_flow")}
    assert {key: written[key] for key in same} == same


def test_load_leaves_the_document_alone():
    document = copy.deepcopy(FULL)
    document["agents"][1]["LLM_model"] = "gpt-4"
    before = copy.deepcopy(document)
    TeamSpec.load(document)
    assert document == before


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("gpt-4", {"provider": None, "model": "gpt-4"}),
        ("openai:gpt-4o", {"provider": "openai", "model": "gpt-4o"}),
        ("OpenAI: gpt-4o", {"provider": "openai", "model": "gpt-4o"}),
        ("llama3:8b", {"provider": None, "model": "llama3:8b"}),
        ("ollama:llama3:8b", {"provider": "ollama", "model": "llama3:8b"}),
    ],
)
def test_a_model_written_as_text_is_upgraded(written, read):
    spec = TeamSpec.load({**GOAL, "agents": [{"agent_role": "A", "LLM_model": written}]})
    assert dump(spec)["agents"][0]["LLM_model"] == read


@pytest.mark.parametrize("nothing", [None, {}, {"temperature": None}])
def test_a_configuration_that_sets_nothing_is_null(nothing):
    spec = TeamSpec.load({**GOAL, "agents": [{"agent_role": "A", "LLM_configuration": nothing}]})
    assert spec.agents[0].LLM_configuration is None


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_without_a_flow_agents_speak_in_list_order(empty):
    spec = TeamSpec.load({**GOAL, "agent_team_flow": empty, "agents": [{"agent_role": "B"}, {"agent_role": "A"}]})
    assert spec.agent_team_flow is None
    assert flow_roles(spec) == ["B", "A"]
    assert unfilled_roles(spec) == []


def test_roles_nobody_has_are_named_once_in_speaking_order():
    spec = TeamSpec.load({**GOAL, "agent_team_flow": "X->A->Y->X->a", "agents": [{"agent_role": "A"}]})
    assert unfilled_roles(spec) == ["X", "Y", "a"]


def test_the_hash_is_of_the_content():
    reordered = dict(reversed(FULL.items()))
    assert config_hash(reordered) == config_hash(FULL) != config_hash({**FULL, "max_turns": 8})
    assert len(config_hash(FULL)) == 64


def test_ids_are_given_where_absent_and_kept_where_present():
    spec = assign_ids(TeamSpec.load(FULL))
    assert spec.agents[0].agent_id == UUID(FULL["agents"][0]["agent_id"])
    assert spec.agents[1].agent_id is not None
    assert assign_ids(spec) == spec
    assert TeamSpec.load(dump(spec)) == spec


def test_agents_written_again_without_ids_keep_those_of_their_roles():
    before = assign_ids(TeamSpec.load({**GOAL, "agents": [{"agent_role": "A"}, {"agent_role": "B"}]}))
    again = TeamSpec.load({**GOAL, "agents": [{"agent_role": "B"}, {"agent_role": "C"}, {"agent_role": "A"}]})
    b, c, a = (agent.agent_id for agent in assign_ids(again, before).agents)
    assert [a, b] == [agent.agent_id for agent in before.agents]
    assert c not in {a, b, None}


def test_an_id_that_moved_on_with_a_rename_is_not_given_twice():
    before = assign_ids(TeamSpec.load({**GOAL, "agents": [{"agent_role": "A"}]}))
    renamed = {"agent_role": "Z", "agent_id": str(before.agents[0].agent_id)}
    after = assign_ids(TeamSpec.load({**GOAL, "agents": [renamed, {"agent_role": "A"}]}), before)
    assert after.agents[0].agent_id == before.agents[0].agent_id != after.agents[1].agent_id


def test_a_summary_lists_what_answers_show():
    lead, critic = TeamSpec.load(FULL).agents
    assert lead.summary() == {
        "name": "Léa",
        "role": "Lead",
        "personality": "calm",
        "model": "openai:gpt-4o",
        "tools": ["Chunk_Text"],
    }
    assert (critic.summary()["name"], critic.summary()["model"]) == ("Critic", None)


def test_the_json_schema_describes_every_field():
    schema = json_schema()
    shapes = [schema, *schema["$defs"].values()]
    fields = [field for shape in shapes for field in shape["properties"].values()]
    assert len(shapes) == 4
    assert all(field.get("description") for field in fields)
    assert all(shape["additionalProperties"] is False for shape in shapes)
    assert {"type": "null"} in schema["properties"]["agents"]["anyOf"]
    json.dumps(schema)


def test_a_spec_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        TeamSpec.load(GOAL).max_turns = 3


def test_a_large_team_is_accepted():
    roles = [f"Agent {n}" for n in range(50)]
    agents = [{"agent_role": role, "agent_id": str(uuid4()), "agent_goal_based_prompt": "x" * 10_000} for role in roles]
    spec = TeamSpec.load({**GOAL, "agents": agents, "agent_team_flow": join_flow(roles * 4)})
    assert len(flow_roles(spec)) == 200


def test_a_goal_of_blanks_is_no_goal():
    with pytest.raises(Invalid, match="agent_team_main_goal: must not be empty"):
        TeamSpec.load({"agent_team_main_goal": " \n"})
