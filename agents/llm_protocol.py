"""The small protocol every chat model speaks, whatever stands behind it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.llm_errors import BadRequest
from agents.provider_entries import Provider

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


# What a client itself decides; a team's parameters cannot.
OWN_FIELDS = frozenset({"model", "messages", "stream", "stream_options", "n"})


def check_parameters(provider: Provider, request: ChatRequest) -> None:
    """Raise BadRequest for parameters that are no model parameters, or that this provider does not take."""
    if taken := OWN_FIELDS & request.parameters.keys():
        raise BadRequest(f"Not a model parameter: {', '.join(sorted(taken))}.")
    if refused := provider.refused({name: value for name, value in request.parameters.items() if value is not None}):
        raise BadRequest(f"Provider {provider.name} does not take {', '.join(refused)}.")
