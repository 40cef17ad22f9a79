"""How the pages about runs write states, times, money and numbers: the same words and badges everywhere."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from executions.models import Status

_STATUS: Final = {
    Status.QUEUED: "quiet",
    Status.RUNNING: "info",
    Status.WAITING: "warn",
    Status.RETRY_WAIT: "warn",
    Status.SUCCEEDED: "good",
    Status.FAILED: "bad",
    Status.CANCELLED: "quiet",
    Status.BUDGET_EXCEEDED: "warn",
    Status.QUARANTINED: "bad",
}
_SMALL_USD: Final = Decimal("0.001")


def badge(text: object, look: str) -> SafeString:
    """A word that says a state; `look` is one of good, warn, bad, info and quiet."""
    return format_html('<span class="tb-badge is-{}">{}</span>', look, text)


def run_badge(status: str) -> SafeString:
    """The status of a run."""
    known = Status(status)
    return badge(known.label, _STATUS[known])


def utc(moment: datetime | None, *, seconds: bool = False) -> str:
    """`2026-11-27 10:40 UTC`; "-" for none."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC" if seconds else f"{moment:%Y-%m-%d %H:%M} UTC"


def when(moment: datetime | None) -> SafeString:
    """As `utc`, in one piece, for the columns of lists."""
    return format_html('<span class="run-when">{}</span>', utc(moment))


def duration(ms: float) -> str:
    """`143 ms`, `5.0 s`, `2 min 10 s`, `3 h 5 min`."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def took(started: datetime | None, finished: datetime | None) -> str:
    """From the start to the end; "-" while it has none."""
    lasted = finished - started if started and finished else None
    return "-" if lasted is None else duration(lasted / timedelta(milliseconds=1))


def usd(amount: Decimal | None) -> str:
    """`$0.0103`, with more digits where it is less; `unknown` where a price is."""
    if amount is None:
        return "unknown"
    if not amount:
        return "$0"
    return f"${amount:,.4f}" if amount >= _SMALL_USD else f"${amount:.8f}".rstrip("0")


def number(count: int) -> str:
    """With separators: `12,480`."""
    return f"{count:,}"


def excerpt(text: str, chars: int = 90) -> str:
    """The beginning of a text in one line."""
    return Truncator(" ".join(text.split())).chars(chars)
