"""The door to language models: ask `chat_model(provider)`, get a `ChatAnswer` or a typed `LLMError`.

    answer = chat_model("openai").chat(ChatRequest(provider="openai", model="gpt-4o-mini", messages=[...]))

Which class stands behind a provider is said by its entry in the setting LLM_PROVIDERS (`client`, a dotted path);
it is made as `Client(provider)` and kept, so its connections are shared by all threads of the process.
"""

from typing import cast

from django.utils.module_loading import import_string

from agents.llm_errors import (
    AnswerTooLarge,
    BadAnswer,
    BadCredentials,
    BadRequest,
    ContextTooLong,
    CutStream,
    LLMError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestsForbidden,
)
from agents.llm_protocol import ChatAnswer, ChatModel, ChatRequest, OnToken
from agents.openai_client import OpenAICompatible
from agents.providers import Provider, UnknownProvider, cost, default_model, provider, providers

__all__ = [
    "AnswerTooLarge",
    "BadAnswer",
    "BadCredentials",
    "BadRequest",
    "ChatAnswer",
    "ChatModel",
    "ChatRequest",
    "ContextTooLong",
    "CutStream",
    "LLMError",
    "OnToken",
    "OpenAICompatible",
    "Provider",
    "ProviderTimeout",
    "ProviderUnavailable",
    "RateLimited",
    "RequestsForbidden",
    "UnknownProvider",
    "chat_model",
    "cost",
    "default_model",
    "provider",
    "providers",
]

_clients: dict[str, tuple[Provider, ChatModel]] = {}


def chat_model(provider_name: str) -> ChatModel:
    """The client of that provider; UnknownProvider when there is none, BadCredentials when its key is missing."""
    entry = provider(provider_name)
    if entry.missing:
        raise BadCredentials(f"Provider {provider_name} {entry.unavailable}.")
    made_for, client = _clients.get(provider_name, (None, None))
    if made_for is not entry or client is None:
        # Two threads may both make one; the later is kept and the other ends with its call.
        client = cast(ChatModel, import_string(entry.client)(entry))
        _clients[provider_name] = (entry, client)
    return client
