"""The small protocol every chat model speaks, whatever stands behind it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

OnToken = Callable[[str], None]


@dataclass(frozen=True)
class ChatRequest:
    """One question to a model.

    `messages` are in the OpenAI shape (`role`, `content`); `parameters` are validated upstream (temperature,
    max_tokens, ...); `timeout_s` is the limit of the whole call in seconds, from connecting to the last byte.
    """

    provider: str
    model: str
    messages: list[dict[str, Any]]
    parameters: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 120.0


@dataclass(frozen=True)
class ChatAnswer:
    """What the model said. Token counts are None where the provider does not tell; `raw_ms` is wall time."""

    text: str
    finish_reason: str
    tokens_in: int | None
    tokens_out: int | None
    model: str
    tool_calls: list[dict[str, Any]]
    raw_ms: int


class ChatModel(Protocol):
    """Answers a request, or raises an `LLMError`; with `on_token` it hands out the text as it comes."""

    def chat(self, request: ChatRequest, on_token: OnToken | None = None) -> ChatAnswer: ...
