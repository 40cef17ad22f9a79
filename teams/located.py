"""What pydantic found wrong, as located errors in plain words that say how to put it right."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from teams.canonical import name_of_type, place
from teams.errors import Located

Say = Callable[[Mapping[str, Any]], str]


def _fixed(text: str) -> Say:
    return lambda _: text


_SAYINGS: dict[str, Say] = {
    "missing": _fixed("is required: add it"),
    "string_type": _fixed("must be text in quotes"),
    "string_unicode": _fixed("must be text without half surrogate pairs"),
    "string_too_short": _fixed("must not be empty"),
    "string_too_long": lambda c: f"is too long: at most {c['max_length']} characters",
    "too_long": lambda c: f"has too many entries: at most {c['max_length']}",
    "int_type": _fixed("must be a whole number such as 5, without quotes and without a decimal point"),
    "float_type": _fixed("must be a number such as 0.7, without quotes"),
    "finite_number": _fixed("must be a finite number"),
    "bool_type": _fixed("must be true or false, without quotes"),
    "list_type": _fixed("must be a list in [ ]"),
    "tuple_type": _fixed("must be a list in [ ]"),
    "dict_type": _fixed("must be an object in { }"),
    "model_type": _fixed("must be an object in { }"),
    "uuid_type": _fixed("must be a UUID in quotes; leave it out and one is given"),
    "uuid_parsing": _fixed("must be a UUID, 8-4-4-4-12 hexadecimal digits; leave it out and one is given"),
    "greater_than_equal": lambda c: f"must be {_number(c['ge'])} or more",
    "less_than_equal": lambda c: f"must be {_number(c['le'])} or less",
    "value_error": lambda c: str(c["error"]),
}
_OF_ANOTHER_TYPE = frozenset(key for key in _SAYINGS if key.endswith("_type"))
_OUT_OF_RANGE = frozenset({"greater_than_equal", "less_than_equal"})


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
    if kind in _OF_ANOTHER_TYPE:
        return f"{text}; got {_received(detail['input'])}"
    return f"{text}; got {detail['input']}" if kind in _OUT_OF_RANGE else text


def _unknown_field(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name[:100], known, n=1)
    if close:
        return f'is not a known field: did you mean "{close[0]}"?'
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
    return f"{value:g}" if isinstance(value, float) else str(value)
