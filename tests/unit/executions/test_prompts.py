"""What an agent is told, and what gives way when its model reads less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm_errors import ContextTooLong
from executions.prompts import estimated_tokens, input_text, render
from executions.runspec import AgentRun, RunSpec, Turn


def turn(n: int, role: str, message: str) -> Turn:
    return Turn(n, 1, role, role, message)


def test_the_first_message(make_spec):
    spec = make_spec(
        "Writer",
        "Critic",
        Critic={"name": "Cleo", "personality": "You doubt.", "goal_prompt": "Find faults."},
    )

    assert render(spec, "Critic", "the input", []) == [
        {
            "role": "system",
            "content": "You are Cleo, the Critic of a team of agents.\nYou doubt.\nFind faults.\n"
            "The team speaks: Writer -> Critic\n"
            "When the goal is reached, and only then, write FINAL_ANSWER: and after it the team's complete answer.",
        },
        {"role": "user", "content": "Goal: Find it.\n\nInput:\nthe input"},
    ]


def test_every_agent_is_told_how_to_end_and_who_leads_how_to_give_up(make_spec):
    spec = make_spec("DecisionMaker", "Critic")
    systems = {role: render(spec, role, None, [])[0]["content"] for role in spec.agents}

    assert all("FINAL_ANSWER:" in system for system in systems.values())
    assert [role for role, system in systems.items() if "CONCLUDE" in system] == ["DecisionMaker"]


def test_a_run_that_began_under_the_renderer_before_hears_the_same_words(make_spec):
    stored = make_spec("Writer", "Critic", Critic={"goal_prompt": "Find faults."}).to_dict()
    del stored["overflow"]

    assert render(RunSpec.from_dict({**stored, "renderer": 1}), "Critic", None, []) == [
        {
            "role": "system",
            "content": "You are the Critic of a team of agents.\nFind faults.\nThe team speaks: Writer -> Critic",
        },
        {"role": "user", "content": "Goal: Find it."},
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("plain", "plain"),
        ({"b": 1, "a": "ü"}, '{\n  "a": "ü",\n  "b": 1\n}'),
        (0, "0"),
        ([], "[]"),
    ],
)
def test_input_as_text(value, text):
    assert input_text(value) == text


def test_own_turns_are_the_assistants_and_others_carry_their_role(make_spec):
    turns = [turn(1, "A", "one"), turn(2, "B", "two"), turn(3, "C", "three"), turn(4, "A", "four")]

    messages = render(make_spec("A", "B", "C"), "B", None, turns)

    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[1]["content"].endswith("A: one")
    assert messages[2]["content"] == "two"
    assert messages[3]["content"] == "C: three\n\nA: four"


def test_an_agent_that_spoke_last_is_asked_to_go_on(make_spec):
    messages = render(make_spec("A"), "A", None, [turn(1, "A", "one")])

    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]


def test_older_turns_give_way_with_a_mark(make_spec):
    spec = make_spec("A", "B", A={"context_tokens": 1000, "parameters": {"max_tokens": 100}})
    turns = [turn(n, "B", f"message {n} " + "x" * 600) for n in range(1, 8)]

    messages = render(spec, "A", None, turns)

    text = messages[1]["content"]
    assert "Goal: Find it." in text
    assert "[4 earlier turns left out]" in text
    assert [n for n in range(1, 8) if f"message {n} " in text] == [5, 6, 7]


def test_one_long_turn_is_cut_but_seen(make_spec):
    spec = make_spec("A", "B", A={"context_tokens": 1000, "parameters": {"max_tokens": 100}})

    text = render(spec, "A", None, [turn(1, "B", "start " + "x" * 90_000)])[1]["content"]

    assert "B: start" in text
    assert "characters left out]" in text


def test_a_goal_too_long_for_the_model(make_spec):
    with pytest.raises(ContextTooLong) as caught:
        render(make_spec("A", goal="word " * 10_000, A={"context_tokens": 2048}), "A", None, [])

    assert not caught.value.retryable
    assert "A" in str(caught.value)


def test_a_large_max_tokens_takes_at_most_half(make_spec):
    spec = make_spec("A", A={"context_tokens": 400, "parameters": {"max_tokens": 4000}})

    assert render(spec, "A", None, [])


def test_an_empty_message_is_never_sent(make_spec):
    messages = render(make_spec("A"), "A", None, [turn(1, "A", "  ")])

    assert all(message["content"].strip() for message in messages)


def test_an_unknown_renderer_is_an_error(make_spec):
    stored = {**make_spec("A").to_dict(), "renderer": 99}

    with pytest.raises(KeyError):
        render(RunSpec.from_dict(stored), "A", None, [])


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abc", 1), ("abcd", 2), ("日本語", 3), ("ab日", 2)])
def test_token_estimates(text, tokens):
    assert estimated_tokens(text) == tokens


messages_said = st.lists(st.tuples(st.sampled_from("ABC"), st.text(max_size=400)), max_size=30)


@given(messages_said, st.integers(300, 3000))
def test_every_prompt_fits_alternates_and_keeps_the_goal(said, context_tokens):
    agents = [AgentRun(role, "p", "m", context_tokens=context_tokens) for role in "ABC"]
    spec = RunSpec.of(goal="The goal.", roles="ABC", max_turns=9, agents=agents)
    turns = [turn(n, role, message) for n, (role, message) in enumerate(said, start=1)]

    messages = render(spec, "A", None, turns)

    roles = [message["role"] for message in messages]
    assert roles == ["system", *(["user", "assistant"] * len(roles))[: len(roles) - 1]]
    assert roles[-1] == "user"
    assert "The goal." in messages[1]["content"]
    assert sum(estimated_tokens(message["content"]) for message in messages) <= context_tokens
    assert messages == render(spec, "A", None, turns)
