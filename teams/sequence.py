"""What was added to, removed from and moved within a sequence, with as few moves as possible."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Step(Generic[Item]):
    """One item and its places in both sequences, counted from 1; 0 where it does not occur."""

    kind: Literal["added", "removed", "moved"]
    item: Item
    old: int
    new: int


def compare_sequences(before: Sequence[Item], after: Sequence[Item]) -> Iterator[Step[Item]]:
    """The steps in the order of `after`, then what was removed. An item may occur more than once.

    Those that keep their order are the longest run that does, so one moved item is one step, not a step for every
    item it passed.
    """
    old_places = {key: place for place, key in enumerate(_numbered(before), start=1)}
    new_places = {key: place for place, key in enumerate(_numbered(after), start=1)}
    common = [key for key in new_places if key in old_places]
    steady = longest_rising([old_places[key] for key in common])
    for key, new in new_places.items():
        old = old_places.get(key, 0)
        if not old:
            yield Step("added", key[0], 0, new)
        elif old not in steady:
            yield Step("moved", key[0], old, new)
    for key, old in old_places.items():
        if key not in new_places:
            yield Step("removed", key[0], old, 0)


def _numbered(items: Sequence[Item]) -> Iterator[tuple[Item, int]]:
    """Each item with how often it has occurred so far: the second "Critic" is another turn than the first."""
    seen: Counter[Item] = Counter()
    for item in items:
        seen[item] += 1
        yield item, seen[item]


def longest_rising(numbers: Sequence[int]) -> set[int]:
    """The members of a longest rising subsequence of different numbers (patience sorting)."""
    tops: list[int] = []
    below: dict[int, int | None] = {}
    for number in numbers:
        pile = bisect_left(tops, number)
        below[number] = tops[pile - 1] if pile else None
        tops[pile : pile + 1] = [number]
    members: set[int] = set()
    number_or_end = tops[-1] if tops else None
    while number_or_end is not None:
        members.add(number_or_end)
        number_or_end = below[number_or_end]
    return members
