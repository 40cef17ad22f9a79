"""Bad configs, each with the place that is named and a word of the message."""

import json
import math
from uuid import uuid4

import pytest

from teams.errors import Invalid
from teams.spec import TeamSpec

ID = str(uuid4())


def nested(levels):
    return {"a": nested(levels - 1)} if levels else {}


def team(**fields):
    return {"agent_team_main_goal": "Plan a trip", **fields}


def agent(**fields):
    return team(agents=[{"agent_role": "A"}, {"agent_role": "B", **fields}])


def llm(**fields):
    return agent(LLM_configuration=fields)


BAD = [
    # the document
    (None, "", "got null"),
    ([], "", "got a list"),
    ("{}", "", "got text"),
    ({}, "agent_team_main_goal", "required"),
    (team(metadata={"a": "x" * 1_000_000}), "", "at most 1 MB"),
    (team(metadata=nested(20)), "metadata" + ".a" * 19, "at most 20 levels"),
    (team(metadata={"a": [[[["\0"]]]]}), "metadata.a.0.0.0.0", "NUL"),
    (team(metadata={"a\0b": 1}), r"metadata.a\x00b", "NUL"),
    (team(metadata={"a": "\ud800"}), "metadata.a", "surrogate"),
    (team(metadata={"a": math.nan}), "metadata.a", "finite"),
    (team(metadata={"a": -math.inf}), "metadata.a", "finite"),
    (team(metadata={"a": 10**5000}), "metadata.a", "64 bits"),
    (team(metadata={"a": 1e300}), "metadata.a", "64 bits"),
    (team(metadata={1: 2}), "metadata.1", "must be text"),
    (team(metadata={"a": {1, 2}}), "metadata.a", "not a JSON value"),
    (team(metadata=[]), "metadata", "object"),
    # the team
    (team(agent_team_main_goal=""), "agent_team_main_goal", "empty"),
    (team(agent_team_main_goal=None), "agent_team_main_goal", "text in quotes; got null"),
    (team(agent_team_main_goal=["x"]), "agent_team_main_goal", "got a list"),
    (team(agent_team_main_goal="x" * 20_001), "agent_team_main_goal", "at most 20000"),
    (team(agent_team_main_goal="a\0"), "agent_team_main_goal", "NUL"),
    (team(max_turn=3), "max_turn", 'did you mean "max_turns"'),
    (team(zzz=3), "zzz", "metadata"),
    (team(max_turns=0), "max_turns", "1 or more; got 0"),
    (team(max_turns=-1), "max_turns", "1 or more; got -1"),
    (team(max_turns=101), "max_turns", "100 or less; got 101"),
    (team(max_turns=10**30), "max_turns", "64 bits"),
    (team(max_turns=True), "max_turns", "whole number"),
    (team(max_turns="5"), "max_turns", "without quotes"),
    (team(max_turns=5.0), "max_turns", "without a decimal point"),
    (team(max_turns=None), "max_turns", "got null"),
    (team(max_turns=math.nan), "max_turns", "finite"),
    (team(allow_TBA_to_recommend_agents="yes"), "allow_TBA_to_recommend_agents", "true or false"),
    (team(allow_TBA_to_recommend_agents=1), "allow_TBA_to_recommend_agents", "true or false"),
    (team(allow_TBA_how_many_more=-1), "allow_TBA_how_many_more", "0 or more"),
    (team(allow_TBA_how_many_more=51), "allow_TBA_how_many_more", "50 or less"),
    (team(should_TBA_ask_caller_approval=None), "should_TBA_ask_caller_approval", "true or false"),
    (team(tenant_id=7), "tenant_id", "text"),
    (team(available_tools="Chunk_Text"), "available_tools", "list"),
    (team(available_tools=["Chunk_Text", 3]), "available_tools.1", "text"),
    (team(available_tools=["Chunk_Text", " "]), "available_tools.1", "empty"),
    (team(available_tools=["a", "b", "a"]), "available_tools.2", "already"),
    (team(available_tools=[str(n) for n in range(201)]), "available_tools", "at most 200"),
    # the flow
    (team(agent_team_flow="A->->B"), "agent_team_flow", "turn 2"),
    (team(agent_team_flow=["A", "B"]), "agent_team_flow", "text"),
    (team(agent_team_flow="A->B\0"), "agent_team_flow", "NUL"),
    (team(agent_team_flow="->".join("A" * 201)), "agent_team_flow", "at most 200"),
    # agents
    (team(agents={"agent_role": "A"}), "agents", "list"),
    (team(agents=["A"]), "agents.0", "object"),
    (team(agents=[{}]), "agents.0.agent_role", "required"),
    (team(agents=[{"agent_role": str(n)} for n in range(51)]), "agents", "at most 50"),
    (agent(agent_role="A"), "agents.1.agent_role", "role of agents.0"),
    (agent(agent_role=" A\n"), "agents.1.agent_role", "role of agents.0"),
    (agent(agent_role=" "), "agents.1.agent_role", "empty"),
    (agent(agent_role="A->B"), "agents.1.agent_role", '"->"'),
    (agent(agent_role="A\nB"), "agents.1.agent_role", "one line"),
    (agent(agent_role="A#2"), "agents.1.agent_role", "# and a number"),
    (agent(agent_role="x" * 101), "agents.1.agent_role", "at most 100"),
    (agent(agent_role=5), "agents.1.agent_role", "text"),
    (agent(rol="A"), "agents.1.rol", "not a known field"),
    (agent(agent_id="7"), "agents.1.agent_id", "UUID"),
    (agent(agent_id=7), "agents.1.agent_id", "UUID"),
    (agent(agent_name="x" * 201), "agents.1.agent_name", "at most 200"),
    (agent(agent_personality=None), "agents.1.agent_personality", "text"),
    (agent(agent_goal_based_prompt="x" * 50_001), "agents.1.agent_goal_based_prompt", "at most 50000"),
    (agent(agent_tools="Chunk_Text"), "agents.1.agent_tools", "list"),
    (agent(agent_tools=["a", "a"]), "agents.1.agent_tools.1", "already"),
    (agent(agent_tools=[None]), "agents.1.agent_tools.0", "text"),
    (agent(allow_team_builder_to_override_model="no"), "agents.1.allow_team_builder_to_override_model", "true or"),
    (agent(LLM_model=4), "agents.1.LLM_model", "object"),
    (agent(LLM_model=""), "agents.1.LLM_model.model", "empty"),
    (agent(LLM_model={}), "agents.1.LLM_model.model", "required"),
    (agent(LLM_model={"model": "x", "provider": " "}), "agents.1.LLM_model.provider", "empty"),
    (agent(LLM_model={"model": "x", "temperature": 1}), "agents.1.LLM_model.temperature", "not a known field"),
    # parameters of the model
    (llm(temperature=2.1), "agents.1.LLM_configuration.temperature", "2 or less; got 2.1"),
    (llm(temperature=-0.1), "agents.1.LLM_configuration.temperature", "0 or more"),
    (llm(temperature="0.7"), "agents.1.LLM_configuration.temperature", "without quotes"),
    (llm(temperature=True), "agents.1.LLM_configuration.temperature", "number"),
    (llm(temperature=math.nan), "agents.1.LLM_configuration.temperature", "finite"),
    (llm(max_tokens=0), "agents.1.LLM_configuration.max_tokens", "1 or more"),
    (llm(max_tokens=1.5), "agents.1.LLM_configuration.max_tokens", "whole number"),
    (llm(top_p=1.01), "agents.1.LLM_configuration.top_p", "1 or less"),
    (llm(presence_penalty=-3), "agents.1.LLM_configuration.presence_penalty", "-2 or more"),
    (llm(frequency_penalty=3), "agents.1.LLM_configuration.frequency_penalty", "2 or less"),
    (llm(stop=["a"] * 5), "agents.1.LLM_configuration.stop", "at most 4"),
    (llm(stop=["a", ""]), "agents.1.LLM_configuration.stop.1", "empty"),
    (llm(stop=3), "agents.1.LLM_configuration.stop", "list"),
    (llm(seed="x"), "agents.1.LLM_configuration.seed", "whole number"),
    (llm(top_k=5), "agents.1.LLM_configuration.top_k", 'did you mean "top_p"'),
    (llm(api_key="x"), "agents.1.LLM_configuration.api_key", "remove it"),
    (agent(LLM_configuration=[]), "agents.1.LLM_configuration", "object"),
    # between fields
    (team(agents=[{"agent_role": r, "agent_id": ID.upper()} for r in "AB"]), "agents.1.agent_id", "agents.0"),
    ({**agent(agent_tools=["a", "b"]), "available_tools": ["a"]}, "agents.1.agent_tools.1", "available_tools"),
    ({**agent(agent_tools=["a"]), "available_tools": []}, "agents.1.agent_tools.0", "available_tools"),
]


