"""JSON as callers send it, read without guessing: one meaning, or a refusal that names the place.

Python's reader takes the last of two equal keys, accepts NaN and dies on deep nesting. Each of these lets one program
check something that the next one reads as something else, so each is refused here.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any, Final

from teams.canonical import place, walk_problems
from teams.errors import Invalid, Located

MAX_DEPTH: Final = 50
MAX_ERRORS: Final = 50

# Reading a number takes time that grows with the square of its digits, and Python refuses to print the longest ones.
_MOST_DIGITS: Final = 400
_HUGE: Final = 10**_MOST_DIGITS


class _Twice(dict[str, Any]):
    """An object in which a field was given twice."""

    key: str


def read(raw: bytes) -> Any:
    """The document in `raw`. Raises `Invalid` with line and column, or with paths, for what is wrong."""
    text = _text(raw)
    repeated: list[_Twice] = []

    def pairs_to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        twice = _Twice(made)
        twice.key = _first_repeated([key for key, _ in pairs])
        repeated.append(twice)
        return twice

    try:
        document = json.loads(text, object_pairs_hook=pairs_to_object, parse_int=_integer, parse_constant=float)
    except json.JSONDecodeError as error:
        raise _invalid([_syntax(error)]) from error
    except RecursionError as error:
        raise _invalid([Located(loc="", msg=f"is nested too deeply: at most {MAX_DEPTH} levels")]) from error
    problems, _sound = walk_problems(document, MAX_DEPTH)
    if repeated:
        problems = [*_repetitions(document), *problems]
    if problems:
        raise _invalid(problems)
    return document


def _text(raw: bytes) -> str:
    raw = raw.removeprefix(codecs.BOM_UTF8)  # some editors and shells of Windows begin every file with it
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        msg = f"line {line}, column {column}: byte 0x{raw[error.start]:02x} is not UTF-8 text; send it as UTF-8"
        raise _invalid([Located(loc="", msg=msg)]) from error


def _syntax(error: json.JSONDecodeError) -> Located:
    if not error.doc.strip():
        return Located(loc="", msg="is empty: send a JSON object, for example {}")
    # Two of Python's sayings end in "at", the place being added behind them.
    saying = f"{error.msg[0].lower()}{error.msg[1:]}".replace("expecting", "expected").removesuffix(" at")
    return Located(loc="", msg=f"line {error.lineno}, column {error.colno}: {saying}")


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else _HUGE


def _first_repeated(keys: list[str]) -> str:
    seen = set()
    for key in keys:
        if key in seen:
            break
        seen.add(key)
    return key


def _repetitions(document: object) -> Iterator[Located]:
    # An own stack: recursion is what a deeply nested document attacks.
    stack: list[tuple[tuple[str | int, ...], object]] = [((), document)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, _Twice):
            yield Located(loc=place((*path, value.key)), msg="is given twice in the same object: keep one of them")
        if isinstance(value, dict):
            stack += [((*path, key), item) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            stack += [((*path, index), item) for index, item in enumerate(value)]


def _invalid(problems: list[Located]) -> Invalid:
    return Invalid("The body cannot be read.", errors=problems[:MAX_ERRORS])
