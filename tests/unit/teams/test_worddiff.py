import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teams.worddiff import Piece, compare_words

texts = st.lists(st.sampled_from(["the ", "cat ", "sat", "\n", "  ", "é"]), max_size=12).map("".join)


@given(texts, texts)
def test_the_pieces_make_both_texts(before, after):
    pieces = compare_words(before, after)
    assert "".join(piece.text for piece in pieces if piece.op != "ins") == before
    assert "".join(piece.text for piece in pieces if piece.op != "del") == after


def test_only_the_changed_words_are_marked():
    assert compare_words("Check every claim twice.", "Check each claim twice.") == (
        Piece("same", "Check "),
        Piece("del", "every "),
        Piece("ins", "each "),
        Piece("same", "claim twice."),
    )


def test_equal_texts_are_one_piece():
    assert compare_words("a b", "a b") == (Piece("same", "a b"),)


def test_a_word_changed_in_a_long_text_is_found_among_many_repeated_ones():
    words = [word for n in range(3_000) for word in ("the ", f"part{n} ", "of ", "it ")]
    changed = [*words[:1_000], "new ", *words[1_000:9_000], *words[9_001:]]
    assert [piece for piece in compare_words("".join(words), "".join(changed)) if piece.op != "same"] == [
        Piece("ins", "new "),
        Piece("del", words[9_000]),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 24_000 + "y", "z " + "a " * 24_500),
        ("".join(f"a {n} " for n in range(8_000)), "".join(f"a {n} " for n in range(8_000, 16_000))),
        # each cut makes one more word single
        ("".join(f"w{n + 1} p w{n} " for n in range(4_000)), "".join(f"w{n + 1} q w{n} " for n in range(4_000))),
    ],
)
def test_no_text_takes_long(before, after):
    started = time.process_time()
    compare_words(before, after)
    assert time.process_time() - started < 3
