"""`@tool`: makes a Tool of a typed function with a Google-style docstring.

The function's first argument is the ToolContext. Of the others each is described under "Args:", and each text and
list has a greatest length, since a model may write anything.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from agents.tools.spec import CONTENT_CHARS, ByArguments, BySettings, Effects, Tool, ToolContext, ToolResult

SERVERS_OWN: Final = re.compile(r"tenant|api_?key|token$|credential|secret|passw|authorization", re.IGNORECASE)
"""Names of arguments that the server fills in; no tool takes one of a model."""

_SECTION = re.compile(r"^(Args|Returns|Raises):\s*$", re.MULTILINE)
_ARGUMENT = re.compile(r"^    (\w+): (.+(?:\n {8,}.+)*)$", re.MULTILINE)


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def tool(
    name: str,
    *,
    title: str,
    effects: Effects,
    timeout_s: float,
    needs_approval: bool | Callable[[ByArguments], bool] = False,
    keyed: bool | Callable[[ByArguments, BySettings], bool] = False,
    available: bool = True,
    reads: Callable[[ByArguments], bool] | None = None,
    content_chars: int = CONTENT_CHARS,
    settings: type[BaseModel] | None = None,
) -> Callable[[Callable[..., ToolResult]], Tool]:
    """Make a Tool of the function below. Raises TypeError for a function no model could be told of."""

    def made(function: Callable[..., ToolResult]) -> Tool:
        summary, described = _docstring(name, function)
        model = _model(name, function, described)

        def run(context: ToolContext, arguments: BaseModel) -> ToolResult:
            return function(context, **{field: getattr(arguments, field) for field in type(arguments).model_fields})

        return Tool(
            name=name,
            title=title,
            description=summary,
            effects=effects,
            needs_approval=needs_approval,
            keyed=keyed,
            timeout_s=timeout_s,
            schema=_untitled(model.model_json_schema()),
            arguments=model,
            run=run,
            available=available,
            reads=reads,
            content_chars=content_chars,
            settings=settings,
        )

    return made


def _docstring(name: str, function: Callable[..., ToolResult]) -> tuple[str, Mapping[str, str]]:
    """What it does (the text before the sections, and what it returns), and what each argument means."""
    parts = _SECTION.split(inspect.getdoc(function) or "")
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    summary, returns = _one_line(parts[0]), _one_line(sections.get("Returns", ""))
    if not (summary and returns):
        raise TypeError(f"{name}: its docstring must say what it does and, under Returns:, what it answers")
    arguments = {found[1]: _one_line(found[2]) for found in _ARGUMENT.finditer(sections.get("Args", ""))}
    return f"{summary} Returns {_inside(returns)}", arguments


def _inside(sentence: str) -> str:
    """A sentence as it goes on in another one; what is written in capitals, such as JSON, stays."""
    return sentence if sentence[:2].isupper() else f"{sentence[0].lower()}{sentence[1:]}"


def _model(name: str, function: Callable[..., ToolResult], described: Mapping[str, str]) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if SERVERS_OWN.search(parameter.name):
            raise TypeError(f"{name}: {parameter.name} is the server's to fill in, not a model's")
        if parameter.name not in described:
            raise TypeError(f"{name}: {parameter.name} is not described under Args:")
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], Field(default, description=described[parameter.name]))
    return create_model(f"{name}_arguments", __base__=_Arguments, **fields)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _untitled(schema: Any) -> Any:
    """Without pydantic's titles, which repeat the names and cost a model tokens."""
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _untitled(part) for key, part in schema.items() if not (key == "title" and isinstance(part, str))}
