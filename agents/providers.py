"""The table of model providers: where they are, what a token costs, how much they read.

It is the setting LLM_PROVIDERS with the operator's file LLM_PROVIDERS_FILE laid over it; agents/provider_entries.py
says what an entry is made of, docs/providers.md how an operator adds one.
"""

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from agents.llm_errors import BadRequest
from agents.provider_entries import (
    DEFAULT_CONTEXT_TOKENS,
    ModelFacts,
    Price,
    Provider,
    entries_with_file,
    is_loopback,
    provider_from,
)

__all__ = [
    "DEFAULT_CONTEXT_TOKENS",
    "ModelFacts",
    "Price",
    "Provider",
    "UnknownProvider",
    "cost",
    "default_model",
    "is_loopback",
    "provider",
    "provider_from",
    "providers",
]

MILLION = Decimal(1_000_000)


class UnknownProvider(BadRequest):
    """No provider of that name is configured."""

    code = "unknown_provider"


# The table made from what settings held last; a test that overrides the setting brings another dict.
_read: tuple[object, str, Mapping[str, Provider]] = (None, "", {})


def providers() -> Mapping[str, Provider]:
    """Every provider by name; ImproperlyConfigured when an entry or the file is wrong.

    The file is read once: what is changed in it holds after a restart.
    """
    global _read  # noqa: PLW0603 - replaced as a whole, so threads see the old table or the new one
    raw, path = settings.LLM_PROVIDERS, getattr(settings, "LLM_PROVIDERS_FILE", "")
    seen, seen_path, table = _read
    if seen is not raw or seen_path != path:
        table = {name: provider_from(name, entry) for name, entry in entries_with_file(raw, path).items()}
        _read = (raw, path, table)
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
