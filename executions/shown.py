"""What of a row people see is written without credentials; what a replay uses (`result`) is written as it came."""

from typing import Any

from teams.redact import redacted

_SEEN = ("display", "request", "error")


def cleaned(row: dict[str, Any]) -> dict[str, Any]:
    """A step, or the outcome of a run, as it is stored."""
    return {**row, **{name: redacted(row[name]) for name in _SEEN if row.get(name)}}
