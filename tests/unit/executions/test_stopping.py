"""When the team stops and which text is the answer."""

import pytest

from executions.runspec import Turn
from executions.stopping import stop


def said(*messages: tuple[str, str]) -> list[Turn]:
    return [Turn(n, 1, role, role, message) for n, (role, message) in enumerate(messages, start=1)]


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("FINAL_ANSWER: 42", "42"),
        ("I am sure.\nFINAL_ANSWER:\n  42\nand no more ", "42\nand no more"),
        ("**FINAL_ANSWER:** 42", "42"),
        ("`FINAL_ANSWER: 42`", "42"),
        ("It is 42.\nFINAL_ANSWER:  ", "It is 42."),
        ("FINAL_ANSWER:", "earlier"),
        ("FINAL_ANSWER: a FINAL_ANSWER: b", "a FINAL_ANSWER: b"),
    ],
)
def test_the_final_answer_of_any_agent(message, answer):
    assert stop(said(("A", "earlier"), ("B", " "), ("Critic", message)), last_of_run=False) == ("final_answer", answer)


def test_a_final_answer_with_nothing_at_all():
    assert stop(said(("A", "FINAL_ANSWER:")), last_of_run=False) == ("final_answer", "")


@pytest.mark.parametrize("message", ["final_answer: 42", "FINAL_ANSWER 42", "FINAL ANSWER: 42", ""])
def test_no_final_answer(message):
    assert stop(said(("A", message)), last_of_run=False) is None


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("CONCLUDE: it is 42", "it is 42"),
        ("conclude it is 42", "it is 42"),
        ("All agree.\n  Conclude - it is 42.\nThanks.", "it is 42.\nThanks."),
        ("**CONCLUDE**: it is 42", "it is 42"),
        ("**CONCLUDE:** it is 42", "it is 42"),
        ("CONCLUDE: **it is 42**", "**it is 42**"),
        ("CONCLUDE: -5", "-5"),
        ("CONCLUDE:\n* a\n* b", "* a\n* b"),
        ("__Conclude__ it is 42", "it is 42"),
        ("## Conclude\n\nit is 42", "it is 42"),
        ("CONCLUDE", "the refined text"),
        ("We are done.\r\nConclude.\r\n", "the refined text"),
    ],
)
def test_the_leader_concludes(message, answer):
    turns = said(("Refiner", "the refined text"), ("DecisionMaker", "hm"), ("DecisionMaker", message))

    assert stop(turns, last_of_run=False) == ("concluded", answer)


@pytest.mark.parametrize(
    "message",
    [
        "I cannot conclude yet",
        "We should\nnot CONCLUDE",
        "Concluded",
        "Concluding thoughts: go on",
        "CONCLUDES",
        "conclude's",
        "Options:\n- conclude\n* conclude\n> go on",
        "1. CONCLUDE",
    ],
)
def test_lines_that_do_not_conclude(message):
    assert stop(said(("DecisionMaker", message)), last_of_run=False) is None


def test_only_the_leader_concludes():
    assert stop(said(("Critic", "CONCLUDE")), last_of_run=False) is None


def test_alone_the_leaders_message_is_the_answer():
    assert stop(said(("DecisionMaker", "It is 42.\nCONCLUDE")), last_of_run=False) == (
        "concluded",
        "It is 42.\nCONCLUDE",
    )


def test_a_final_answer_comes_before_a_conclusion():
    assert stop(said(("DecisionMaker", "CONCLUDE\nFINAL_ANSWER: 42")), last_of_run=True) == ("final_answer", "42")


def test_rounds_used_up():
    assert stop(said(("A", "first"), ("B", " last ")), last_of_run=True) == ("max_turns", "last")


def test_no_text_makes_the_search_slow():
    assert stop(said(("DecisionMaker", " " * 50_000 + "\n" * 50_000)), last_of_run=False) is None
