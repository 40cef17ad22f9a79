"""How the pages about runs write states, lengths of time, money and numbers: the same words and badges everywhere."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.utils.safestring import SafeString
from django.utils.text import Truncator

from executions.models import Status
from teams.badges import Look, badge

RUN_LOOK: Final[dict[str, Look]] = {
    Status.QUEUED: "is-quiet",
    Status.RUNNING: "is-info",
    Status.WAITING: "is-warn",
    Status.RETRY_WAIT: "is-warn",
    Status.SUCCEEDED: "is-good",
    Status.FAILED: "is-bad",
    Status.CANCELLED: "is-quiet",
    Status.BUDGET_EXCEEDED: "is-warn",
    Status.QUARANTINED: "is-bad",
}
"""How a badge of each status of a run looks; its word stands in it."""

_SMALL_USD: Final = Decimal("0.001")


def run_badge(status: str) -> SafeString:
    """The status of a run."""
    known = Status(status)
    return badge(known.label, RUN_LOOK[known])


def duration(ms: float) -> str:
    """`143 ms`, `5.0 s`, `2 min 10 s`, `3 h 5 min`, `2 d 3 h`; none is below zero, whatever two clocks say."""
    if ms < 1000:
        return f"{max(0, ms):.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def took(started: datetime | None, finished: datetime | None) -> str:
    """From the start to the end; "-" while it has none."""
    lasted = finished - started if started and finished else None
    return "-" if lasted is None else duration(lasted / timedelta(milliseconds=1))


def usd(amount: Decimal | None) -> str:
    """`$1,234.50`, `$0.0103`, with more digits where it is less; `unknown` where a price is."""
    if amount is None:
        return "unknown"
    if not amount:
        return "$0"
    if amount < _SMALL_USD:
        return f"${amount:.8f}".rstrip("0")
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def number(count: int) -> str:
    """With separators: `12,480`."""
    return f"{count:,}"


def excerpt(text: str, chars: int = 90) -> str:
    """The beginning of a text in one line."""
    return Truncator(" ".join(text.split())).chars(chars)
