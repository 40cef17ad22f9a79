"""What is known of an object's past, as the rows of its history page: its own history, or the audit trail."""

from collections.abc import Iterator
from typing import Any

from teams.models import AuditEntry

_MOST_ROWS = 100
_KINDS = {"+": "created", "~": "changed", "-": "removed"}
_NOT_SHOWN = {"id", "tenant", "actor", "updated_at", "created_at"}


def changes_of(obj: Any) -> Iterator[dict[str, Any]]:
    """Yield who changed what of a versioned object when and why, the newest first."""
    rows = list(type(obj).history.filter(id=obj.pk)[: _MOST_ROWS + 1])
    for row, former in zip(rows[:_MOST_ROWS], [*rows[1:], None], strict=False):
        changed = row.diff_against(former).changed_fields if former else []
        yield {
            "at": row.history_date,
            "who": row.actor,
            "what": _KINDS[row.history_type],
            "after": {name: plain(getattr(row, name)) for name in changed if name not in _NOT_SHOWN},
            "why": row.history_change_reason or "",
        }


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    return value if value is None or isinstance(value, (bool, int, float, str, list, dict)) else str(value)


def told_of(model_name: str | None, obj: Any) -> list[dict[str, Any]]:
    """Return what the audit trail tells of an object, the newest first."""
    entries = AuditEntry.objects.filter(object_type=model_name, object_id=str(obj.pk))[:_MOST_ROWS]
    return [
        {"at": entry.at, "who": entry.actor, "what": entry.action, "after": entry.after, "why": entry.reason}
        for entry in entries
    ]
