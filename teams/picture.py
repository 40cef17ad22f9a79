"""The picture of a team: who speaks after whom, as SVG that is drawn on the server.

Everything in it is text that people, agents or models wrote, so it is put together as a tree (ElementTree escapes),
never as a string. Colours are classes (`teams/static/teams/picture.css`), so dark mode follows; every mark also has a
sign and a word. One drawing holds its boxes once and three arrangements of them (wide, middle, narrow), of which the
style sheet shows the one that fits where the picture stands.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from django.utils.safestring import SafeString, mark_safe

Mark = Literal["", "unknown", "added", "changed", "removed", "speaking", "spoken", "failed", "waiting"]

SIGNS: Final[Mapping[Mark, str]] = {
    "unknown": "?", "added": "+", "changed": "±", "removed": "\N{MINUS SIGN}",
    "speaking": "●", "spoken": "✓", "failed": "✕", "waiting": "‖",
}  # fmt: skip
_MEANINGS: Final[Mapping[Mark, str]] = {
    "unknown": "no agent has this role", "speaking": "speaking now", "spoken": "has spoken",
    "waiting": "waits for a person",
}  # fmt: skip
_BOXES_A_ROW: Final = {"wide": 4, "middle": 2, "narrow": 1}

_WIDTH: Final = 180
_GAP: Final = 38
_LEFT: Final = 26
"""Lanes at the left for what comes back from the right: a loop for further rounds, and the way into the next row."""
_RIGHT: Final = 16
_TOP: Final = 4
_CHIP: Final = 22
_SHOWN_TOOLS: Final = 3


@dataclass(frozen=True)
class Node:
    """One turn in the flow: who speaks, with which model and tools, and what is special about it."""

    role: str
    name: str = ""
    model: str = ""
    tools: tuple[str, ...] = ()
    mark: Mark = ""


@dataclass(frozen=True)
class _Box:
    """A node with its place in the flow, and whether its role has spoken before in the round."""

    node: Node
    place: int
    again: bool

    @property
    def lines(self) -> list[tuple[str, str, float]]:
        """What stands below the role, as (class, text, width of a character)."""
        name = self.node.name if self.node.name != self.node.role else ""
        found = [("tb-flow-name", name, 6.9), ("tb-flow-model", self.node.model, 6.3)]
        return [line for line in found if line[1]]

    @property
    def height(self) -> int:
        """Without the tools."""
        return 58 + 17 * len(self.lines)

    @property
    def chips(self) -> list[str]:
        """The tools as they are shown below the box."""
        tools = list(self.node.tools)
        return tools if len(tools) <= _SHOWN_TOOLS else [*tools[: _SHOWN_TOOLS - 1], f"{len(tools) - 2} more tools"]

    @property
    def words(self) -> str:
        """All of it in one line, also what the box has no room for."""
        node = self.node
        parts = [node.name if node.name != node.role else "", f"speaks with {node.model}" if node.model else ""]
        parts += [f"tools: {', '.join(node.tools)}" if node.tools else "", _said(node.mark)]
        told = "; ".join(part for part in parts if part)
        return f"{node.role} ({told})" if told else node.role


def flow_svg(nodes: Sequence[Node], *, rounds: int = 1, title: str) -> SafeString:
    """Draw the flow. What it shows is also said in words, in the picture's title and description."""
    boxes = list(_boxed(nodes))
    height = max((box.height for box in boxes), default=0)
    sheets = {name: _Sheet(boxes, a_row, rounds, height) for name, a_row in _BOXES_A_ROW.items()}
    key = hashlib.sha256(repr((nodes, rounds, title)).encode()).hexdigest()[:12]
    frame = Element("div", {"class": "tb-flow-box"})
    for name, sheet in sheets.items():
        # No style attribute: the picture has its size and shape also where the policy forbids inline styles.
        size = {"width": f"{sheet.width}", "height": f"{sheet.height}", "viewBox": f"0 0 {sheet.width} {sheet.height}"}
        svg = SubElement(frame, "svg", {"class": f"tb-flow tb-flow-{name}", "role": "img", **size})
        SubElement(svg, "title").text = title
        SubElement(svg, "desc").text = _description(boxes, rounds)
        if name == "wide":
            definitions = SubElement(svg, "defs")
            for box in boxes:
                _draw_box(SubElement(definitions, "g", {"id": f"tb-flow-{key}-{box.place}"}), box, height)
        sheet.draw(svg, key)
    return mark_safe(tostring(frame, encoding="unicode"))  # noqa: S308 - a tree's text: all of it is escaped


