"""A config as fields and back: nothing of it is lost, and what browsers do to texts is undone."""

from typing import Any
from uuid import UUID

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.editor.fields import posted
from console.editor.shape import on_top, team_values
from console.editor.typed import config_of
from teams.spec import TeamSpec, assign_ids, dump

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
WORD = st.text("abcXYZ 1:-/\"'<>&é", min_size=1, max_size=8).filter(lambda text: text.strip() == text)
NAMES = st.lists(WORD, max_size=3, unique=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=2)
MODEL = st.none() | st.fixed_dictionaries({"provider": st.none() | WORD, "model": WORD})
PARAMETERS = st.none() | st.fixed_dictionaries({}, optional={
    "temperature": st.floats(0, 2), "max_tokens": st.integers(1, 900), "top_p": st.floats(0, 1),
    "stop": st.lists(TEXT.filter(bool), max_size=2), "seed": st.integers(-5, 5), "presence_penalty": st.none(),
})  # fmt: skip


@st.composite
def specs(draw: Any) -> TeamSpec:
    roles = draw(st.lists(WORD.filter(lambda role: "->" not in role), max_size=3, unique=True))
    agents = [
        {
            "agent_role": role, "agent_name": draw(TEXT), "agent_personality": draw(TEXT),
            "agent_goal_based_prompt": draw(TEXT), "LLM_model": draw(MODEL), "fallback_model": draw(MODEL),
            "LLM_configuration": draw(PARAMETERS), "agent_tools": draw(NAMES), "metadata": draw(OBJECT),
            "allow_team_builder_to_override_model": draw(st.booleans()),
            "agent_asks_before_writes": draw(st.booleans()),
        }
        for role in roles
    ]  # fmt: skip
    used = [tool for agent in agents for tool in agent["agent_tools"]]
    config = {
        "tenant_id": draw(st.none() | st.just("acme")), "agent_team_main_goal": draw(TEXT.filter(str.strip)),
        "agent_team_flow": "->".join(roles) or None, "max_turns": draw(st.integers(1, 100)), "agents": agents,
        "available_tools": draw(st.none() | st.just(list(dict.fromkeys(used)))), "metadata": draw(OBJECT),
        "allow_TBA_to_recommend_agents": draw(st.booleans()), "allow_TBA_how_many_more": draw(st.integers(0, 50)),
        "should_TBA_ask_caller_approval": draw(st.booleans()),
    }  # fmt: skip
    ids = iter(range(1, 99))
    return assign_ids(TeamSpec.load(config), new_id=lambda: UUID(int=next(ids)))


def sent(config: Any, **changes: Any) -> QueryDict:
    """What a browser sends for the page of this config: every line end as two characters, none in a line of text."""
    data = QueryDict(mutable=True)
    for name, values in {**posted(config), **changes}.items():
        as_sent = [value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n") for value in values]
        one_line = name.endswith("agent_name")
        data.setlist(name, [value.replace("\r\n", "") for value in as_sent] if one_line else as_sent)
    return data


@given(specs())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_page_that_is_sent_as_it_came_says_the_same(spec: TeamSpec) -> None:
    config = dump(spec)
    assert TeamSpec.load(config_of(sent(config), config)) == spec


AGENT = {"agent_role": "Writer", "agent_id": str(UUID(int=1))}
CONFIG = {"agent_team_main_goal": "Bricks", "agents": [AGENT]}


@pytest.mark.parametrize(
    "odd",
    [{"colour": "red"}, {"max_turns": "5"}, {"agents": {"a": 1}}, {"agents": [7]}, {"available_tools": [1]},
     {"agents": [{**AGENT, "mood": [1]}]}, {"agents": [{**AGENT, "LLM_model": "openai:x"}]},
     {"agents": [{**AGENT, "LLM_model": {"provider": 1, "model": "x"}}]},
     {"agents": [{**AGENT, "LLM_configuration": {"temperature": "hot", "odd": 1}}]},
     {"agents": [{**AGENT, "agent_tools": "all"}]}, {"metadata": 3}],
)  # fmt: skip
def test_what_fits_no_field_is_kept_as_it_is(odd: dict[str, Any]) -> None:
    config = {**CONFIG, **odd}
    again = config_of(sent(config))
    assert again is not None
    for name, value in odd.items():
        if isinstance(value, list) and isinstance(value[0], dict):
            assert all(again["agents"][0][key] == kept for key, kept in value[0].items())
        else:
            assert again[name] == value


def test_the_order_of_ticked_boxes_stays() -> None:
    config = {**CONFIG, "available_tools": ["b", "a"]}
    ticked = config_of(sent(config, available_tools=["a", "b", "c"]), config)
    assert ticked is not None
    assert ticked["available_tools"] == ["b", "a", "c"]


def test_blank_numbers_are_left_to_the_spec() -> None:
    config = config_of(sent(CONFIG, max_turns=[""], allow_TBA_how_many_more=[""]))
    assert config is not None
    assert "max_turns" not in config
    assert TeamSpec.load(config).max_turns == 5


def test_a_number_that_is_none_makes_no_config() -> None:
    assert config_of(sent(CONFIG, **{"agents-0-temperature": ["warm"]})) is None


def test_places_and_boxes_order_and_remove() -> None:
    config = {**CONFIG, "agents": [{**AGENT, "agent_role": role, "agent_id": str(UUID(int=place))}
                                   for place, role in enumerate("ABC", 1)]}  # fmt: skip
    changed = {"agents-0-ORDER": ["3"], "agents-1-DELETE": ["on"], "agents-2-ORDER": ["1"]}
    typed = config_of(sent(config, **changed))
    assert typed is not None
    assert [agent["agent_role"] for agent in typed["agents"]] == ["C", "A"]


def test_the_spare_card_is_no_agent_until_something_is_written() -> None:
    data = sent(CONFIG)
    data["agents-TOTAL_FORMS"] = "3"
    data["agents-1-allow_team_builder_to_override_model"] = "on"
    data["agents-2-agent_role"] = "Critic"
    typed = config_of(data)
    assert typed is not None
    assert [agent["agent_role"] for agent in typed["agents"]] == ["Writer", "Critic"]


def test_two_peoples_changes_come_together() -> None:
    def team(goal: str, **agents: str) -> dict[str, Any]:
        listed = [{"agent_id": key, "agent_role": role, "agent_name": key} for key, role in agents.items()]
        return {**team_values({}), "agent_team_main_goal": goal, "agents": listed}

    base = team("g", a="A", b="B", c="C")
    theirs = {**team("theirs", a="A2", b="B", d="D"), "max_turns": 9}
    mine = team("g", b="Mine", a="A", c="C")
    mine["agents"].append({"agent_id": None, "agent_role": "New"})
    merged = on_top(mine, base, theirs)
    assert (merged["agent_team_main_goal"], merged["max_turns"]) == ("theirs", 9)
    assert [agent["agent_role"] for agent in merged["agents"]] == ["Mine", "A2", "New", "D"]
