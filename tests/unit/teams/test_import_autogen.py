"""What AutoGen Studio's documents become, and what is said of the rest."""

import json
from typing import Any

import pytest

from teams.errors import Invalid
from teams.importers import autogen
from teams.importers.carrying import Imported
from teams.spec import TeamSpec, flow_roles
from tests import samples

SAMPLES = ("round_robin", "selector", "swarm", "gallery")


def read(name: str) -> Imported:
    return autogen.read(samples.document(f"autogen_{name}.json"))


def only(imported: Imported) -> dict[str, Any]:
    (team,) = imported.teams
    return team.config


def notes(imported: Imported) -> dict[str, str]:
    return {note["loc"]: note["msg"] for note in imported.notes}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_becomes_valid_configs(name: str) -> None:
    for team in read(name).teams:
        assert team.name
        assert len(TeamSpec.load(team.config).agents) >= 1


@pytest.mark.parametrize("name", SAMPLES)
def test_no_secret_gets_into_a_config_or_a_note(name: str) -> None:
    imported = read(name)
    everything = json.dumps([team.config for team in imported.teams]) + json.dumps(imported.notes)
    for secret in ("sk-not-a-real-key-1234", "0123456789abcdef", "**********"):
        assert secret not in everything


def test_round_robin() -> None:
    imported = read("round_robin")
    poet, critic = only(imported)["agents"]
    assert imported.teams[0].name == "Haiku pair"
    assert only(imported)["agent_team_flow"] == "poet->critic"
    assert poet["agent_goal_based_prompt"].startswith("You write haiku")
    assert poet["LLM_model"] == {"provider": "openai", "model": "gpt-4o-mini"}
    assert poet["LLM_configuration"] == {"temperature": 0.9, "max_tokens": 200}
    assert poet["agent_personality"] == ""  # AutoGen's own sentence says nothing about this agent
    assert critic["agent_personality"] == "Judges haiku."
    assert critic["LLM_model"] == {"provider": "anthropic", "model": "claude-3-7-sonnet-20250219"}


@pytest.mark.parametrize(
    "description",
    [
        "A single AssistantAgent (with a calculator tool) in a RoundRobinGroupChat team. ",
        "A team with 3 agents - a Web Surfer agent that can browse the web, and a User Proxy that gives feedback.",
    ],
)
def test_a_description_of_the_teams_make_up_is_no_goal(description: str) -> None:
    document = samples.document("autogen_round_robin.json") | {"description": description}
    assert only(autogen.read(document))["agent_team_main_goal"] == autogen.DEFAULT_GOAL


def test_a_description_of_the_work_is_part_of_the_goal() -> None:
    document = samples.document("autogen_round_robin.json") | {"description": "Writes a haiku a day."}
    assert only(autogen.read(document))["agent_team_main_goal"].endswith("Writes a haiku a day.")


def test_ten_messages_are_nine_turns_are_five_rounds_of_two() -> None:
    imported = read("round_robin")
    assert only(imported)["max_turns"] == 5
    assert notes(imported)["config"] == "changed: 9 turns of 2 agents are 5 whole rounds here"


def test_the_word_that_ends_the_work() -> None:
    imported = read("round_robin")
    poet, critic = only(imported)["agents"]
    assert "FINAL_ANSWER:" in critic["agent_goal_based_prompt"]
    assert "FINAL_ANSWER:" not in poet["agent_goal_based_prompt"]
    assert "its speakers are told" in notes(imported)["config.termination_condition.config.conditions.0"]


def test_a_word_nobody_says_is_left_behind() -> None:
    msg = notes(read("swarm"))["component.config.termination_condition.config.conditions.1"]
    assert msg == "not carried over: the word that ends the work, which no agent is told to say"


def test_what_is_left_behind_is_listed_with_its_path() -> None:
    found = notes(read("round_robin"))
    client = "config.participants.0.config.model_client.config"
    assert found[f"{client}.api_key"].startswith("secret dropped")
    assert found[f"{client}.base_url"].startswith("not carried over: the address of a model")
    assert found["config.participants.1.config.model_client.config.temperature"].endswith("must be 2 or less; got 7")
    assert "workbenches" in found["config.participants.1.config.workbench"]
    assert "config.participants.0.config.workbench" not in found  # it is empty