@pytest.mark.parametrize(("config", "loc", "word"), BAD, ids=[f"{row[1]}-{row[2]}" for row in BAD])
def test_it_refuses_and_names_exactly_the_place(config, loc, word):
    with pytest.raises(Invalid) as caught:
        TeamSpec.load(config)
    assert [error["loc"] for error in caught.value.errors] == [loc]
    assert word in caught.value.errors[0]["msg"]
    json.dumps(caught.value.problem(), allow_nan=False).encode()


def test_everything_wrong_is_told_at_once():
    config = {
        "max_turns": 0,
        "agent_team_flow": "A->",
        "metadata": {"x": "\0"},
        "agents": [{"agent_role": "A"}, {"agent_role": "A", "LLM_configuration": {"temperature": 3, "top_p": 2}}],
    }
    with pytest.raises(Invalid) as caught:
        TeamSpec.load(config)
    assert {error["loc"] for error in caught.value.errors} == {
        "agent_team_main_goal",
        "max_turns",
        "agent_team_flow",
        "metadata.x",
        "agents.1.agent_role",
        "agents.1.LLM_configuration.temperature",
        "agents.1.LLM_configuration.top_p",
    }
    assert caught.value.detail == "The team config has 7 errors."


def test_at_most_fifty_errors_are_told():
    with pytest.raises(Invalid) as caught:
        TeamSpec.load(team(**{f"unknown{n}": 1 for n in range(60)}))
    assert len(caught.value.errors) == 50
    assert caught.value.detail == "The team config has 60 errors, the first 50 are shown."


def test_a_long_secret_in_the_wrong_place_is_not_repeated():
    with pytest.raises(Invalid) as caught:
        TeamSpec.load(team(max_turns="sk-secret", agents=[{"agent_role": "A", "LLM_model": ["sk-secret"]}]))
    assert "sk-secret" not in str(caught.value)
