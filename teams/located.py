"""What pydantic found wrong, as located errors in plain words that say how to put it right."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from teams.canonical import name_of_type, place
from teams.errors import Located

Say = Callable[[Mapping[str, Any]], str]


def _fixed(text: str) -> Say:
    return lambda _: text


_MOMENT = _fixed(
    "must be a date and time with its offset from UTC, such as 2026-11-27T10:40:00Z (a + in an address is written %2B)"
)
_DAY = _fixed("must be a day such as 2026-11-27")

_SAYINGS: dict[str, Say] = {
    "missing": _fixed("is required: add it"),
    "string_type": _fixed("must be text in quotes"),
    "string_unicode": _fixed("must be text without half surrogate pairs"),
    "string_too_short": _fixed("must not be empty"),
    "string_too_long": lambda c: f"is too long: at most {c['max_length']} characters",
    "too_long": lambda c: f"has too many entries: at most {c['max_length']}",
    "too_short": lambda c: f"has too few entries: at least {c['min_length']}",
    "int_type": _fixed("must be a whole number such as 5, without quotes and without a decimal point"),
    "int_parsing": _fixed("must be a whole number such as 5"),
    "int_parsing_size": _fixed("is too large a number"),
    "int_from_float": _fixed("must be a whole number such as 5, without a decimal point"),
    "float_type": _fixed("must be a number such as 0.7, without quotes"),
    "float_parsing": _fixed("must be a number such as 0.7"),
    "finite_number": _fixed("must be a finite number"),
    "bool_type": _fixed("must be true or false, without quotes"),
    "bool_parsing": _fixed("must be true or false"),
    "list_type": _fixed("must be a list in [ ]"),
    "tuple_type": _fixed("must be a list in [ ]"),
    "dict_type": _fixed("must be an object in { }"),
    "model_type": _fixed("must be an object in { }"),
    "uuid_type": _fixed("must be a UUID in quotes"),
    "uuid_parsing": _fixed("must be a UUID, 8-4-4-4-12 hexadecimal digits"),
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "timezone_aware": _MOMENT,
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "literal_error": lambda c: f"must be {c['expected']}",
    "enum": lambda c: f"must be {c['expected']}",
    "greater_than": lambda c: f"must be more than {_number(c['gt'])}",
    "less_than": lambda c: f"must be less than {_number(c['lt'])}",
    "greater_than_equal": lambda c: f"must be {_number(c['ge'])} or more",
    "less_than_equal": lambda c: f"must be {_number(c['le'])} or less",
    "value_error": lambda c: str(c["error"]),
}
_OF_ANOTHER_TYPE = frozenset(key for key in _SAYINGS if key.endswith("_type"))
_OUT_OF_RANGE = frozenset({"greater_than_equal", "less_than_equal", "greater_than", "less_than"})
_GIVEN_WHEN_LEFT_OUT = "agent_id"
LIKENESS = 0.62
"""How like a name must be to be what was meant: `tools` for `agent_tools` is, `stream` for `team_id` is not."""


def located(error: ValidationError, model: type[BaseModel]) -> Iterator[Located]:
    """Each thing ``model`` refused, in the order pydantic met it."""
    for detail in error.errors(include_url=False):
        yield Located(loc=place(detail["loc"]), msg=_say(detail, model))


def _say(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_field(str(detail["loc"][-1]), _fields_at(model, detail["loc"][:-1]))
    saying = _SAYINGS.get(kind)
    text = saying(detail.get("ctx", {})) if saying else detail["msg"]
    if kind.startswith("uuid_") and detail["loc"][-1] == _GIVEN_WHEN_LEFT_OUT:
        text += "; leave it out and one is given"
    if kind in _OF_ANOTHER_TYPE:
        return f"{text}; got {_received(detail['input'])}"
    return f"{text}; got {detail['input']}" if kind in _OUT_OF_RANGE else text


def closest(name: str, known: Iterable[str]) -> str | None:
    """What was meant by an unknown name, when one that is known is like it."""
    return next(iter(difflib.get_close_matches(name[:100], known, n=1, cutoff=LIKENESS)), None)


def _unknown_field(name: str, known: Mapping[str, object]) -> str:
    # Without their case: LLM_model is what somebody meant by llm_model, not fallback_model.
    fields = {field.lower(): field for field in known}
    if close := closest(name.lower(), fields):
        return f'is not a known field: did you mean "{fields[close]}"?'
    keep = ', or keep it under "metadata"' if "metadata" in known else ""
    return f"is not a known field: remove it{keep}"


def _fields_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> Mapping[str, object]:
    """The fields of the model that the path leads to."""
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return model.model_fields


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _model_in(argument))), None)


def _received(value: object) -> str:
    # Only short plain values are repeated: an error may be logged, and long texts are the tenant's own.
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else name_of_type(value)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)
