import pytest
from hypothesis import given
from hypothesis import strategies as st

from teams.errors import Invalid
from teams.flow import MAX_FLOW_ROLES, join_flow, parse_flow, role_problem, split_flow

roles = st.text(min_size=1, max_size=20).map(str.strip).filter(lambda role: role_problem(role) is None)


@given(st.lists(roles, max_size=8), st.sampled_from(["->", " -> ", "->\n", "\t->  "]))
def test_a_flow_reads_back_as_its_roles(names, arrow):
    assert parse_flow(arrow.join(names)) == names


@given(st.text(alphabet=st.characters() | st.sampled_from("->\t ")))
def test_what_is_accepted_reads_back_the_same(text):
    names, problems = split_flow(text)
    assert problems or parse_flow(join_flow(names)) == names


@pytest.mark.parametrize("flow", [None, "", "   ", "\n"])
def test_no_flow_has_no_roles(flow):
    assert parse_flow(flow) == []


@pytest.mark.parametrize(
    ("flow", "place"),
    [
        ("A->->B", "turn 2"),
        ("->A", "turn 1"),
        ("A->", "turn 2"),
        ("->", "turn 1"),
        ("A->" + "x" * 101, "turn 2"),
        ("A->B#2", "turn 2"),
        ("A\tB", "turn 1"),
        ("->".join("A" * (MAX_FLOW_ROLES + 1)), "at most 200"),
        ("x" * 20_001, "at most 20000"),
    ],
)
def test_it_says_which_turn_is_wrong(flow, place):
    with pytest.raises(Invalid) as caught:
        parse_flow(flow)
    assert place in caught.value.errors[0]["msg"]


def test_a_role_may_speak_twice_and_have_signs_in_its_name():
    assert parse_flow("C# Expert -> A- -> >B -> C# Expert") == ["C# Expert", "A-", ">B", "C# Expert"]
