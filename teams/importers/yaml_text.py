"""YAML from outside as plain JSON values, without what makes YAML a risk.

Tags are refused, so nothing but plain values is built; what aliases unfold to is counted before anything is built, so
nine lines cannot become a billion; dates stay text; of two equal keys none is silently dropped.
"""

from collections.abc import Hashable
from typing import Any, Final

import yaml

from teams.canonical import place, walk_problems
from teams.errors import Invalid, Located
from teams.importers.carrying import Path

MAX_CHARS: Final = 100_000
MAX_UNFOLDED: Final = 1_000_000
"""Characters, with _WORTH more for each value, when every alias is written out."""
_WORTH: Final = 20
MAX_DEPTH: Final = 20
_LONGEST_PLAIN: Final = 100

_TEXT: Final = "tag:yaml.org,2002:str"
_TIME: Final = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """SafeLoader without dates, and with every key once."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """What a value without a tag is. Reading a number takes time that grows with the square of its digits."""
        if kind is yaml.ScalarNode and isinstance(value, str) and len(value) > _LONGEST_PLAIN:
            return _TEXT
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        return _TEXT if tag == _TIME else tag

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Raises ConstructorError for a key given twice."""
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, "a name is given twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(text: str, path: Path) -> Any:
    """The value of a YAML text found at `path`. Raises `Invalid` with line and column."""
    if len(text) > MAX_CHARS:
        raise _invalid(path, f"has {len(text)} characters: at most {MAX_CHARS} are read as YAML")
    try:
        _check_unfolded(text, path)
        document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise _invalid(path, _said(error)) from error
    except yaml.YAMLError as error:
        raise _invalid(path, "is not YAML: it holds characters that YAML does not allow") from error
    except (ValueError, ArithmeticError) as error:
        raise _invalid(path, "holds a number that cannot be read: put it in quotes") from error
    problems, _sound = walk_problems(document, MAX_DEPTH)
    if problems:
        before = place(path)
        errors = [Located(loc=f"{before}.{found['loc']}".rstrip("."), msg=found["msg"]) for found in problems[:50]]
        raise Invalid("The YAML cannot be imported.", errors=errors)
    return document


def _check_unfolded(text: str, path: Path) -> None:
    """Measure the text as if every alias were written out; the events come without recursion, however deep."""
    sizes: dict[str, int] = {}
    # One frame for each open list or object, (its anchor, its size so far); the first one is the document.
    frames: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            frames.append((event.anchor, _WORTH))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = frames.pop()
            _grow(frames, size, sizes, anchor)
        elif isinstance(event, yaml.ScalarEvent):
            _grow(frames, len(event.value) + _WORTH, sizes, event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            _grow(frames, sizes.get(event.anchor or "", 0) + _WORTH)
        if problem := _problem(event, frames):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise _invalid(path, f"line {line}: {problem}")


def _grow(
    frames: list[tuple[str | None, int]], size: int, sizes: dict[str, int] | None = None, anchor: str | None = None
) -> None:
    """Add a value to the innermost open frame, and remember its size under its anchor."""
    name, before = frames[-1]
    frames[-1] = name, before + size
    if sizes is not None and anchor:
        sizes[anchor] = size


def _problem(event: yaml.Event, frames: list[tuple[str | None, int]]) -> str:
    if getattr(event, "tag", None):
        return "tags such as !!str are not read here: remove it"
    if isinstance(event, yaml.AliasEvent) and event.anchor in {anchor for anchor, _size in frames}:
        return "a value that holds itself cannot be read"
    if len(frames) > MAX_DEPTH + 1:
        return f"is nested too deeply: at most {MAX_DEPTH} levels"
    if frames[-1][1] > MAX_UNFOLDED:
        return "holds too much once its aliases are written out"
    return ""


def _said(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{error.problem or 'is not YAML'}"


def _invalid(path: Path, msg: str) -> Invalid:
    return Invalid("The YAML cannot be imported.", errors=[Located(loc=place(path), msg=msg)])
