"""Search_Vector_DB and Search_Graph_DB: in the catalogue, so that teams can name them; there is nothing to search yet.

They are not faked: a call is a recorded error.
"""
# ruff: noqa: ARG001 - the arguments are what a model is told of; there is nothing behind them yet

from typing import Annotated

from pydantic import Field

from agents.tools.declaring import tool
from agents.tools.spec import ToolError, ToolResult

Question = Annotated[str, Field(min_length=1, max_length=4_000)]


def not_available(name: str) -> ToolError:
    """The error of a tool with nothing behind it yet."""
    return ToolError("not_available", f"{name} is not available yet: answer without it, and say that you did")


@tool("Search_Vector_DB", title="Search memories and knowledge", effects="read", timeout_s=10.0, available=False)
def search_vector_db(_context: object, query: Question, top_k: Annotated[int, Field(ge=1, le=20)] = 1) -> ToolResult:
    """Finds the stored passages nearest in meaning to a question.

    Args:
        query: What to look for, in plain words.
        top_k: How many passages to return.

    Returns:
        The passages with where they come from, the nearest first.
    """
    raise not_available(search_vector_db.name)


@tool("Search_Graph_DB", title="Search the graph", effects="read", timeout_s=10.0, available=False)
def search_graph_db(_context: object, query: Question) -> ToolResult:
    """Answers questions about how things are connected, with prepared read-only queries on the graph.

    Args:
        query: What to look for, in plain words.

    Returns:
        What the graph holds about it.
    """
    raise not_available(search_graph_db.name)
