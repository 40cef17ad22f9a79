"""`@tool` makes a Tool of a typed function, and refuses one no model could be told of."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from agents.tools import ToolResult, tool


def declared(function: Any) -> Any:
    return tool("Weigh", title="Weigh", effects="read", timeout_s=1.0)(function)


def test_the_schema_says_what_the_signature_and_the_docstring_say() -> None:
    def weigh(
        _context: object, thing: Annotated[str, Field(max_length=10)], times: Annotated[int, Field(ge=1)] = 1
    ) -> ToolResult:
        """Weighs a thing.

        Args:
            thing: What to weigh,
                by its name.
            times: How often.

        Returns:
            The weight in grams.
        """
        return ToolResult(f"{thing} {times}")

    made = declared(weigh)

    assert made.description == "Weighs a thing. Returns the weight in grams."
    assert made.described() == {
        "name": "Weigh",
        "description": made.description,
        "effects": "read",
        "parameters": {
            "type": "object",
            "properties": {
                "thing": {"type": "string", "maxLength": 10, "description": "What to weigh, by its name."},
                "times": {"type": "integer", "minimum": 1, "default": 1, "description": "How often."},
            },
            "required": ["thing"],
            "additionalProperties": False,
        },
    }


def test_every_argument_is_described() -> None:
    def weigh(_context: object, thing: str) -> ToolResult:
        """Weighs a thing.

        Returns:
            The weight.
        """
        raise NotImplementedError

    with pytest.raises(TypeError, match="thing is not described"):
        declared(weigh)


def test_what_is_written_in_capitals_stays_so() -> None:
    def weigh(_context: object) -> ToolResult:
        """Weighs.

        Returns:
            JSON with the weight.
        """
        return ToolResult("1")

    assert declared(weigh).description == "Weighs. Returns JSON with the weight."


def test_no_docstring_no_tool() -> None:
    def weigh(_context: object) -> ToolResult:
        raise NotImplementedError

    with pytest.raises(TypeError, match="docstring"):
        declared(weigh)


@pytest.mark.parametrize("name", ["tenant", "tenant_id", "api_key", "token", "credential", "password", "client_secret"])
def test_the_servers_own_are_no_arguments(name: str) -> None:
    def weigh(_context: object) -> ToolResult:
        """Weighs.

        Returns:
            The weight.
        """
        raise NotImplementedError

    import inspect

    parameters = [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in ("_context", name)]
    weigh.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="server's to fill in"):
        declared(weigh)
