"""Reading a foreign document: parts that know their path, notes on what is left behind, names that fit a flow."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic import ValidationError

from teams.canonical import name_of_type, place, walk_problems
from teams.errors import Invalid, Located
from teams.flow import ARROW, MAX_ROLE_LENGTH
from teams.located import located
from teams.spec import LLMConfiguration

MAX_NOTES: Final = 200
MAX_DEPTH: Final = 50
_MAX_NAME: Final = 200

_SECRET: Final = re.compile(
    r"(^|[_-])(api[_-]?key|(access|secret|private|account)[_-]?key|secret|passwd|password|token|credentials?"
    r"|authorization)$",
    re.IGNORECASE,
)
_NUMBER_SIGN: Final = re.compile(r"#(?=\d+$)")

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class ForeignTeam:
    """A team of another tool, as a config to be saved."""

    name: str
    config: dict[str, Any]


@dataclass(frozen=True)
class Imported:
    """The teams of a document, and what could not be carried over, each with its path in the document."""

    teams: list[ForeignTeam]
    notes: list[Located]


def refused(path: Path, msg: str) -> Invalid:
    """The error for one place of the document."""
    return Invalid("The document cannot be imported.", errors=[Located(loc=place(path), msg=msg)])


def check_readable(document: object) -> None:
    """Raise `Invalid` for what no JSON document may hold, and for one nested so deeply that reading it is a risk."""
    problems, _sound = walk_problems(document, MAX_DEPTH)
    if problems:
        raise Invalid("The document cannot be imported.", errors=problems[:MAX_NOTES])


def one_line(text: str, most: int = _MAX_NAME) -> str:
    """Text on one line, without control characters, cut at `most` characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


@dataclass
class Notes:
    """What is left behind, in the order found; the first `MAX_NOTES` are kept."""

    found: list[Located] = field(default_factory=list)
    more: int = 0

    def add(self, path: Path, msg: str) -> None:
        """Note something about a place. `msg` must not repeat values: they may be secrets."""
        if len(self.found) < MAX_NOTES:
            self.found.append(Located(loc=place(path), msg=msg))
        else:
            self.more += 1

    def left(self, path: Path, msg: str) -> None:
        """Note what is not carried over."""
        self.add(path, f"not carried over: {msg}")

    def listed(self) -> list[Located]:
        """All of them, the last one saying how many more there were."""
        return [*self.found, Located(loc="", msg=f"and {self.more} more like these")] if self.more else self.found

    def secrets(self, document: object) -> None:
        """Note every key or password in the document; none of them is stored."""
        stack: list[tuple[Path, object]] = [((), document)]
        while stack:
            path, value = stack.pop()
            if isinstance(value, dict):
                for key, inner in value.items():
                    if is_secret(key, inner):
                        self.add((*path, key), "secret dropped: set keys up with the provider, not with a team")
                stack += [((*path, key), inner) for key, inner in reversed(value.items())]
            elif isinstance(value, list):
                stack += [((*path, index), value[index]) for index in reversed(range(len(value)))]


def is_secret(key: str, value: object) -> bool:
    """Whether a field holds a key, a password or the like."""
    return isinstance(value, str) and bool(value) and _SECRET.search(key) is not None


@dataclass
class Part:
    """One object of the document. What nobody read is noted by `leftovers`, unless there is nothing in it."""

    value: Mapping[str, Any]
    path: Path
    notes: Notes
    seen: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, value: object, path: Path, notes: Notes) -> Self:
        """Raises `Invalid` for anything but an object."""
        if not isinstance(value, dict):
            raise refused(path, f"must be an object; got {name_of_type(value)}")
        return cls(value, path, notes)

    def at(self, key: str) -> Path:
        """The path of a field."""
        return (*self.path, key)

    def take(self, key: str) -> Any:
        """A field as it is; None when it is not there."""
        self.seen.add(key)
        return self.value.get(key)

    def text(self, key: str) -> str:
        """A text; "" when it is not there or null. Raises `Invalid` for another type."""
        value = self.take(key)
        if value is not None and not isinstance(value, str):
            raise refused(self.at(key), f"must be text; got {name_of_type(value)}")
        return value or ""

    def count(self, key: str) -> int | None:
        """A whole number; None when it is not there or null. Raises `Invalid` for another type."""
        value = self.take(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise refused(self.at(key), f"must be a whole number; got {name_of_type(value)}")
        return value

    def part(self, key: str) -> "Part | None":
        """An object; None when it is not there or null. Raises `Invalid` for another type."""
        value = self.take(key)
        return None if value is None else Part.of(value, self.at(key), self.notes)

    def parts(self, key: str) -> list["Part"]:
        """The objects of a list; none when it is not there or null. Raises `Invalid` for another type."""
        return [Part.of(value, (*self.at(key), index), self.notes) for index, value in enumerate(self.items(key))]

    def items(self, key: str) -> list[Any]:
        """A list; empty when it is not there or null. Raises `Invalid` for another type."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise refused(self.at(key), f"must be a list; got {name_of_type(value)}")
        return value

    def pass_over(self, *keys: str) -> None:
        """These fields say nothing that is lost here."""
        self.seen.update(keys)

    def leftovers(self, why: Mapping[str, str] | None = None) -> None:
        """Note each field that nobody read; secrets are noted apart."""
        for key, value in self.value.items():
            if key not in self.seen and not _says_nothing(value) and not is_secret(key, value):
                reason = (why or {}).get(key, "there is no place for it in a team's config")
                self.notes.left(self.at(key), reason)


def _says_nothing(value: object) -> bool:
    return value is None or value is False or value in ("", [], {})


class Roles:
    """Names for a flow: what another tool allows in an agent's name made fit, each given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def give(self, name: str) -> str:
        """A role like `name`: one line, no arrow, not taken yet."""
        wanted = _NUMBER_SIGN.sub("-", one_line(name.replace(ARROW, " "), MAX_ROLE_LENGTH)).strip() or "Agent"
        role = next(candidate for candidate in _numbered(wanted) if candidate not in self._given)
        self._given.add(role)
        return role


def _numbered(wanted: str) -> Iterator[str]:
    yield wanted
    number = 2
    while True:
        yield f"{wanted[: MAX_ROLE_LENGTH - 8]} {number}"
        number += 1


def parameters(part: Part) -> dict[str, Any] | None:
    """The model parameters of a part that a team's config knows too; a value out of range is noted and left."""
    kept: dict[str, Any] = {}
    for name in LLMConfiguration.model_fields:
        value = part.take(name)
        if value is None:
            continue
        try:
            LLMConfiguration.model_validate({name: value})
        except ValidationError as error:
            part.notes.left(part.at(name), next(located(error, LLMConfiguration))["msg"])
        else:
            kept[name] = value
    return kept or None
