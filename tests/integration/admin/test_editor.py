"""The team editor: what a page shows is what it sends back, and every mistake is told at the field it was made in."""

import json
from typing import Any

import pytest

from agents.models import TenantTool
from agents.templates import DEFAULT_TEMPLATES
from teams.models import Team
from teams.services import team_create, team_delete, team_get
from teams.spec import TeamSpec
from teams.tenancy import tenant
from tests import factories
from tests.html import Form

ADD = "/admin/teams/team/add/"
PREVIEW = "/admin/teams/team/preview/"
EVIL = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def team(alice: Any) -> Any:
    config = factories.config("Writer", "Critic", agent_team_flow="Writer->Critic->Writer", metadata={"a": [1, None]})
    config["agents"][0] |= {
        "LLM_model": {"provider": "openai", "model": "gpt-4o-mini"}, "agent_tools": ["Chunk_Text"],
        "fallback_model": {"provider": None, "model": "small"}, "metadata": {"owner": "us"},
        "LLM_configuration": {"temperature": 0.5, "top_p": 0.9, "stop": ["END"]},
        "agent_personality": "Calm.\n\nBrief.", "allow_team_builder_to_override_model": False,
    }  # fmt: skip
    config["agents"][1]["agent_asks_before_writes"] = True
    return saved(alice, config)


def saved(owner: Any, config: Any) -> Any:
    return team_create(actor=owner.actor, config=config, name="Bricks").team


def change(team: Any) -> str:
    return f"/admin/teams/team/{team.id}/change/"


def shown(browser: Any, address: str) -> Form:
    return Form(browser.get(address).content.decode(), "team_form")


def send(browser: Any, address: str, **changes: Any) -> Any:
    """Fill in the page at the address and press Save."""
    return browser.post(address, {**shown(browser, address).data, "_save": "1", **changes})


def now(who: Any, team: Any) -> Any:
    return team_get(actor=who.actor, team_id=team.id)


def faults(answer: Any) -> dict[str, str]:
    """The summary's lines by the element they lead to."""
    assert answer.status_code in {200, 409}, answer.status_code
    return {problem.target: problem.text for problem in answer.context["editor"].problems}


def test_a_page_sent_as_it_came_changes_nothing(bob: Any, team: Any, signed_in: Any) -> None:
    answer = send(signed_in(bob), change(team))
    assert "nothing to save" in faults(answer)[""]
    send(signed_in(bob), change(team), agent_team_main_goal="Stones", reason="heavier")
    after = now(bob, team)
    assert (after.version, after.config) == (2, {**team.config, "agent_team_main_goal": "Stones"})


