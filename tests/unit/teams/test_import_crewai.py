"""What CrewAI's two files become, and what is said of the rest."""

from typing import Any

import pytest

from teams.errors import Invalid
from teams.importers import crewai
from teams.importers.carrying import Imported
from teams.spec import TeamSpec, flow_roles
from tests import samples


def only(imported: Imported) -> dict[str, Any]:
    (team,) = imported.teams
    return team.config


def notes(imported: Imported) -> dict[str, str]:
    return {note["loc"]: note["msg"] for note in imported.notes}


@pytest.fixture
def crew() -> Imported:
    return crewai.read(samples.crew())


def test_each_task_is_a_turn_of_its_agent(crew: Imported) -> None:
    spec = TeamSpec.load(only(crew))
    assert spec.roles == ["researcher", "analyst", "editor"]
    assert flow_roles(spec) == ["researcher", "analyst", "researcher", "editor"]
    assert spec.max_turns == 1
    assert crew.teams[0].name == "Crew: researcher, analyst, editor"


def test_an_agent_knows_who_it_is_and_its_tasks(crew: Imported) -> None:
    researcher, analyst, editor = only(crew)["agents"]
    assert researcher["agent_name"] == "{topic} Senior Data Researcher"
    assert researcher["agent_personality"].startswith("You're a seasoned researcher")
    prompt = researcher["agent_goal_based_prompt"]
    assert "Your goal: Uncover cutting-edge developments in {topic}" in prompt
    assert prompt.index("1. research_task: Conduct") < prompt.index("2. check_task: Check")
    assert "Expected output: A list with 10 bullet points" in prompt
    assert "Build on the results of: research_task." in analyst["agent_goal_based_prompt"]
    assert "Write it as Markdown." in editor["agent_goal_based_prompt"]


def test_models(crew: Imported) -> None:
    researcher, analyst, editor = only(crew)["agents"]
    assert researcher["LLM_model"] == {"provider": "openai", "model": "gpt-4o-mini"}
    assert analyst["LLM_model"] == {"provider": "anthropic", "model": "claude-sonnet-4-5"}
    assert analyst["LLM_configuration"] == {"temperature": 0.2}
    assert "LLM_model" not in editor
    assert "it names no provider" in notes(crew)["agents.editor.llm"]


@pytest.mark.parametrize(
    ("llm", "provider", "model"),
    [
        ("gpt-4o", "openai", "gpt-4o"),
        ("o3-mini", "openai", "o3-mini"),
        ("claude-3-5-haiku-latest", "anthropic", "claude-3-5-haiku-latest"),
        ("gemini/gemini-2.0-flash", "google", "gemini-2.0-flash"),
        ("openrouter/deepseek/deepseek-r1", "openrouter", "deepseek/deepseek-r1"),
    ],
)
def test_a_model_by_name(llm: str, provider: str, model: str) -> None:
    (agent,) = only(crewai.read({"agents": {"a": {"role": "A", "llm": llm}}}))["agents"]
    assert agent["LLM_model"] == {"provider": provider, "model": model}


def test_what_is_left_behind_is_listed_with_its_path(crew: Imported) -> None:
    found = notes(crew)
    assert found["agents.analyst.llm.api_key"].startswith("secret dropped")
    assert "tools of CrewAI" in found["agents.researcher.tools"]
    assert found["agents.editor.favourite_colour"].startswith("not carried over")
    assert "in no file" in found["tasks.analysis_task.output_file"]
    assert "no person is asked" in found["tasks.check_task.human_input"]
    assert "crew.py" in found[""]
    # Saying no to something we do not do anyway loses nothing.
    assert "agents.researcher.allow_delegation" not in found
    assert "sk-ant-not-a-real-key" not in str(crew)


def test_placeholders_stay_and_are_listed_once(crew: Imported) -> None:
    kept = [note for note in crew.notes if note["msg"].startswith("kept: ")]
    assert [note["loc"] for note in kept] == [
        "agents.researcher.role",
        "agents.analyst.goal",
        "tasks.research_task.description",
    ]
    assert "{topic} stays in the text" in kept[0]["msg"]


def test_agents_without_tasks() -> None:
    agents = {"boss": {"role": "Boss"}, "clerk": {"role": "Clerk"}}
    imported = crewai.read({"agents": agents})
    assert only(imported)["agent_team_flow"] is None
    assert flow_roles(TeamSpec.load(only(imported))) == ["boss", "clerk"]
    assert notes(imported)["tasks"].startswith("changed: there are no tasks")


def test_an_agent_without_a_task_stays_out_of_the_flow() -> None:
    agents = {"boss": {"role": "Boss"}, "clerk": {"role": "Clerk"}}
    imported = crewai.read({"agents": agents, "tasks": {"file": {"description": "File it", "agent": "clerk"}}})
    assert only(imported)["agent_team_flow"] == "clerk"
    assert "not in the flow" in notes(imported)["agents.boss"]


def test_a_task_without_an_agent_is_part_of_the_goal() -> None:
    imported = crewai.read({"agents": {"a": {"role": "A"}}, "tasks": {"t": {"description": "Find the way"}}})
    assert "1. t, for all of you: Find the way" in only(imported)["agent_team_main_goal"]
    assert "part of the goal" in notes(imported)["tasks.t"]
    assert "add agent: to the task" in notes(imported)["tasks.t"]


@pytest.mark.parametrize(
    ("document", "loc"),
    [
        (None, ""),
        ([], ""),
        ({}, "agents"),
        ({"agents": ""}, "agents"),
        ({"agents": "- a"}, "agents"),
        ({"agents": {"a": "Writer"}}, "agents.a"),
        ({"agents": {"a": {"role": ["A"]}}}, "agents.a.role"),
        ({"agents": {"a": {}}, "crew": {}}, "crew"),
        ({"agents": {"a": {}}, "tasks": {"t": {"agent": "b"}}}, "tasks.t.agent"),
        ({"agents": {"a": {}}, "tasks": {"t": {"context": [5]}}}, "tasks.t.context.0"),
        ({"agents": {f"a{number}": {} for number in range(51)}}, "agents"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(document: Any, loc: str) -> None:
    with pytest.raises(Invalid) as caught:
        crewai.read(document)
    assert [error["loc"] for error in caught.value.errors] == [loc]
