from dataclasses import replace

import pytest

from agents.templates import DEFAULT_TEMPLATES, templates_revision
from agents.tools import CATALOGUE
from teams.errors import Invalid
from teams.spec import TeamSpec, dump


def test_the_default_team_speaks_in_this_order():
    assert list(DEFAULT_TEMPLATES) == ["DecisionMaker", "Retriever", "Critic", "Refiner"]


def test_the_decision_maker_knows_both_ways_to_stop():
    prompt = DEFAULT_TEMPLATES["DecisionMaker"].prompt
    assert "`FINAL_ANSWER: <text>`" in prompt
    assert "begin a line with CONCLUDE" in prompt


@pytest.mark.parametrize("role", DEFAULT_TEMPLATES)
def test_a_template_makes_an_agent_that_a_config_may_hold(role):
    agent = DEFAULT_TEMPLATES[role].as_agent()
    spec = TeamSpec(agent_team_main_goal="x", agents=(agent,))
    assert TeamSpec.load(dump(spec)) == spec
    assert agent.agent_role == role
    assert len(agent.agent_goal_based_prompt) < 500  # small local models lose the thread of more


def test_only_the_retriever_has_tools_and_they_exist():
    tools = {role: template.tools for role, template in DEFAULT_TEMPLATES.items() if template.tools}
    assert tools == {"Retriever": ("Search_Vector_DB", "Search_Graph_DB")}
    assert set(tools["Retriever"]) <= set(CATALOGUE)


def test_the_catalogue_has_the_five_tools_of_the_first_version():
    names = {"Search_Vector_DB", "Search_Graph_DB", "Call_Web_API", "Embedding_Service", "Chunk_Text"}
    assert set(CATALOGUE) == names
    assert all(tool.name == name and tool.description for name, tool in CATALOGUE.items())


def test_a_revision_changes_with_any_word():
    critic = DEFAULT_TEMPLATES["Critic"]
    assert replace(critic).revision() == critic.revision()
    for field in ("role", "name", "personality", "prompt"):
        assert replace(critic, **{field: "other"}).revision() != critic.revision()
    assert replace(critic, tools=("Chunk_Text",)).revision() != critic.revision()
    changed = {**DEFAULT_TEMPLATES, "Critic": replace(critic, prompt="other")}
    assert templates_revision(changed) != templates_revision(DEFAULT_TEMPLATES)


def test_a_template_no_agent_may_have_is_refused_at_its_field():
    with pytest.raises(Invalid) as caught:
        replace(DEFAULT_TEMPLATES["Critic"], prompt="x" * 50_001).as_agent()
    assert caught.value.errors == [
        {"loc": "agent_goal_based_prompt", "msg": "is too long: at most 50000 characters"},
    ]


def test_a_tool_named_twice_is_given_once():
    agent = replace(DEFAULT_TEMPLATES["Critic"], tools=("Chunk_Text", "Chunk_Text")).as_agent()
    assert agent.agent_tools == ("Chunk_Text",)
