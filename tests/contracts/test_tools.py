"""What holds of every tool in the catalogue, also of one that is added tomorrow."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.tools import CATALOGUE, Switch, Tool, ToolContext, ToolError, ToolResult, call
from tests.factories import Person
from tests.unit.tools.journal import MemorySteps, context

GOOD: Mapping[str, dict[str, Any]] = {
    "Search_Vector_DB": {"query": "What is known of acme?"},
    "Search_Graph_DB": {"query": "Who knows whom?"},
    "Call_Web_API": {"url": "https://api.example.com/"},
    "Embedding_Service": {"text": "a text"},
    "Chunk_Text": {"text": "One sentence. Another one."},
}
"""Arguments that each tool takes."""

tools = pytest.mark.parametrize("tool", CATALOGUE.values(), ids=CATALOGUE.keys())


def asked(tool: Tool, arguments: Any, steps: MemorySteps | None = None, **more: Any) -> ToolResult:
    return call(
        context(tool.name, **more), tool.name, arguments, steps or MemorySteps(recorded=None),
        switches=lambda *_: Switch(),
    )  # fmt: skip


def refused(tool: Tool, arguments: Any) -> ToolResult:
    """The result of a call that must not begin; of a tool that is not available yet, as if it were."""
    steps = MemorySteps()
    result = call(
        context(tool.name), tool.name, arguments, steps,
        catalogue={tool.name: replace(tool, available=True)}, switches=lambda *_: Switch(),
    )  # fmt: skip
    assert steps.events == ["refused"]
    return result


def test_every_tool_has_arguments_here() -> None:
    assert GOOD.keys() == CATALOGUE.keys()


@tools
def test_a_model_is_told_what_it_does_and_takes(tool: Tool) -> None:
    Draft202012Validator.check_schema(tool.schema)
    Draft202012Validator(tool.schema).validate(GOOD[tool.name])
    assert tool.schema["additionalProperties"] is False
    assert all(part["description"] for part in tool.schema["properties"].values())
    assert tool.description.endswith(".")
    assert " Returns " in tool.description
    assert json.loads(json.dumps(tool.described()))["name"] == tool.name


@tools
def test_every_text_and_list_has_an_end(tool: Tool) -> None:
    endless = [place for place, part in _parts(tool.schema, "") if _endless(part)]

    assert endless == []


def _parts(schema: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(schema, dict):
        yield place, schema
        for key, part in schema.items():
            yield from _parts(part, f"{place}/{key}")
    elif isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from _parts(part, f"{place}/{index}")


def _endless(part: Mapping[str, Any]) -> bool:
    if part.get("type") == "string":
        return "maxLength" not in part and "enum" not in part
    # A list of anything is limited with the arguments as a whole.
    return part.get("type") == "array" and "maxItems" not in part and bool(part.get("items"))


@tools
@pytest.mark.parametrize("owned", ["tenant_id", "tenant", "api_key", "token", "credentials", "authorization"])
def test_it_takes_no_tenant_and_no_credential(tool: Tool, owned: str) -> None:
    result = refused(tool, {**GOOD[tool.name], owned: "globex"})

    assert result.code == "bad_arguments"
    assert "server fills in" in result.content
    assert owned not in tool.schema["properties"]


@tools
def test_it_refuses_what_it_does_not_know(tool: Tool) -> None:
    assert refused(tool, {**GOOD[tool.name], "colour": "red"}).code == "bad_arguments"


@tools
@pytest.mark.parametrize("bad", ["{", "[]", "null", '"text"', "{}"])
def test_it_refuses_what_it_cannot_read(tool: Tool, bad: str) -> None:
    assert refused(tool, bad).code == "bad_arguments"


@tools
@pytest.mark.parametrize("wrong", [None, 5, [], {}, "", "x" * 200_000, "a\0b"])
def test_it_refuses_wrong_values_of_what_it_needs(tool: Tool, wrong: Any) -> None:
    for name in tool.schema["required"]:
        result = refused(tool, {**GOOD[tool.name], name: wrong})
        assert result.code == "bad_arguments"
        assert name in result.content


@tools
def test_it_answers_in_text_or_says_why_not(tool: Tool, alice: Person) -> None:
    result = asked(tool, GOOD[tool.name], tenant_id=alice.tenant.id)

    assert result.content
    assert result.ok or result.code in {"not_available", "host_not_allowed", "not_configured"}
    assert len(result.content) <= tool.content_chars
    json.dumps(dict(result.display))


@tools
def test_run_by_itself_it_fails_as_a_tool_does(tool: Tool, alice: Person) -> None:
    """Whatever is wrong: a ToolError, since anything else ends the run."""
    where: ToolContext = context(tool.name, tenant_id=alice.tenant.id, deadline=time.monotonic() - 1)
    said: str
    try:
        said = tool.run(where, tool.arguments.model_validate(GOOD[tool.name])).content
    except ToolError as error:
        said = error.code and error.message

    assert said
