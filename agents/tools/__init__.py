"""The catalogue of tools an agent may be given: what each is called and what it does to the world."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

# read: looks something up; write: changes what this product keeps; external: reaches a service outside of it.
Effects = Literal["read", "write", "external"]


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """One tool as people and models see it."""

    name: str
    title: str
    description: str
    effects: Effects


_TOOLS = (
    ToolInfo(
        name="Search_Vector_DB",
        title="Search memories and knowledge",
        description="Finds the stored passages nearest in meaning to a question.",
        effects="read",
    ),
    ToolInfo(
        name="Search_Graph_DB",
        title="Search the graph",
        description="Answers questions about how things are connected, with prepared read-only queries on the graph.",
        effects="read",
    ),
    ToolInfo(
        name="Call_Web_API",
        title="Call a web API",
        description="Sends an HTTP request to an allowed address and returns the answer.",
        effects="external",
    ),
    ToolInfo(
        name="Embedding_Service",
        title="Embed text",
        description="Turns a text into the vector that stands for its meaning.",
        effects="read",
    ),
    ToolInfo(
        name="Chunk_Text",
        title="Cut text into passages",
        description="Cuts a long text into passages of a size that can be searched.",
        effects="read",
    ),
)

CATALOGUE: Final[Mapping[str, ToolInfo]] = MappingProxyType({tool.name: tool for tool in _TOOLS})