def test_a_new_team_with_only_a_goal_gets_the_four(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    page = browser.get(ADD).content.decode()
    assert all(role in page for role in DEFAULT_TEMPLATES)
    assert send(browser, ADD, name="New", agent_team_main_goal="Think.").status_code == 302
    with tenant(bob.tenant.id):
        made = Team.objects.get()
    assert [agent["agent_role"] for agent in made.config["agents"]] == list(DEFAULT_TEMPLATES)


def test_the_spare_card_makes_an_agent_without_a_script(bob: Any, team: Any, signed_in: Any) -> None:
    places = {"agents-2-ORDER": "1", "agents-0-ORDER": "2", "agents-1-ORDER": "3"}
    send(signed_in(bob), change(team), **{"agents-2-agent_role": "Editor"}, **places)
    assert [agent["agent_role"] for agent in now(bob, team).config["agents"]] == ["Editor", "Writer", "Critic"]


def test_the_largest_team_fits_one_page(bob: Any, signed_in: Any) -> None:
    config = factories.config(*(f"Writer {number}" for number in range(50)))
    for agent in config["agents"]:
        agent["agent_tools"] = ["Chunk_Text", "Call_Web_API", "Embedding_Service"]
    large = saved(bob, config)
    answer = send(signed_in(bob), change(large), max_turns="2", **{"agents-49-agent_name": "Last"})
    assert answer.status_code == 302
    assert now(bob, large).config["agents"][49]["agent_name"] == "Last"


@pytest.mark.parametrize(
    ("changes", "at", "says"),
    [
        ({"max_turns": "0"}, "id_max_turns", "1 or more"),
        ({"max_turns": "many"}, "id_max_turns", "whole number"),
        ({"agent_team_main_goal": " "}, "id_agent_team_main_goal", "must not be empty"),
        ({"agent_team_flow": "Writer->->Critic"}, "id_agent_team_flow", "turn 2 has no role"),
        ({"agent_team_flow": "Writer->Poet"}, "id_agent_team_flow", '"Poet"'),
        ({"metadata": "{"}, "id_metadata", "line 1"),
        ({"metadata": "[1]"}, "id_metadata", "a list"),
        ({"name": "x" * 300}, "id_name", "characters"),
        ({"reason": "x" * 3000}, "id_reason", "characters"),
        ({"only_these_tools": "on", "available_tools": ["Dig", "Chunk_Text"]},
         "id_available_tools", "not a known tool"),
        ({"agents-1-agent_role": "Writer"}, "id_agents-1-agent_role", "agent 1 (Writer)"),
        ({"agents-1-temperature": "5"}, "id_agents-1-temperature", "2 or less"),
        ({"agents-1-max_tokens": "none"}, "id_agents-1-max_tokens", "whole number"),
        ({"agents-1-LLM_other": '{"top_p": 7}'}, "id_agents-1-LLM_other", "top_p: must be 1 or less"),
        ({"agents-1-LLM_other": '{"heat": 7}'}, "id_agents-1-LLM_other", "heat: is not a known field"),
        ({"agents-1-LLM_model_provider": "opnai", "agents-1-LLM_model_model": "x"},
         "id_agents-1-LLM_model_provider", 'did you mean "openai"'),
        ({"agents-1-LLM_model_provider": "openai"}, "id_agents-1-LLM_model_model", "must not be empty"),
        ({"agents-1-fallback_model_provider": "openai"}, "id_agents-1-fallback_model_model", "must not be empty"),
        ({"agents-1-agent_tools": ["Chunk_Txt"]}, "id_agents-1-agent_tools", 'did you mean "Chunk_Text"'),
        ({"only_these_tools": "on", "agents-1-agent_tools": ["Chunk_Text"]}, "id_agents-1-agent_tools", "add it there"),
        ({"agents-1-agent_id": "x"}, "te-agents-1", "UUID"),
        ({"tenant_id": "globex"}, "", "your own"),
        ({"extra": '{"colour": 1}'}, "id_extra", "colour: is not a known field"),
        ({"agents-1-extra": '{"mood": 1}'}, "id_agents-1-extra", "mood: is not a known field"),
        ({"config": "{}"}, "id_config", "Fill the form"),
    ],
)  # fmt: skip
def test_each_mistake_is_at_its_field(changes: Any, at: str, says: str, bob: Any, team: Any, signed_in: Any) -> None:
    answer = send(signed_in(bob), change(team), **changes)
    found = faults(answer)
    assert says in found[at], found
    page = answer.content.decode()
    if at:
        assert f'href="#{at}"' in page
        assert f'id="{at}"' in page
    if at.startswith("id_agents"):
        assert "1 to fix" in page or "2 to fix" in page
        assert "<details open>" in page
        assert f'aria-describedby="{at}_error"' in page or f"{at}_helptext {at}_error" in page
        assert f'id="{at}_error"' in page
    assert now(bob, team).version == 1


def test_what_only_the_server_knows(bob: Any, alice: Any, team: Any, signed_in: Any) -> None:
    with tenant(alice.tenant.id):
        TenantTool.objects.create(name="Chunk_Text", enabled=False)
    answer = send(signed_in(bob), change(team), max_turns="3")
    assert "switched off" in faults(answer)["id_agents-0-agent_tools"]
    assert b"switched off for your tenant</span>" in answer.content


def test_many_mistakes_are_told_at_once_and_nothing_typed_is_lost(bob: Any, team: Any, signed_in: Any) -> None:
    answer = send(
        signed_in(bob), change(team),
        **{"max_turns": "0", "agents-0-temperature": "x", "agents-1-agent_role": "", "agents-1-agent_name": "Typed"},
    )  # fmt: skip
    assert {"id_max_turns", "id_agents-0-temperature", "id_agents-1-agent_role"} <= faults(answer).keys()
    assert b'value="Typed"' in answer.content
    assert b'value="x"' in answer.content


def test_pasted_json_fills_the_form_and_stores_nothing(bob: Any, team: Any, signed_in: Any) -> None:
    config = {
        **team.config,
        "agent_team_main_goal": "Pasted",
        "agents": team.config["agents"][:1],
        "agent_team_flow": None,
    }
    browser = signed_in(bob)
    answer = browser.post(
        change(team), {**shown(browser, change(team)).data, "_fill": "1", "config": json.dumps(config)}
    )
    filled = Form(answer.content.decode(), "team_form")
    assert filled.data["agent_team_main_goal"] == ["Pasted"]
    assert now(bob, team).version == 1
    assert browser.post(change(team), {**filled.data, "_save": "1"}).status_code == 302
    assert TeamSpec.load(now(bob, team).config) == TeamSpec.load(config)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"max_turns": 0}'])
