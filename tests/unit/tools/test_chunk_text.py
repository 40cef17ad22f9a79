"""Chunk_Text: passages end where a reader pauses, and together they hold the whole text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.tools import ToolResult
from agents.tools.calling import call
from agents.tools.spec import Switch
from agents.tools.text import passages
from tests.unit.tools.journal import MemorySteps, context


def chunked(**arguments: Any) -> ToolResult:
    return call(context("Chunk_Text"), "Chunk_Text", arguments, MemorySteps(), switches=lambda *_: Switch())


def texts(text: str, size: int, overlap: int = 0, boundary: Any = "paragraph") -> list[str]:
    return [passage.text for passage in passages(text, size, overlap, boundary)]


def test_passages_end_at_paragraphs() -> None:
    assert texts("First one.\n\nSecond one.\n\nThird.", 25) == ["First one.\n\nSecond one.", "Third."]


def test_where_no_paragraph_ends_a_sentence_does() -> None:
    assert texts("It rains. It pours. The old man is snoring.", 22) == [
        "It rains. It pours.",
        "The old man is",
        "snoring.",
    ]


def test_words_stay_whole() -> None:
    assert texts("alpha beta gamma delta", 11, boundary="sentence") == ["alpha beta", "gamma delta"]


def test_a_word_longer_than_a_passage_is_cut() -> None:
    assert texts("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_without_a_boundary_passages_are_full() -> None:
    assert texts("alpha beta gamma", 8, boundary="none") == ["alpha be", "ta gamma"]


def test_overlap_repeats_whole_words() -> None:
    assert texts("one two three four five six", 14, 6) == ["one two three", "three four", "four five six"]


@given(
    text=st.text(alphabet="ab .!\n。é漢", max_size=300),
    size=st.integers(20, 60),
    share=st.integers(0, 2),
    boundary=st.sampled_from(["paragraph", "sentence", "none"]),
)
def test_nothing_is_lost_and_no_passage_too_long(text: str, size: int, share: int, boundary: Any) -> None:
    found = list(passages(text, size, size * share // 4, boundary))

    assert all(passage.text == text[passage.start : passage.end] and passage.text for passage in found)
    assert all(len(passage.text) <= size for passage in found)
    held = {place for passage in found for place in range(passage.start, passage.end)}
    assert all(place in held or char.isspace() for place, char in enumerate(text))
    assert [passage.start for passage in found] == sorted({passage.start for passage in found})


def test_tokens_are_a_unit() -> None:
    answer = json.loads(chunked(text="word " * 100, size=25, overlap=0, unit="tokens").content)

    assert answer["count"] == 5
    assert all(len(passage["text"]) <= 100 for passage in answer["passages"])


def test_what_does_not_fit_the_answer_is_asked_for_again() -> None:
    text = "a sentence of words. " * 4_000
    first = json.loads(chunked(text=text, overlap=0).content)
    following = first["passages"][-1]["number"] + 1

    assert str(following) in first["more"]
    second = json.loads(chunked(text=text, overlap=0, first=following).content)
    assert second["passages"][0]["number"] == following


@pytest.mark.parametrize(
    ("wrong", "name"), [({"overlap": 600}, "overlap"), ({"first": 9}, "first"), ({"size": 1}, "size")]
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, int], name: str) -> None:
    result = chunked(text="short", **wrong)

    assert (result.ok, result.code) == (False, "bad_arguments")
    assert name in result.content


def test_an_empty_and_an_overlong_text_are_refused() -> None:
    assert [chunked(text=text).code for text in ("", "x" * 100_001)] == ["bad_arguments"] * 2


def test_blanks_alone_have_no_passages() -> None:
    assert json.loads(chunked(text="  \n ").content) == {"count": 0, "passages": []}
