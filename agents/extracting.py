"""The JSON in what a model said: models put fences around it, or a sentence before it."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from teams import strict_json
from teams.errors import Invalid

_FENCED: Final = re.compile(r"```[A-Za-z]*[ \t]*\r?\n?(.*?)```", re.DOTALL)
_STARTS: Final = re.compile(r"[{\[]")
_MOST_STARTS: Final = 20
_MOST_CHARS: Final = 200_000


class NoJSON(ValueError):
    """There is no readable JSON in it."""


def json_in(text: str) -> Any:
    """The first JSON object or list in a text. Raises `NoJSON`, also for what strict_json refuses."""
    for candidate in _candidates(text[:_MOST_CHARS]):
        try:
            value = strict_json.read(candidate.encode(errors="replace"))
        except Invalid:
            continue
        if isinstance(value, dict | list):
            return value
    raise NoJSON("there is no readable JSON in the answer")


def _candidates(text: str) -> Iterator[str]:
    yield text
    yield from (match[1] for match in _FENCED.finditer(text))
    decoder = json.JSONDecoder()
    end = 0
    for number, start in enumerate(match.start() for match in _STARTS.finditer(text)):
        if number >= _MOST_STARTS:
            return
        if start < end:
            continue  # inside what was tried already
        try:
            _value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        yield text[start:end]
