"""The table of model providers: where they are, what a token costs, how much they read.

Read from the setting LLM_PROVIDERS, a dict `name -> entry`; every key of an entry but `base_url` is optional:

    "openai": {
        "label": "OpenAI or compatible",
        "base_url": "https://api.openai.com/v1",
        "key_variable": "OPENAI_API_KEY",   # what a person must set; named in warnings and errors
        "api_key": "...",
        "client": "agents.llm.OpenAICompatible",
        "context_tokens": 8192,             # for models not listed below
        "connect_timeout_s": 10, "read_timeout_s": 120,
        "extra_body": {},                   # sent with each request
        "models": {"gpt-4o-mini": {"context_tokens": 128000, "price": ("0.15", "0.60"), "extra_body": {}}},
    }

Prices are USD per million tokens, in and out. Any model name is accepted; one that is not listed has no price.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from urllib3.util import parse_url

from agents.llm_errors import BadRequest

DEFAULT_CLIENT = "agents.llm.OpenAICompatible"
DEFAULT_CONTEXT_TOKENS = 8192
MILLION = Decimal(1_000_000)


class UnknownProvider(BadRequest):
    """No provider of that name is configured."""

    code = "unknown_provider"


@dataclass(frozen=True)
class Price:
    """USD per million tokens."""

    tokens_in: Decimal
    tokens_out: Decimal


@dataclass(frozen=True)
class ModelFacts:
    """What we know of one model; `price` is None where we do not know it."""

    context_tokens: int
    price: Price | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Provider:
    """One provider and how to reach it."""

    name: str
    base_url: str
    label: str = ""
    api_key: str = field(default="", repr=False)
    key_variable: str = ""
    client: str = DEFAULT_CLIENT
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 120.0
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, ModelFacts] = field(default_factory=dict)

    def facts(self, model: str) -> ModelFacts:
        """What is known of `model`; the provider's defaults for one that is not listed."""
        return self.models.get(model) or ModelFacts(self.context_tokens)

    @property
    def missing(self) -> list[str]:
        """The settings a person must give before this provider can be called; empty: it is ready.

        A server on this machine's loopback needs no key.
        """
        lacking = [] if self.base_url else [f"base_url of provider {self.name}"]
        if self.key_variable and not self.api_key and not is_loopback(self.base_url):
            lacking.append(self.key_variable)
        return lacking


def is_loopback(url: str) -> bool:
    """Whether the URL's host is a literal loopback address. Names do not count: DNS may say anything.

    Parsed by the library that opens the connection, so both always mean the same host.
    """
    try:
        return ipaddress.ip_address((parse_url(url).host or "").strip("[]")).is_loopback
    except ValueError:
        return False


# The table made from the dict that settings held last; a test that overrides the setting brings another dict.
_read: tuple[object, Mapping[str, Provider]] = (None, {})


def providers() -> Mapping[str, Provider]:
    """Every configured provider by name."""
    global _read  # noqa: PLW0603 - replaced as a whole, so threads see the old table or the new one
    raw = settings.LLM_PROVIDERS
    seen, table = _read
    if seen is not raw:
        table = {name: provider_from(name, entry) for name, entry in raw.items()}
        _read = (raw, table)
    return table


def provider(name: str) -> Provider:
    """The provider of that name, or UnknownProvider."""
    try:
        return providers()[name]
    except KeyError:
        raise UnknownProvider(f"unknown provider {name!r}") from None


def default_model() -> tuple[str, str]:
    """(provider, model) of the setting DEFAULT_MODEL, written `provider:model`."""
    name, colon, model = str(settings.DEFAULT_MODEL).partition(":")
    if not (name and colon and model):
        raise ImproperlyConfigured("DEFAULT_MODEL is written provider:model, for example openai:gpt-4o-mini")
    return name, model


def cost(provider_name: str, model: str, tokens_in: int | None, tokens_out: int | None) -> Decimal | None:
    """USD for one call, or None where the price or a token count is not known."""
    known = providers().get(provider_name)
    price = known.facts(model).price if known else None
    if price is None or tokens_in is None or tokens_out is None:
        return None
    return (price.tokens_in * tokens_in + price.tokens_out * tokens_out) / MILLION


def provider_from(name: str, entry: Mapping[str, Any]) -> Provider:
    """Read one entry of LLM_PROVIDERS; ImproperlyConfigured names what is wrong in it."""
    try:
        values = dict(entry)
        default_context = int(values.get("context_tokens", DEFAULT_CONTEXT_TOKENS))
        models = {
            model: _facts_from(facts, default_context)
            for model, facts in cast(Mapping[str, Mapping[str, Any]], values.pop("models", {})).items()
        }
        values["base_url"] = str(values["base_url"]).rstrip("/")
        values.setdefault("label", name)
        return Provider(name=name, models=models, **values)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ImproperlyConfigured(f"LLM_PROVIDERS[{name!r}]: {error!r}") from None


def _facts_from(facts: Mapping[str, Any], default_context: int) -> ModelFacts:
    price = facts.get("price")
    return ModelFacts(
        context_tokens=int(facts.get("context_tokens", default_context)),
        price=Price(Decimal(str(price[0])), Decimal(str(price[1]))) if price is not None else None,
        extra_body=dict(facts.get("extra_body", {})),
    )