def test_selector_with_nested_conditions() -> None:
    imported = read("selector")
    found = notes(imported)
    assert flow_roles(TeamSpec.load(only(imported))) == ["websurfer", "verifier"]
    assert "Finds out what is known" in only(imported)["agent_team_main_goal"]
    # max_turns 20 is less than 30 messages; four messages bind only together with the word.
    assert only(imported)["max_turns"] == 10
    assert "a model chose who speaks next" in found["provider"]
    assert found["config.selector_prompt"].startswith("not carried over")
    assert "a person as a participant" in found["config.participants.2"]
    assert "MultimodalWebSurfer" in found["config.participants.0.provider"]
    assert "TimeoutTermination" in found["config.termination_condition.config.conditions.1.config.conditions.1"]


def test_swarm_in_a_studio_record() -> None:
    imported = read("swarm")
    assert flow_roles(TeamSpec.load(only(imported))) == ["travel_agent", "flights_refunder"]
    assert [agent["LLM_model"]["provider"] for agent in only(imported)["agents"]] == ["azure", "ollama"]
    assert "component.config.participants.0.config.handoffs" in notes(imported)
    assert "5 rounds" in notes(imported)["component.config"]


def test_a_gallery_holds_several_teams_and_a_team_inside_a_team_is_unfolded() -> None:
    imported = read("gallery")
    assert [team.name for team in imported.teams] == ["One", "Two"]
    assert imported.teams[1].config["agent_team_flow"] == "b->b 2->c"
    assert imported.teams[1].config["max_turns"] == 3
    assert imported.teams[1].config["agents"][2].get("LLM_model") is None


def test_a_list_of_teams() -> None:
    one = samples.document("autogen_round_robin.json")
    assert len(autogen.read([one, one]).teams) == 2


def _team(**config: Any) -> dict[str, Any]:
    return {"provider": "autogen_agentchat.teams.RoundRobinGroupChat", "component_type": "team", "config": config}


def _agent(**config: Any) -> dict[str, Any]:
    return {"provider": "autogen_agentchat.agents.AssistantAgent", "component_type": "agent", "config": config}


@pytest.mark.parametrize(
    ("document", "loc"),
    [
        (None, ""),
        ({}, ""),
        ([], ""),
        ({"provider": 5, "component_type": "team", "config": {}}, "provider"),
        ({"provider": "x.teams.Y", "component_type": "team"}, "config"),
        (_team(), "config.participants"),
        (_team(participants={}), "config.participants"),
        (_team(participants=["poet"]), "config.participants.0"),
        (_team(participants=[_agent(name=5)]), "config.participants.0.config.name"),
        (_team(participants=[_agent(name="a")] * 51), "config.participants"),
        (_team(participants=[_agent(name="a")], max_turns="ten"), "config.max_turns"),
        ({"team_type": "RoundRobinGroupChat", "component_type": "team"}, ""),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(document: Any, loc: str) -> None:
    with pytest.raises(Invalid) as caught:
        autogen.read(document)
    assert [error["loc"] for error in caught.value.errors] == [loc]


def test_names_are_made_fit_for_a_flow() -> None:
    names = ["a->b", "a b", "Poet#2", "two\nlines", "", "x" * 150]
    imported = autogen.read(_team(participants=[_agent(name=name) for name in names]))
    spec = TeamSpec.load(only(imported))
    assert spec.roles[:5] == ["a b", "a b 2", "Poet-2", "two lines", "Agent"]
    assert len(spec.roles[5]) == 100


def test_thousands_of_end_words_do_not_grow_the_prompts() -> None:
    words = [{"provider": "x.TextMentionTermination", "config": {"text": f"W{number}"}} for number in range(2_000)]
    ending = {"provider": "x.OrTerminationCondition", "config": {"conditions": words}}
    speaker = _agent(name="a", system_message=" ".join(f"W{number}" for number in range(2_000)))
    imported = autogen.read(_team(participants=[speaker], termination_condition=ending))
    assert only(imported)["agents"][0]["agent_goal_based_prompt"].count("FINAL_ANSWER") == autogen.MAX_WORDS
    assert imported.notes[-1]["msg"].endswith("more like these")
