"""What changed in a text, word by word."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby, takewhile
from typing import Final, Literal, NamedTuple

from teams.sequence import longest_rising

# Word by word comparison costs up to the cube of the length, and repeated words bring it there. So a text is first cut
# at words it has only once; a stretch that is still long, or cut too often, is shown as replaced.
_MOST_PAIRS: Final = 1_600
_MOST_CUTS: Final = 20
_WORD = re.compile(r"\S+\s*|\s+")
Operation = Literal["same", "ins", "del"]


class Piece(NamedTuple):
    """A stretch of text and what happened to it: all but `ins` make the old text, all but `del` the new."""

    op: Operation
    text: str


def compare_words(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces of both texts in reading order; never slow, whatever the texts."""
    pieces = _compare(_WORD.findall(before), _WORD.findall(after), _MOST_CUTS)
    return tuple(
        Piece(op, text) for op, run in groupby(pieces, lambda piece: piece.op) if (text := "".join(p.text for p in run))
    )


def _compare(old: list[str], new: list[str], cuts: int) -> Iterator[Piece]:
    head = _common(old, new)
    tail = _common(reversed(old[head:]), reversed(new[head:]))
    yield Piece("same", "".join(old[:head]))
    yield from _cut(old[head : len(old) - tail], new[head : len(new) - tail], cuts)
    yield Piece("same", "".join(old[len(old) - tail :]))


def _common(old: Iterable[str], new: Iterable[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _cut(old: list[str], new: list[str], cuts: int) -> Iterator[Piece]:
    anchors = _anchors(old, new) if cuts and len(old) * len(new) > _MOST_PAIRS else []
    if not anchors:
        yield from _word_by_word(old, new)
        return
    start, new_start = 0, 0
    for place, new_place in anchors:
        yield from _compare(old[start:place], new[new_start:new_place], cuts - 1)
        yield Piece("same", old[place])
        start, new_start = place + 1, new_place + 1
    yield from _compare(old[start:], new[new_start:], cuts - 1)


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Places of words that occur once in both texts and keep their order."""
    places, new_places = _places_of_single_words(old), _places_of_single_words(new)
    common = [word for word in new_places if word in places]
    steady = longest_rising([places[word] for word in common])
    return [(places[word], new_places[word]) for word in common if places[word] in steady]


def _places_of_single_words(words: Sequence[str]) -> dict[str, int]:
    counts = Counter(words)
    return {word: place for place, word in enumerate(words) if counts[word] == 1}


def _word_by_word(old: list[str], new: list[str]) -> Iterator[Piece]:
    if len(old) * len(new) > _MOST_PAIRS:
        yield Piece("del", "".join(old))
        yield Piece("ins", "".join(new))
        return
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(old[a:b]))
        else:
            yield Piece("del", "".join(old[a:b]))
            yield Piece("ins", "".join(new[c:d]))
