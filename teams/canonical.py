"""JSON documents from outside: what any of them may hold, and one way to write them so that equal ones hash alike."""

import hashlib
import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from teams.errors import Located

MAX_DEPTH: Final = 20
MAX_BYTES: Final = 1_000_000
MAX_INTEGER: Final = 2**63 - 1
MAX_PLACES: Final = 1_000

TYPE_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    tuple: "a list",
    dict: "an object",
}


def name_of_type(value: object) -> str:
    """What ``value`` is called in JSON, with its article."""
    return TYPE_NAMES.get(type(value), type(value).__name__)


def _plain_number(value: float) -> int | float:
    # PostgreSQL's jsonb keeps numbers as decimals: 1e16 comes back as a whole number and -0.0 as 0. Writing whole
    # floats as integers makes the hash of a stored config the hash of what was stored.
    return int(Decimal(repr(value))) if value.is_integer() else value


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _plain_number(value) if isinstance(value, float) else value


def canonical_json(value: object) -> str:
    """One text for equal JSON values: keys sorted, no blanks, 1.0 written as 1. Raises ValueError for NaN."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(value: object) -> str:
    """The hash of the canonical JSON of ``value``, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def place(path: tuple[str | int, ...]) -> str:
    """A path as dotted text that is safe to store and to show, whatever the keys of the document hold."""
    return ".".join(printable(str(part))[:100] for part in path)


def printable(text: str) -> str:
    """``text`` with control characters and half surrogate pairs written as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def walk_problems(document: object, max_depth: int = MAX_DEPTH) -> tuple[list[Located], bool]:
    """Everything in ``document`` that no JSON document may hold here, and whether it is safe to read any further.

    It is not when the document is nested too deeply (what reads it next recurses), holds integers over 64 bits (Python
    refuses to print the longest) or is no JSON at all.
    """
    problems: list[Located] = []
    sound = True
    # An own stack: recursion is what a deeply nested document attacks.
    stack: list[tuple[tuple[str | int, ...], object]] = [((), document)]
    while stack and len(problems) < MAX_PLACES:
        path, value = stack.pop()
        if isinstance(value, (dict, list)) and len(path) >= max_depth:
            problems.append(Located(loc=place(path), msg=f"is nested too deeply: at most {max_depth} levels"))
            sound = False
        elif isinstance(value, dict):
            problems += _key_problems(path, value)
            sound = sound and all(isinstance(key, str) for key in value)
            stack += [((*path, key), item) for key, item in reversed(value.items()) if isinstance(key, str)]
        elif isinstance(value, list):
            stack += [((*path, index), value[index]) for index in reversed(range(len(value)))]
        elif problem_text := _scalar_problem(value):
            problems.append(Located(loc=place(path), msg=problem_text))
            sound = sound and isinstance(value, (str, float))
    return problems, sound


def size_problem(document: object, limit: int = MAX_BYTES) -> str | None:
    """Why a document found sound by walk_problems is too large, or None."""
    size = len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace"))
    if size <= limit:
        return None
    return f"is {size / 1e6:.1f} MB as JSON: at most {limit / 1e6:g} MB; keep documents in the knowledge base instead"


def _key_problems(path: tuple[str | int, ...], value: dict[object, object]) -> Iterator[Located]:
    for key in value:
        if not isinstance(key, str):
            yield Located(loc=place((*path, str(key))), msg=f"field names must be text, not {name_of_type(key)}")
        elif problem := _text_problem(key):
            yield Located(loc=place((*path, key)), msg=f"the field's name {problem}")


def _scalar_problem(value: object) -> str | None:
    match value:
        case None | bool():
            return None
        case str():
            return _text_problem(value)
        case int() if abs(value) > MAX_INTEGER:
            return "is too large a number: at most 64 bits; write it as text if it is an identifier"
        case float() if not math.isfinite(value):
            return "must be a finite number: NaN and Infinity are not JSON"
        case float() if abs(value) > MAX_INTEGER:
            return "is too large a number: at most 64 bits"
        case int() | float():
            return None
    return f"is not a JSON value but {type(value).__name__}"


def _text_problem(text: str) -> str | None:
    if "\0" in text:
        return "contains the NUL character (\\u0000): remove it"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "contains half of a surrogate pair (\\ud800 to \\udfff): remove it or send the whole character"
    return None
