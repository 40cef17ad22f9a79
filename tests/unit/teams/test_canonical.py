import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teams.canonical import canonical_json, sha256_of, walk_problems

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=32)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


def shuffled(value, order):
    if isinstance(value, dict):
        items = [(key, shuffled(item, order)) for key, item in value.items()]
        order.shuffle(items)
        return dict(items)
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


@given(values, st.integers())
def test_the_hash_does_not_depend_on_the_order_of_keys(value, seed):
    assert sha256_of(shuffled(value, random.Random(seed))) == sha256_of(value)


@given(values)
def test_canonical_json_is_json_and_stays_the_same_when_read_back(value):
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@pytest.mark.parametrize(("one", "other"), [(1.0, 1), (-0.0, 0), (1e16, 10**16), (1e-7, 0.0000001)])
def test_numbers_that_jsonb_gives_back_in_another_form_hash_alike(one, other):
    assert sha256_of({"n": one}) == sha256_of({"n": other})


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, "1"), ("", None), ([], {})])
def test_different_values_hash_apart(one, other):
    assert sha256_of(one) != sha256_of(other)


def test_nan_has_no_canonical_form():
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(float("nan"))


def test_a_document_nested_very_deep_is_refused_without_recursion():
    document: dict = {}
    for _ in range(100_000):
        document = {"a": document}
    problems, readable = walk_problems(document)
    assert not readable
    assert problems == [{"loc": ".".join("a" * 20), "msg": "is nested too deeply: at most 20 levels"}]
    while document:  # taken apart level by level: freeing it at once would recurse
        document = document["a"]
