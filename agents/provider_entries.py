"""What is known of one provider, and how it is read from settings or from an operator's file.

An entry is a dict; every key but `base_url` is optional:

    "openai": {
        "label": "OpenAI or compatible",
        "base_url": "https://api.openai.com/v1",
        "base_url_variable": "OPENAI_BASE_URL",  # named when base_url is empty
        "key_variable": "OPENAI_API_KEY",   # what a person must set; named in warnings and errors
        "api_key": "...",                   # in settings only; for a file's entries it is the variable's value
        "client": "agents.llm.OpenAICompatible",
        "context_tokens": 8192,             # for models not listed below
        "connect_timeout_s": 10, "read_timeout_s": 120,
        "tenant_base_url": False,           # whether a tenant's own account may name an address of its own
        "extra_body": {},                   # sent with each request
        "parameters": ["temperature"],      # those it takes; left out: all
        "langchain": {"class": "package.Class", "kwargs": {}, "tells_finish": True},  # see LangChainClass
        "models": {"gpt-4o-mini": {"context_tokens": 128000, "price": ("0.15", "0.60"), "extra_body": {}}},
    }

Prices are USD per million tokens, in and out. Any model name is accepted; one that is not listed has no price.
"""

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

OPENAI_CLIENT = "agents.llm.OpenAICompatible"
LANGCHAIN_CLIENT = "agents.langchain_models.LangChainChat"
DEFAULT_CONTEXT_TOKENS = 8192
# In team configs and in DEFAULT_MODEL, written provider:model.
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

Entry = Mapping[str, Any]


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
class LangChainClass:
    """Which LangChain chat model speaks for a provider.

    `package` is what must be installed for it, where that is not where the class is. `kwargs` go to its constructor.
    `tells_finish` says whether its answers give a reason why they end, without which
    a stream that was cut looks like one that is done. `extra` is the extra of this product that installs it.
    """

    path: str
    package: str = ""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    tells_finish: bool = True
    extra: str = ""

    @property
    def missing(self) -> str:
        """How to get the package that is not installed; "" when it is there."""
        package = self.package or self.path.partition(".")[0]
        if _is_installed(package):
            return ""
        return f"install {f'agent-team-builder[{self.extra}]' if self.extra else package.replace('_', '-')}"


@dataclass(frozen=True)
class Provider:
    """One provider and how to reach it. `parameters` are the model parameters it takes; None: all."""

    name: str
    base_url: str
    label: str = ""
    api_key: str = field(default="", repr=False)
    base_url_variable: str = ""
    key_variable: str = ""
    client: str = OPENAI_CLIENT
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 120.0
    tenant_base_url: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    parameters: frozenset[str] | None = None
    langchain: LangChainClass | None = None
    models: Mapping[str, ModelFacts] = field(default_factory=dict)

    def facts(self, model: str) -> ModelFacts:
        """What is known of `model`; the provider's defaults for one that is not listed."""
        return self.models.get(model) or ModelFacts(self.context_tokens)

    def refused(self, parameters: Mapping[str, Any]) -> list[str]:
        """Those of the given model parameters that this provider does not take."""
        return [] if self.parameters is None else sorted(parameters.keys() - self.parameters)

    @property
    def unset(self) -> list[str]:
        """The settings a person must give before this provider can be called.

        A server on this machine's loopback needs no key.
        """
        lacking = [] if self.base_url else [self.base_url_variable or f"base_url of provider {self.name}"]
        if self.key_variable and not self.api_key and not is_loopback(self.base_url):
            lacking.append(self.key_variable)
        return lacking

    @property
    def missing(self) -> list[str]:
        """All that is to be set or installed before this provider can be called; empty: it is ready."""
        package = self.langchain.missing if self.langchain else ""
        return [*self.unset, package] if package else self.unset

    @property
    def unavailable(self) -> str:
        """Why it cannot be called, as the end of a sentence about it; "" when it can."""
        unset, package = self.unset, self.langchain.missing if self.langchain else ""
        lacks = "credentials" if self.base_url else "address"
        reasons = [f"has no {lacks}: {', '.join(unset)} is not set"] if unset else []
        return " and ".join([*reasons, f"lacks a package: {package}"] if package else reasons)


