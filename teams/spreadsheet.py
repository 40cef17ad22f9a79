"""Texts for CSV files: spreadsheets take what begins like a formula for one, and run it."""

from typing import Any, Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the wide forms of the first, which some spreadsheets read alike."""


def harmless(value: Any) -> Any:
    """Put a mark before a text that begins like a formula; other values stay."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
