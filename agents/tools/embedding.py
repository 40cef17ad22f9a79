"""Embedding_Service: the vector of a text, and how near other texts are to it."""

import json
import time
from typing import Annotated, Final

from pydantic import Field

from agents.embeddings import embed, similarity
from agents.llm_errors import LLMError
from agents.tools.declaring import tool
from agents.tools.spec import ToolContext, ToolError, ToolResult

PLACES: Final = 5
"""Decimals of what is shown: more cost tokens and say nothing."""

EmbeddedText = Annotated[str, Field(min_length=1, max_length=20_000)]


@tool("Embedding_Service", title="Embed text", effects="read", timeout_s=30.0, content_chars=40_000)
def embedding_service(
    context: ToolContext,
    text: EmbeddedText,
    compare_with: Annotated[list[EmbeddedText], Field(max_length=32)] = [],  # noqa: B006 - pydantic copies it
) -> ToolResult:
    """Turns a text into the vector that stands for its meaning, and measures how near other texts are to it.

    Args:
        text: The text to embed; of a long one some models read only the beginning.
        compare_with: Texts to compare it with; then their similarities are returned instead of the vector.

    Returns:
        JSON with the model and the vector, or with one similarity a text: 1 means the same, about 0 unrelated.
    """
    try:
        found = embed([text, *compare_with], tenant_id=context.tenant_id, timeout_s=context.deadline - time.monotonic())
    except LLMError as error:
        raise ToolError(error.code, str(error).removesuffix("."), retryable=error.retryable) from error
    first, *others = found.embedded
    answer: dict[str, object] = {"model": found.model, "dimensions": len(first.vector)}
    if others:
        answer["similarities"] = [round(similarity(first.vector, other.vector), PLACES) for other in others]
    else:
        answer["vector"] = [round(number, PLACES) for number in first.vector]
    if any(one.cut for one in found.embedded):
        answer["note"] = "of a long text only the beginning was read: cut it into passages"
    display = {"model": found.model, "dimensions": len(first.vector), "texts": len(found.embedded)}
    return ToolResult(json.dumps(answer, separators=(",", ":")), display=display)
