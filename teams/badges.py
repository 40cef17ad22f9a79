"""Small marks of the admin's lists: a state as a word with a colour, a moment with its zone."""

from datetime import datetime
from typing import Literal

from django.utils.html import format_html
from django.utils.safestring import SafeString

Look = Literal["is-good", "is-warn", "is-bad", "is-info", "is-quiet"]


def badge(text: object, look: Look = "is-quiet") -> SafeString:
    """A word on a coloured ground; the word alone says the state."""
    return format_html('<span class="tb-badge {}">{}</span>', look, text)


def stamp(at: datetime | None, without: str = "-") -> SafeString:
    """A moment for a column: on one line."""
    return format_html('<span class="tb-nowrap">{}</span>', moment(at, without))


def moment(at: datetime | None, without: str = "-", *, seconds: bool = False) -> str:
    """A moment as the admin writes it everywhere, `2026-11-27 10:40 UTC`; the admin's times are UTC."""
    if at is None:
        return without
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if seconds else f"{at:%Y-%m-%d %H:%M} UTC"
