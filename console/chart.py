"""Runs by day as a picture: bars drawn on the server as SVG, so that nothing has to run in the browser.

Built as XML elements, never as text: whatever a label holds is escaped. Colours are classes of the page's stylesheet.
"""

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from django.utils.safestring import SafeString, mark_safe

from console.figures import Day

_WIDTH: Final = 840
_HEIGHT: Final = 210
_LEFT: Final = 40
_TOP: Final = 24
_BOTTOM: Final = 26
_TALL: Final = _HEIGHT - _TOP - _BOTTOM
_GAP: Final = 0.34
"""Of a day's width, how much is between two bars."""

_PARTS: Final = (("failed", "is-failed"), ("open", "is-open"), ("cancelled", "is-cancelled"), ("done", "is-done"))
"""From the bottom up: failures stand on the line, so that they can be compared."""


def runs_svg(days: Sequence[Day]) -> SafeString:
    """Draw one bar a day; its title says the numbers, and the number of failures stands on the bar's foot."""
    top = _round_up(max((day.runs for day in days), default=0))
    svg = ET.Element("svg", {
        "class": "tb-chart", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "img", "aria-labelledby": "tb-chart-title",
    })  # fmt: skip
    title = ET.SubElement(svg, "title", {"id": "tb-chart-title"})
    title.text = _summary(days)
    _hatching(svg)
    for value in (0, top / 2, top):
        _gridline(svg, value, top)
    step = (_WIDTH - _LEFT) / max(1, len(days))
    for place, day in enumerate(days):
        _bar(svg, day, _LEFT + step * place, step, top)
    return mark_safe(ET.tostring(svg, encoding="unicode"))  # noqa: S308 - ElementTree has escaped all of it


def _summary(days: Sequence[Day]) -> str:
    runs, failed = sum(day.runs for day in days), sum(day.failed for day in days)
    return f"{runs} runs in {len(days)} days, {failed} of them failed. The table below has each day."


def _hatching(svg: ET.Element) -> None:
    """Failures are hatched: they are told from the rest without their colour, too."""
    shape = {"id": "tb-hatch", "width": "6", "height": "6", "patternUnits": "userSpaceOnUse"}
    pattern = ET.SubElement(ET.SubElement(svg, "defs"), "pattern", {**shape, "patternTransform": "rotate(45)"})
    ET.SubElement(pattern, "rect", {"width": "6", "height": "6", "class": "tb-chart-part is-failed-ground"})
    ET.SubElement(pattern, "rect", {"width": "3", "height": "6", "class": "tb-chart-part is-failed-line"})


def _gridline(svg: ET.Element, value: float, top: int) -> None:
    y = _y(value, top)
    line = {"x1": str(_LEFT), "x2": str(_WIDTH), "y1": y, "y2": y, "class": "tb-chart-line"}
    ET.SubElement(svg, "line", line)
    label = ET.SubElement(svg, "text", {"x": str(_LEFT - 8), "y": y, "dy": "4", "text-anchor": "end"})
    label.text = f"{value:g}"


def _bar(svg: ET.Element, day: Day, x: float, step: float, top: int) -> None:
    group = ET.SubElement(svg, "g", {"class": "tb-chart-day"})
    ET.SubElement(group, "title").text = said(day)
    left, wide, below = x + step * _GAP / 2, step * (1 - _GAP), 0
    for part, look in _PARTS:
        if count := getattr(day, part):
            place = {"x": f"{left:.1f}", "y": _y(below + count, top), "width": f"{wide:.1f}"}
            tall = f"{_TALL * count / top:.1f}"
            shape = {**place, "height": tall, "class": f"tb-chart-part {look}"}
            ET.SubElement(group, "rect", {**shape, "fill": "url(#tb-hatch)"} if part == "failed" else shape)
            below += count
    middle = f"{x + step / 2:.1f}"
    if day.runs:
        over = {"x": middle, "y": _y(day.runs, top), "dy": "-6", "text-anchor": "middle", "class": "tb-chart-count"}
        ET.SubElement(group, "text", over).text = f"{day.runs}" + (f" ({day.failed}✕)" if day.failed else "")
    under = {"x": middle, "y": str(_HEIGHT - 8), "text-anchor": "middle"}
    ET.SubElement(group, "text", under).text = f"{day.day:%d %b}"


def said(day: Day) -> str:
    """A day in words."""
    parts = [(day.done, "done"), (day.failed, "failed"), (day.open, "not ended yet"), (day.cancelled, "cancelled")]
    told = ", ".join(f"{count} {name}" for count, name in parts if count)
    return f"{day.day:%Y-%m-%d} UTC: {told or 'no runs'}"


def _y(value: float, top: int) -> str:
    return f"{_TOP + _TALL * (1 - value / top):.1f}"


def _round_up(most: int) -> int:
    """The top of the scale: even, so that its half is a number of runs, too."""
    unit = 1
    while most > 10 * unit:
        unit *= 10
    factors = (2, 4, 6, 8, 10) if unit == 1 else (1, 2, 3, 4, 5, 6, 8, 10)
    return next(unit * factor for factor in factors if unit * factor >= most)
