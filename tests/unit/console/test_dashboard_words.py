"""Numbers of the overview as people read them."""

from decimal import Decimal

import pytest

from console.dashboard import Used, first_words, money, span


@pytest.mark.parametrize(
    ("usd", "told"),
    [("0", "$0.00"), ("1234.5", "$1,234.50"), ("0.0042", "$0.0042"), ("0.00001", "< $0.0001"), ("0.01", "$0.01")],
)
def test_money(usd: str, told: str) -> None:
    assert money(Decimal(usd)) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (59, "59 s"), (90, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_spans(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_an_error_is_cut_to_its_first_words() -> None:
    assert first_words(None) == "no reason was recorded"
    assert first_words("a  short\none") == "a short one"
    assert first_words("word " * 40).endswith("word …")


def test_limits_change_their_look_before_runs_stop() -> None:
    assert [Used("Runs", "", "", percent).look for percent in (79, 80, 99, 100)] == [
        "is-good", "is-warn", "is-warn", "is-bad"
    ]  # fmt: skip