def is_loopback(url: str) -> bool:
    """Whether the URL's host is a literal loopback address. Names do not count: DNS may say anything.

    Parsed by the library that opens the connection, so both always mean the same host.
    """
    try:
        return ipaddress.ip_address((parse_url(url).host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def address_problem(url_text: str) -> str:
    """Why a tenant's own address cannot be called, as far as its text tells; "" when nothing speaks against it.

    What a name resolves to is not looked at here. Parsed by the library that opens the connection, see `is_loopback`.
    """
    try:
        url = parse_url(url_text)
    except LocationParseError:
        return "cannot be read as an address"
    if url.scheme != "https" or not url.host:
        return "must begin with https:// and name a host"
    if url.auth or url.query or url.fragment:
        return "must hold no user, no query and no fragment"
    return "must not be an address inside a network" if _is_inside(url.host) else ""


def _is_inside(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        # A name: one without a dot, or ending in digits (an address in another notation), is no public one.
        last = host.rstrip(".").rpartition(".")
        return not last[0] or last[2] in {"local", "internal", "localhost"} or last[2][:1].isdigit()


@lru_cache(maxsize=64)
def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


# --- reading ----------------------------------------------------------------------------------------------------------

DottedPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
USD = Annotated[Decimal, Field(ge=0)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _ModelEntry(_Shape):
    context_tokens: PositiveInt | None = None
    price: tuple[USD, USD] | None = None
    extra_body: dict[str, Any] = {}


class _LangChainEntry(_Shape):
    path: DottedPath = Field(alias="class")
    package: str = ""
    kwargs: dict[str, Any] = {}
    tells_finish: bool = True
    extra: str = ""


class _ProviderEntry(_Shape):
    base_url: Annotated[str, Field(pattern=r"^(https?://.+)?$")]
    label: str = ""
    api_key: str = ""
    base_url_variable: str = ""
    key_variable: str = ""
    client: DottedPath | None = None
    context_tokens: PositiveInt = DEFAULT_CONTEXT_TOKENS
    connect_timeout_s: PositiveFloat = 10.0
    read_timeout_s: PositiveFloat = 120.0
    tenant_base_url: bool = False
    extra_body: dict[str, Any] = {}
    parameters: frozenset[str] | None = None
    langchain: _LangChainEntry | None = None
    models: dict[str, _ModelEntry] = {}


def provider_from(name: str, entry: Entry) -> Provider:
    """Read one entry; ImproperlyConfigured names what is wrong in it, never a value."""
    try:
        read = _ProviderEntry.model_validate(dict(entry))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'entry'}: {fault['msg']}" for fault in error.errors()]
        raise ImproperlyConfigured(f"LLM_PROVIDERS[{name!r}]: {'; '.join(faults)}") from None
    values: dict[str, Any] = {key: getattr(read, key) for key in _ProviderEntry.model_fields}
    langchain = read.langchain
    return Provider(**{
        **values,
        "name": name,
        "label": read.label or name,
        "base_url": read.base_url.rstrip("/"),
        "client": read.client or (LANGCHAIN_CLIENT if langchain else OPENAI_CLIENT),
        "langchain": LangChainClass(**dict(langchain)) if langchain else None,
        "models": {model: _facts_from(facts, read.context_tokens) for model, facts in read.models.items()},
    })  # fmt: skip


def _facts_from(facts: _ModelEntry, default_context: int) -> ModelFacts:
    return ModelFacts(
        context_tokens=facts.context_tokens or default_context,
        price=Price(*facts.price) if facts.price else None,
        extra_body=facts.extra_body,
    )


# --- an operator's file -----------------------------------------------------------------------------------------------


def entries_with_file(entries: Mapping[str, Entry], path: str) -> dict[str, Entry]:
    """The entries, with those of a JSON or TOML file laid over them key by key (and model by model).

    Keys to sign in with come from the environment alone: from the variable that `key_variable` names. Raises
    ImproperlyConfigured.
    """
    merged = dict(entries)
    for name, entry in (_file(path) if path else {}).items():
        before = merged.get(name, {})
        together = {**before, **entry}
        if "key_variable" in entry:
            together["api_key"] = os.environ.get(str(entry["key_variable"]), "")
        models = entry.get("models")
        if isinstance(models, dict):
            together["models"] = {**before.get("models", {}), **models}
        merged[name] = together
    return merged


def _file(path: str) -> dict[str, dict[str, Any]]:
    try:
        text = Path(path).read_text(encoding="utf-8")
        read = tomllib.loads(text) if path.endswith(".toml") else json.loads(text)
    except OSError as error:
        raise ImproperlyConfigured(f"LLM_PROVIDERS_FILE {path}: {error.strerror}") from None
    except ValueError as error:  # the decode errors of JSON, TOML and UTF-8
        raise ImproperlyConfigured(f"LLM_PROVIDERS_FILE {path}: {error}") from None
    if not isinstance(read, dict):
        raise ImproperlyConfigured(f"LLM_PROVIDERS_FILE {path}: an object of providers by name is wanted")
    for name, entry in read.items():
        if not NAME.fullmatch(name):
            raise ImproperlyConfigured(f"LLM_PROVIDERS_FILE {path}: {name!r} is not a name: lower case, digits, . _ -")
        if not isinstance(entry, dict):
            raise ImproperlyConfigured(f"LLM_PROVIDERS_FILE {path}: {name} is not an object")
        if "api_key" in entry:
            text = f"{name}.api_key: keys are not read from this file: name the variable in key_variable"
            raise ImproperlyConfigured(f"LLM_PROVIDERS_FILE {path}: {text}")
    return read
