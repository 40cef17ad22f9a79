"""The picture of a flow: what is drawn, what is said in words, and that no text becomes markup."""

from xml.etree import ElementTree as ET

import pytest

from teams.picture import SIGNS, Node, flow_svg, nodes_of, rounds_of


def drawn(*nodes, rounds=1, title="Flow"):
    """The picture, read back by a parser."""
    return ET.fromstring(str(flow_svg(nodes, rounds=rounds, title=title)))


def texts(picture):
    return [found.text for found in picture.iter("text")]


def description(picture):
    return picture.find("svg/desc").text


def sheet(picture, name):
    (found,) = [part for part in picture.iter("svg") if part.get("class") == f"tb-flow tb-flow-{name}"]
    return found


def config(*roles, **fields):
    return {"agents": [{"agent_role": role} for role in roles], **fields}


def test_says_the_flow_in_words():
    picture = drawn(Node("Lead", "Ann", "openai:gpt-4o", ("Get", "Put")), Node("Critic"), rounds=3, title="Flow of X")
    assert picture.find("svg").get("role") == "img"
    assert picture.find("svg/title").text == "Flow of X"
    assert description(picture) == (
        "In this order: Lead (Ann; speaks with openai:gpt-4o; tools: Get, Put), then Critic. Up to 3 rounds."
    )
    assert {"Lead", "Ann", "openai:gpt-4o", "Get", "Put", "Critic", "up to 3 rounds"} <= set(texts(picture))


def test_what_people_wrote_stays_text():
    evil = '<img src=x onerror="alert(1)">'
    written = str(flow_svg([Node(evil, evil, evil, (evil,))], title=evil))
    assert "<img" not in written
    assert 'onerror="' not in written.replace("&lt;img src=x onerror=", "")
    picture = ET.fromstring(written)
    assert {part.tag for part in picture.iter()} <= {
        "div", "svg", "title", "desc", "defs", "g", "rect", "text", "use", "path",
    }  # fmt: skip
    assert all(not name.startswith(("on", "x-", "@", ":")) for part in picture.iter() for name in part.attrib)
    assert picture.find("svg/title").text == evil


@pytest.mark.parametrize("mark", SIGNS)
def test_a_mark_is_a_class_a_sign_and_a_word(mark):
    picture = drawn(Node("Critic", mark=mark))
    assert f"{SIGNS[mark]} {mark}" in texts(picture)
    assert any(part.get("class") == f"tb-flow-node is-{mark}" for part in picture.iter("g"))
    assert "Critic (" in description(picture)


def test_an_unknown_role_is_said_to_have_no_agent():
    (lead, ghost) = nodes_of(config("Lead", agent_team_flow="Lead->Ghost"))
    assert (lead.mark, ghost) == ("", Node("Ghost", mark="unknown"))
    assert "Ghost (unknown: no agent has this role)" in description(drawn(lead, ghost))


def test_a_repeated_role_speaks_again():
    nodes = nodes_of(config("Lead", "Critic", agent_team_flow="Lead -> Critic -> Lead"))
    assert [node.role for node in nodes] == ["Lead", "Critic", "Lead"]
    assert [found for found in texts(drawn(*nodes)) if found[0].isdigit()] == ["1", "2", "3 · again"]


def test_rounds_are_a_way_back_and_one_round_is_none():
    assert any(part.get("class") == "tb-flow-loop" for part in drawn(Node("Lead"), rounds=2).iter("path"))
    once = drawn(Node("Lead"))
    assert not any(part.get("class") == "tb-flow-loop" for part in once.iter("path"))
    assert "round" not in description(once)


def test_long_texts_are_cut_in_the_box_and_whole_in_its_title():
    role = "Reviewer of everything that was said so far"
    picture = drawn(Node(role), Node("審" * 40))
    cut, wide = (text for text in texts(picture) if text.endswith("…"))
    assert role.startswith(cut[:-1])
    assert len(cut) > len(wide) > 5
    assert role in [title.text for title in picture.iter("title")]


def test_more_tools_than_fit_are_counted():
    shown = texts(drawn(Node("Lead", tools=("A", "B", "C", "D", "E"))))
    assert {"A", "B", "3 more tools"} <= set(shown)
    assert "C" not in shown


def test_wraps_into_rows():
    picture = drawn(*(Node(f"Role {number}") for number in range(9)))
    for name, rows in {"wide": 3, "middle": 5, "narrow": 9}.items():
        boxes = list(sheet(picture, name).iter("use"))
        assert len(boxes) == 9
        assert len({box.get("y") for box in boxes}) == rows
        width, height = map(int, sheet(picture, name).get("viewBox").split()[2:])
        assert all(int(box.get("x")) + 180 <= width and int(box.get("y")) < height for box in boxes)
        assert (sheet(picture, name).get("width"), sheet(picture, name).get("style")) == (str(width), None)


def test_every_box_that_is_placed_is_drawn_once():
    picture = drawn(Node("Lead"), Node("Critic"), Node("Lead"))
    drawings = [group.get("id") for group in picture.iter("g")]
    assert len(set(drawings)) == 3
    assert {box.get("href") for box in picture.iter("use")} == {f"#{name}" for name in drawings}


def test_nobody_yet():
    picture = drawn()
    assert description(picture) == "Nobody speaks yet."
    assert "Nobody speaks yet." in texts(picture)


def test_models_as_they_are_stored_and_as_they_were():
    agents = [
        {"agent_role": "A", "LLM_model": {"provider": "openai", "model": "m"}, "agent_tools": ["T"]},
        {"agent_role": "B", "LLM_model": {"provider": None, "model": "m"}, "agent_tools": None},
        {"agent_role": "C", "LLM_model": "openai:old"},
    ]
    nodes = nodes_of({"agents": agents, "agent_team_flow": None}, {"B": "changed"})
    assert nodes == [
        Node("A", "", "openai:m", ("T",)),
        Node("B", model="m", mark="changed"),
        Node("C", model="openai:old"),
    ]


@pytest.mark.parametrize("broken", [{}, {"agents": "x"}, {"agents": [1, None]}, {"agent_team_flow": 7, "agents": None}])
def test_a_config_that_is_not_valid_is_drawn_as_far_as_it_goes(broken):
    assert nodes_of(broken) == []


def test_rounds_of_a_config():
    assert [rounds_of(config) for config in ({}, {"max_turns": 3}, {"max_turns": 0}, {"max_turns": "x"})] == [
        5,
        3,
        1,
        1,
    ]
