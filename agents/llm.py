"""The door to language models: ask `chat_model(provider, tenant_id)`, get a `ChatAnswer` or a typed `LLMError`.

    answer = chat_model("openai", tenant_id).chat(ChatRequest(provider="openai", model="gpt-4o-mini", messages=[...]))

Which class stands behind a provider is said by its entry in the setting LLM_PROVIDERS (`client`, a dotted path);
it is made as `Client(provider)` and kept, so its connections are shared by all threads of the process. A tenant with
an account of its own has a client of its own, which signs in with its key and is nobody else's.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.utils.module_loading import import_string

from agents.breaker import Breaker, BreakerOpen, breaker_for
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

if TYPE_CHECKING:
    from agents.accounts import StoredAccount

__all__ = [
    "AnswerTooLarge",
    "BadAnswer",
    "BadCredentials",
    "BadRequest",
    "BreakerOpen",
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

MAX_OWN_CLIENTS = 256
"""Clients made for tenants' own accounts; the one not used for longest makes room."""

_clients: dict[str, tuple[Provider, ChatModel]] = {}
_own_clients: "OrderedDict[tuple[UUID, str], tuple[Provider, StoredAccount, ChatModel]]" = OrderedDict()
_lock = threading.Lock()


def chat_model(provider_name: str, tenant_id: UUID | None) -> ChatModel:
    """The client a tenant calls that provider with: with its own account, else with the platform's key.

    None is the platform itself. Raises UnknownProvider, BadCredentials when there is nothing to sign in with (or the
    tenant does not allow the platform's key), ProviderUnavailable while the tenant's accounts cannot be read.
    """
    entry = provider(provider_name)
    if tenant_id is None:
        return _platform_client(entry)
    from agents import accounts  # needs Django's models, which scripts with a provider of their own do without

    found = accounts.accounts_of(tenant_id)
    if why := found.unavailable(entry):
        raise BadCredentials(f"Provider {provider_name} {why}.")
    account = found.own.get(provider_name)
    return _platform_client(entry) if account is None else _own_client(entry, account)


def _platform_client(entry: Provider) -> ChatModel:
    if entry.missing:
        raise BadCredentials(f"Provider {entry.name} {entry.unavailable}.")
    made_for, client = _clients.get(entry.name, (None, None))
    if made_for is not entry or client is None:
        # Two threads may both make one; the later is kept and the other ends with its call.
        client = _client(entry)
        _clients[entry.name] = (entry, client)
    return client


def _own_client(entry: Provider, account: "StoredAccount") -> ChatModel:
    """The client made for exactly this state of the account. The account itself says whose it is."""
    place = (account.tenant_id, entry.name)
    with _lock:
        made_for, made_with, client = _own_clients.get(place, (None, None, None))
        if made_for is entry and made_with == account and client is not None:
            _own_clients.move_to_end(place)
            return client
    client = _client(account.signing(entry), str(account.tenant_id))
    with _lock:
        _own_clients[place] = (entry, account, client)
        _own_clients.move_to_end(place)
        while len(_own_clients) > MAX_OWN_CLIENTS:
            _own_clients.popitem(last=False)
    return client


def _client(entry: Provider, account: str = "") -> "Guarded":
    return Guarded(cast(ChatModel, import_string(entry.client)(entry)), breaker_for(entry, account))


@dataclass(frozen=True)
class Guarded:
    """A client whose calls go through the breaker of its provider and account."""

    model: ChatModel
    breaker: Breaker = field(repr=False)

    def chat(self, request: ChatRequest, on_token: OnToken | None = None) -> ChatAnswer:
        """As `ChatModel`; raises `BreakerOpen` where no call is to be made for now."""
        with self.breaker.call():
            return self.model.chat(request, on_token)