def test_json_that_is_no_team_is_refused_at_the_box(text: str, bob: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    data = {**shown(browser, change(team)).data, "_fill": "1", "config": text, "agent_team_main_goal": "Typed"}
    answer = browser.post(change(team), data)
    assert list(faults(answer)) == ["id_config"]
    assert b"Typed</textarea>" in answer.content


def test_the_config_can_be_taken_home(vera: Any, team: Any, signed_in: Any) -> None:
    answer = signed_in(vera).get(f"/admin/teams/team/{team.id}/json/")
    assert answer.json() == team.config
    assert answer["Content-Disposition"] == 'attachment; filename="bricks.json"'


def test_the_picture_follows_what_is_typed_and_stores_nothing(bob: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    data = shown(browser, change(team)).data
    answer = browser.post(PREVIEW, {**data, "agent_team_flow": "Writer->Poet", "agents-1-temperature": "x"})
    text = answer.content.decode()
    assert "<svg" in text
    assert "No agent has the role <strong>Poet</strong>" in text
    assert "<strong>Critic</strong> is not in the flow" in text
    assert now(bob, team).version == 1


def test_the_picture_is_for_those_who_may_change(vera: Any, bob: Any, team: Any, signed_in: Any) -> None:
    data = shown(signed_in(bob), change(team)).data
    browser = signed_in(vera)
    token = browser.get("/admin/teams/team/").context["tenant_token"]
    assert browser.post(PREVIEW, {**data, "_tenant": token}).status_code == 403


def test_a_viewer_sees_everything_and_changes_nothing(vera: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    page = browser.get(change(team)).content.decode()
    for words in (
        "Name three uses of a brick.",
        "Writer-&gt;Critic-&gt;Writer",
        "gpt-4o-mini",
        "Calm.",
        "END",
        "Bricks",
    ):
        assert words in page
    assert Form(page, "team_form").usable == 0
    token = browser.get("/admin/teams/team/").context["tenant_token"]
    assert browser.post(change(team), {"_tenant": token, "agent_team_main_goal": "Mine"}).status_code == 403


def test_a_deleted_team_can_only_be_looked_at(bob: Any, team: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    data = shown(browser, change(team)).data
    team_delete(actor=bob.actor, team_id=team.id)
    page = browser.get(change(team)).content.decode()
    assert "This team is deleted" in page
    assert Form(page, "team_form").usable == 0
    assert browser.post(change(team), {**data, "agent_team_main_goal": "Mine"}).status_code == 403


def test_a_model_and_a_tool_that_are_gone_stay_selected(bob: Any, team: Any, signed_in: Any) -> None:
    gone = {**team.config["agents"][0], "LLM_model": {"provider": "gone", "model": "old"}, "agent_tools": ["Gone"]}
    with tenant(bob.tenant.id):
        team.config = {**team.config, "agents": [gone], "agent_team_flow": None}
        team.save()
    data = shown(signed_in(bob), change(team)).data
    assert (data["agents-0-LLM_model_provider"], data["agents-0-LLM_model_model"]) == (["gone"], ["old"])
    assert data["agents-0-agent_tools"] == ["Gone"]


def test_names_that_are_markup_are_shown_as_text(bob: Any, signed_in: Any) -> None:
    config = factories.config("Writer", agent_team_main_goal=EVIL, metadata={EVIL: EVIL})
    config["agents"][0] |= {"agent_role": EVIL, "agent_name": EVIL, "agent_personality": EVIL}
    team = saved(bob, {**config, "agent_team_flow": EVIL})
    browser = signed_in(bob)
    data = shown(browser, change(team)).data
    assert data["agents-0-agent_role"] == [EVIL]
    refused = send(browser, change(team), max_turns="0", **{"agents-0-LLM_model_provider": EVIL})
    for answer in (browser.get(change(team)), browser.post(PREVIEW, data), refused):
        assert EVIL not in answer.content.decode()
        assert "<img" not in answer.content.decode()
