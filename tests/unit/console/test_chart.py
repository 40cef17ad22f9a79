"""The chart of runs by day: bars of the right height, words for those who do not see them."""

from datetime import date, timedelta
from xml.etree import ElementTree as ET

from console.chart import runs_svg, said
from console.figures import Day

SVG = "{http://www.w3.org/2000/svg}"
TODAY = date(2026, 11, 27)


def drawn(days: list[Day]) -> ET.Element:
    return ET.fromstring(runs_svg(days))


def bars(svg: ET.Element, look: str) -> list[float]:
    return [float(part.attrib["height"]) for part in svg.iter("rect") if f"is-{look}" in part.attrib["class"].split()]


def test_bars_are_as_tall_as_their_numbers() -> None:
    svg = drawn([Day(TODAY, done=4), Day(TODAY + timedelta(1), done=2, failed=1)])
    assert bars(svg, "done")[0] == 2 * bars(svg, "done")[1]
    assert bars(svg, "done")[1] == 2 * bars(svg, "failed")[0]


def test_every_number_is_in_words_too() -> None:
    svg = drawn([Day(TODAY, done=4, failed=1), Day(TODAY + timedelta(1))])
    titles = [title.text for title in svg.iter("title")]
    assert titles == [
        "5 runs in 2 days, 1 of them failed. The table below has each day.",
        "2026-11-27 UTC: 4 done, 1 failed",
        "2026-11-28 UTC: no runs",
    ]
    assert "5 (1✕)" in [text.text for text in svg.iter("text")]


def test_days_without_runs_are_drawn_without_bars() -> None:
    svg = drawn([Day(TODAY)])
    assert not bars(svg, "done")
    assert said(Day(TODAY, open=2, cancelled=1)) == "2026-11-27 UTC: 2 not ended yet, 1 cancelled"


def test_no_bar_leaves_the_picture() -> None:
    for runs in (1, 3, 7, 11, 199, 12345):
        svg = drawn([Day(TODAY, done=runs)])
        part = next(part for part in svg.iter("rect") if "is-done" in part.attrib["class"])
        assert float(part.attrib["y"]) >= 0
        assert "NaN" not in ET.tostring(svg, encoding="unicode")
