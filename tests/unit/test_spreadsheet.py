"""A text in a CSV file is never taken for a formula."""

import pytest

from teams.spreadsheet import harmless


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff20a"])
def test_what_begins_like_a_formula_is_marked(text: str) -> None:
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("value", ["plain", "a=b", "", -1, None])
def test_everything_else_stays(value: object) -> None:
    assert harmless(value) == value