def nodes_of(config: Mapping[str, Any], marks: Mapping[str, Mark] | None = None) -> list[Node]:
    """Who speaks in one round of this team's config (TeamSpec JSON), also of one that is no longer valid.

    `marks` are by role; without one, a role of the flow that no agent has is "unknown".
    """
    marks = marks or {}
    agents = {str(agent.get("agent_role") or ""): agent for agent in _agents(config)}
    flow = config.get("agent_team_flow")
    named = [part.strip() for part in flow.split("->")] if isinstance(flow, str) and flow.strip() else list(agents)
    return [_node(role, agents.get(role), marks.get(role)) for role in named]


def rounds_of(config: Mapping[str, Any]) -> int:
    """The most rounds a config allows; 1 where it does not say."""
    rounds = config.get("max_turns", 5)  # teams.spec's default
    return rounds if isinstance(rounds, int) and rounds > 0 else 1


def _agents(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    agents = config.get("agents")
    return [agent for agent in agents if isinstance(agent, dict)] if isinstance(agents, list) else []


def _node(role: str, agent: Mapping[str, Any] | None, mark: Mark | None) -> Node:
    if agent is None:
        return Node(role, mark=mark or "unknown")
    model, tools = agent.get("LLM_model"), agent.get("agent_tools")
    if isinstance(model, dict):
        model = ":".join(str(model[part]) for part in ("provider", "model") if model.get(part))
    named = tuple(str(tool) for tool in tools) if isinstance(tools, list) else ()
    return Node(role, str(agent.get("agent_name") or ""), str(model or ""), named, mark or "")


def _boxed(nodes: Iterable[Node]) -> Iterator[_Box]:
    spoken: set[str] = set()
    for place, node in enumerate(nodes, 1):
        yield _Box(replace(node, role=node.role or "(no role)"), place, node.role in spoken)
        spoken.add(node.role)


def _said(mark: Mark) -> str:
    return f"{mark}: {_MEANINGS[mark]}" if mark == "unknown" else _MEANINGS.get(mark, mark)


def _description(boxes: Sequence[_Box], rounds: int) -> str:
    if not boxes:
        return "Nobody speaks yet."
    told = ", then ".join(box.words for box in boxes)
    return f"In this order: {told}." + (f" Up to {rounds} rounds." if rounds > 1 else "")


def _cut(text: str, room: float, character: float) -> str:
    """The text, or as much of it as has room and an ellipsis; wide characters take the room of two."""
    left = int(room / character)
    if sum(map(_cells, text)) <= left:
        return text
    kept, left = "", left - 1
    for letter in text:
        left -= _cells(letter)
        if left < 0:
            break
        kept += letter
    return kept.rstrip() + "…"


def _cells(letter: str) -> int:
    return 0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _write(parent: Element, style: str, text: str, x: float, y: float, anchor: str = "start") -> None:
    attributes = {"class": style, "x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor}
    SubElement(parent, "text", attributes).text = text


def _draw_box(group: Element, box: _Box, height: int) -> None:
    """A box with its left upper corner at 0, 0, and its tools below."""
    node = box.node
    group.set("class", f"tb-flow-node is-{node.mark}" if node.mark else "tb-flow-node")
    SubElement(group, "title").text = box.words
    SubElement(group, "rect", {"width": f"{_WIDTH}", "height": f"{height}", "rx": "9"})
    again = " · again" if box.again else ""
    _write(group, "tb-flow-place", f"{box.place}{again}", 12, 18)
    if node.mark:
        _write(group, "tb-flow-mark", f"{SIGNS[node.mark]} {node.mark}", _WIDTH - 12, 18, "end")
    _write(group, "tb-flow-role", _cut(node.role, _WIDTH - 24, 8.3), 12, 40)
    for number, (style, text, character) in enumerate(box.lines, 1):
        _write(group, style, _cut(text, _WIDTH - 24, character), 12, 41 + 17 * number)
    for number, tool in enumerate(box.chips):
        y = height + 5 + number * _CHIP
        attributes = {"x": "10", "y": f"{y}", "width": f"{_WIDTH - 20}", "height": "18", "rx": "9"}
        SubElement(group, "rect", {"class": "tb-flow-tool", **attributes})
        _write(group, "tb-flow-tool-name", _cut(tool, _WIDTH - 40, 6.3), _WIDTH / 2, y + 12.5, "middle")


class _Sheet:
    """One arrangement: so many boxes a row, and the arrows between them."""

    def __init__(self, boxes: Sequence[_Box], a_row: int, rounds: int, height: int) -> None:
        self._boxes, self._a_row, self._rounds, self._box_height = boxes, a_row, rounds, height
        self._tops = [_TOP]
        for start in range(0, len(boxes), a_row):
            under = max(_under(box) for box in boxes[start : start + a_row])
            self._tops.append(self._tops[-1] + height + under + (28 if a_row == 1 else 34))
        columns = min(a_row, len(boxes)) or 1
        self._bottom = self._tops[-1] - (20 if rounds > 1 else 28)
        self.width = _LEFT + columns * _WIDTH + (columns - 1) * _GAP + _RIGHT
        self.height = self._bottom + (20 if rounds > 1 else 6) if boxes else 60

    def draw(self, sheet: Element, key: str) -> None:
        """Put the boxes in their places and draw the arrows."""
        if not self._boxes:
            _write(sheet, "tb-flow-model", "Nobody speaks yet.", 12, 34)
        for box in self._boxes[1:]:
            self._arrow(sheet, box.place - 1)
        if self._boxes and self._rounds > 1:
            self._loop(sheet)
        for box in self._boxes:
            x, y = self._corner(box.place)
            SubElement(sheet, "use", {"href": f"#tb-flow-{key}-{box.place}", "x": f"{x}", "y": f"{y}"})

    def _corner(self, place: int) -> tuple[int, int]:
        row, column = divmod(place - 1, self._a_row)
        return _LEFT + column * (_WIDTH + _GAP), self._tops[row]

    def _arrow(self, sheet: Element, place: int) -> None:
        """From the box at `place` to the next."""
        (x, y), (next_x, next_y) = self._corner(place), self._corner(place + 1)
        middle, next_middle = y + self._box_height // 2, next_y + self._box_height // 2
        if y == next_y:
            _path(sheet, f"M{x + _WIDTH + 3} {middle}H{next_x - 10}")
            _head(sheet, next_x - 3, middle)
        elif self._a_row == 1:
            centre = x + _WIDTH // 2
            _path(sheet, f"M{centre} {next_y - 25}V{next_y - 10}")
            _head(sheet, centre, next_y - 3, down=True)
        else:
            right, lane, between = x + _WIDTH + 3, 14, next_y - 13
            _path(sheet, f"M{right} {middle}h6V{between}H{lane}V{next_middle}H{next_x - 10}")
            _head(sheet, next_x - 3, next_middle)

    def _loop(self, sheet: Element) -> None:
        """From below the last box back to the first, for further rounds."""
        x, y = self._corner(len(self._boxes))
        first_x, first_y = self._corner(1)
        start, middle = x + _WIDTH // 2, first_y + self._box_height // 2
        begin = y + self._box_height + _under(self._boxes[-1]) + 3
        _path(sheet, f"M{start} {begin}V{self._bottom}H5V{middle}H{first_x - 10}", "tb-flow-loop")
        _head(sheet, first_x - 3, middle)
        _write(sheet, "tb-flow-rounds", f"up to {self._rounds} rounds", 12, self._bottom + 14)


def _under(box: _Box) -> int:
    """How much room the tools below a box take."""
    return len(box.chips) * _CHIP + 2 if box.chips else 0


def _path(sheet: Element, steps: str, style: str = "tb-flow-arrow") -> None:
    SubElement(sheet, "path", {"class": style, "d": steps})


def _head(sheet: Element, x: int, y: int, *, down: bool = False) -> None:
    steps = f"M{x} {y}l-5 -8h10z" if down else f"M{x} {y}l-8 -5v10z"
    SubElement(sheet, "path", {"class": "tb-flow-head", "d": steps})
