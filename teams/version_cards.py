"""What the pages about versions show: a card for each row of a team's history, and two configs side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.safestring import SafeString

from teams.audit_words import who
from teams.badges import Look, moment
from teams.diff import Change, compare
from teams.errors import Invalid
from teams.models import AuditEntry, Team
from teams.picture import Mark, flow_svg, nodes_of, rounds_of
from teams.worddiff import Piece

_SHOWN_OF_SAME: Final = 90
"""Characters of an unchanged stretch at each side of what changed; the rest of it is an ellipsis."""


@dataclass(frozen=True)
class Line:
    """A sentence about one change; where a long text changed, with its words marked."""

    sentence: str
    words: tuple[Piece, ...] = ()
    kind: str = "changed"


@dataclass(frozen=True)
class Card:
    """One row of the history. `version` is None for what made no version: a new name, a delete, a restore."""

    version: int | None
    is_present: bool
    badge: str
    look: Look
    who: str
    at: str
    why: str
    lines: Sequence[Line] = ()
    additions: Sequence[str] = ()
    facts: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two configs: both pictures with what differs marked, then the differences in sentences."""

    before: SafeString
    after: SafeString
    lines: Sequence[Line] = field(default_factory=list)


def cards(team: Team, rows: Sequence[Any], former: Any, facts: Mapping[int, str]) -> list[Card]:
    """The cards of rows of the team's history, newest first; `former` is the row before the last of them, or None."""
    rolled_back = _rolled_back(team, rows)
    return [_card(team, row, before, rolled_back, facts) for row, before in zip(rows, [*rows[1:], former], strict=True)]


def side_by_side(before: Mapping[str, Any], after: Mapping[str, Any], titles: tuple[str, str]) -> Comparison:
    """Compare two stored configs for people."""
    lines, changes = _lines(before, after)
    old, new = _marks(before, after, changes)
    return Comparison(
        flow_svg(nodes_of(before, old), rounds=rounds_of(before), title=titles[0]),
        flow_svg(nodes_of(after, new), rounds=rounds_of(after), title=titles[1]),
        lines,
    )


def _card(team: Team, row: Any, former: Any, rolled_back: Mapping[int, int], facts: Mapping[int, str]) -> Card:
    lines = [Line(text) for text in _renamed(row, former)]
    if former is not None and row.makes_version:
        lines += _lines(former.config, row.config)[0]
    badge, look = _badge(row, former, rolled_back)
    if row.makes_version and former is not None and not lines:
        lines = [Line(f"It says the same as version {former.version}.")]
    return Card(
        row.version if row.makes_version else None, row.makes_version and row.version == team.version, badge, look,
        who(row.actor), moment(row.history_date), row.history_change_reason or "", lines,
        [_addition(one) for one in row.additions or ()], facts.get(row.version, "") if row.makes_version else "",
    )  # fmt: skip


def _renamed(row: Any, former: Any) -> Iterator[str]:
    if former is not None and row.name != former.name:
        yield f"Renamed from {former.name} to {row.name}."


def _badge(row: Any, former: Any, rolled_back: Mapping[int, int]) -> tuple[str, Look]:
    if row.makes_version and row.version == 1:
        return "created", "is-good"
    if row.makes_version and row.version in rolled_back:
        return f"rolled back to version {rolled_back[row.version]}", "is-info"
    if row.makes_version:
        return "changed", "is-warn"
    if former is not None and row.is_deleted != former.is_deleted:
        return ("deleted", "is-bad") if row.is_deleted else ("restored", "is-good")
    return "renamed", "is-quiet"


def _addition(addition: Mapping[str, Any]) -> str:
    role, reason = addition.get("role"), addition.get("reason") or "from a template"
    if addition.get("kind") == "model":
        return f"The Team Builder lets {role} speak with {addition.get('source')}: {reason}"
    return f"The Team Builder added {role}: {reason}"


def _rolled_back(team: Team, rows: Sequence[Any]) -> dict[int, int]:
    """Which of the versions are rolled back ones, with the version they repeat: the audit trail knows."""
    versions = [row.version for row in rows if row.makes_version]
    told = AuditEntry.objects.filter(
        object_type="team", object_id=str(team.id), action="team.rollback", after__version__in=versions
    )
    return {after["version"]: after["from_version"] for after in told.values_list("after", flat=True) if after}


def _lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[list[Line], list[Change]]:
    try:
        changes = compare(before, after)
    except Invalid as error:
        return [Line(f"One of the two no longer is a valid config, so they cannot be compared. {error.detail}")], []
    return [Line(one.sentence, tuple(_shortened(one.words)), one.kind) for one in changes], changes


def _shortened(words: Sequence[Piece]) -> Iterator[Piece]:
    """The words with long unchanged stretches cut down to what stands beside a change."""
    for place, piece in enumerate(words):
        if piece.op != "same" or len(piece.text) <= 2 * _SHOWN_OF_SAME:
            yield piece
            continue
        head = piece.text[:_SHOWN_OF_SAME] if place else ""
        tail = piece.text[-_SHOWN_OF_SAME:] if place + 1 < len(words) else ""
        yield Piece("same", f"{head} … {tail}")


def _marks(
    before: Mapping[str, Any], after: Mapping[str, Any], changes: Sequence[Change]
) -> tuple[dict[str, Mark], dict[str, Mark]]:
    """What to mark in each picture, by role."""
    old, new = _roles(before), _roles(after)
    old_marks: dict[str, Mark] = {}
    new_marks: dict[str, Mark] = {}
    for change in changes:
        index = _agent_index(change.path)
        if change.kind == "added" and change.path == f"agents.{index}":
            new_marks[change.after["agent_role"]] = "added"
        elif change.kind == "removed" and change.path == f"agents.{index}":
            old_marks[change.before["agent_role"]] = "removed"
        elif change.agent_id is not None:
            for roles, marks in ((old, old_marks), (new, new_marks)):
                if change.agent_id in roles:
                    marks.setdefault(roles[change.agent_id], "changed")
    return old_marks, new_marks


def _agent_index(path: str) -> str:
    parts = path.split(".")
    return parts[1] if parts[0] == "agents" and len(parts) > 1 else "-"


def _roles(config: Mapping[str, Any]) -> dict[str, str]:
    agents = config.get("agents")
    named = [agent for agent in agents if isinstance(agent, dict)] if isinstance(agents, list) else []
    return {str(agent["agent_id"]): str(agent.get("agent_role")) for agent in named if agent.get("agent_id")}
