"""Embedding_Service."""
# ruff: noqa: ARG001 - the arguments are what a model is told of; there is nothing behind them yet

from typing import Annotated

from pydantic import Field

from agents.tools.declaring import tool
from agents.tools.searching import not_available
from agents.tools.spec import ToolResult


@tool("Embedding_Service", title="Embed text", effects="read", timeout_s=30.0, available=False)
def embedding_service(_context: object, text: Annotated[str, Field(min_length=1, max_length=20_000)]) -> ToolResult:
    """Turns a text into the vector that stands for its meaning.

    Args:
        text: The text to embed.

    Returns:
        The vector, as JSON.
    """
    raise not_available(embedding_service.name)
