"""What a model wrote is held against its strict shape and against what was asked."""

import json
from typing import Any

import pytest

from agents.extracting import NoJSON
from agents.recommending import Answered, Question, read, sorted_out
from teams.spec import TeamSpec

SPEC = TeamSpec.load(
    {"agent_team_main_goal": "x", "agent_team_flow": "Writer->Poet", "agents": [{"agent_role": "Writer"}]}
)


def agent(role: str = "Poet", **fields: Any) -> dict[str, Any]:
    return {"role": role, "prompt": "Rhyme.", "reason": "It should rhyme.", **fields}


def sort(*agents: dict[str, Any], further: int = 1) -> Answered:
    question = Question(SPEC, ["Poet"], further, ["Chunk_Text"])
    return sorted_out(read(json.dumps({"agents": list(agents)})), question)


def test_a_role_that_was_asked_for_and_a_further_one_are_told_apart():
    found = sort(agent(), agent("Editor", place=1))
    assert found.written["Poet"].agent.agent_goal_based_prompt == "Rhyme."
    assert [(one.agent.agent_role, one.place) for one in found.further] == [("Editor", 1)]
    assert found.dropped == ()


@pytest.mark.parametrize("wording", ["poet", " POET ", "The_Fact checker", "the fact-checker"])
def test_the_case_and_blanks_of_a_role_are_the_flows(wording):
    spec = TeamSpec.load({"agent_team_main_goal": "x", "agent_team_flow": "Poet->TheFactChecker", "agents": []})
    question = Question(spec.model_copy(update={"agents": ()}), ["Poet", "TheFactChecker"], 0, [])
    found = sorted_out(read(json.dumps({"agents": [agent(wording)]})), question)
    ((role, suggestion),) = found.written.items()
    assert role == suggestion.agent.agent_role
    assert role == ("Poet" if "poet" in wording.lower() else "TheFactChecker")


def test_tools_it_may_not_hand_out_are_left_out_and_named():
    found = sort(agent(tools=["Chunk_Text", "rm -rf", "Chunk_Text"]))
    assert found.written["Poet"].agent.agent_tools == ("Chunk_Text",)
    assert found.dropped == ("Poet without rm -rf: not among the tools it may be given",)


def test_never_more_than_asked_for():
    found = sort(*(agent(f"Role {n}") for n in range(50)), further=2)
    assert [one.agent.agent_role for one in found.further] == ["Role 0", "Role 1"]
    assert found.dropped[-1] == "and 43 more"


@pytest.mark.parametrize("role", ["Writer", " Writer ", "writer"])
def test_nobody_twice(role):
    assert sort(agent(role)).further == ()


@pytest.mark.parametrize("role", ["A->B", "x#2", "two\nlines", "   "])
def test_a_role_no_agent_can_have_drops_that_agent(role):
    found = sort(agent(role), agent())
    assert (list(found.written), found.further) == (["Poet"], ())
    assert len(found.dropped) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"extra": 1},
        {"LLM_model": {"provider": "openai", "model": "x"}},
        {"allow_TBA_how_many_more": 50},
        {"tools": "Chunk_Text"},
        {"tools": [1]},
        {"place": 0},
        {"place": "1"},
        {"place": True},
        {"reason": ""},
        {"prompt": ""},
        {"prompt": "x" * 8_001},
        {"role": 7},
        {"role": "x" * 101},
    ],
)
def test_another_shape_is_refused_as_a_whole(wrong):
    with pytest.raises(NoJSON):
        read(json.dumps({"agents": [agent(), {**agent("Editor"), **wrong}]}))


@pytest.mark.parametrize(
    "text", ["{}", '{"agents": null}', '{"agents": {}}', '{"agents": [], "note": ""}', "[[]]", "no"]
)
def test_no_list_of_agents_is_refused(text):
    with pytest.raises(NoJSON):
        read(text)


def test_a_bare_list_will_do():
    assert [one.role for one in read(json.dumps([agent()])).agents] == ["Poet"]


def test_more_agents_than_any_team_has_are_refused():
    with pytest.raises(NoJSON):
        read(json.dumps({"agents": [agent(f"Role {n}") for n in range(51)]}))
