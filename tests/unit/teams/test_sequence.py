from hypothesis import given
from hypothesis import strategies as st

from teams.sequence import Step, compare_sequences


def steps(before, after):
    return list(compare_sequences(before, after))


def test_one_moved_item_is_one_step():
    assert steps("ABCD", "DABC") == [Step("moved", "D", 4, 1)]


def test_an_inserted_item_moves_nothing():
    assert steps("ABC", "AXBC") == [Step("added", "X", 0, 2)]


def test_a_second_turn_is_its_own():
    assert steps("ABC", "ABAC") == [Step("added", "A", 0, 3)]
    assert steps("ABA", "AB") == [Step("removed", "A", 3, 0)]


letters = st.lists(st.sampled_from("ABCDE"), max_size=8)


@given(letters, letters)
def test_there_are_steps_exactly_when_the_sequences_differ(before, after):
    found = steps(before, after)
    assert bool(found) == (before != after)
    assert len(after) - len(before) == sum({"added": 1, "removed": -1, "moved": 0}[step.kind] for step in found)
