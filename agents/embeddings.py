"""The door to embedding models: texts in, vectors out, or a typed LLMError.

The setting EMBEDDING_MODEL says which, as `provider:model`: `local:all-MiniLM-L6-v2` (the default) on this machine, any
other a provider of the table with an OpenAI-compatible /embeddings. A tenant's own account is used where it has one.
"""

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from django.conf import settings

from agents import local_embeddings
from agents.accounts import accounts_of
from agents.http_limits import Limits
from agents.llm_errors import BadAnswer, BadCredentials, BadRequest
from agents.llm_http import chunks, leave, post, sendable_key
from agents.local_embeddings import Embedded
from agents.openai_answer import decoded
from agents.openai_errors import error_for
from agents.providers import Provider, provider

LOCAL: Final = "local"
MAX_TEXTS: Final = 64
CACHED: Final = 2_048
"""Vectors kept in a process; of 1,536 numbers each that is some 100 MB at most."""

Key = tuple[UUID, str, bytes]


@dataclass(frozen=True)
class Vectors:
    """What came of it, in the order of the texts. Vectors of different models cannot be compared."""

    model: str
    embedded: tuple[Embedded, ...]


def embed(texts: Sequence[str], *, tenant_id: UUID, timeout_s: float) -> Vectors:
    """Return the vectors of at most MAX_TEXTS texts; those this process has embedded for the tenant are not paid again.

    Raises an LLMError.
    """
    if not 0 < len(texts) <= MAX_TEXTS:
        raise BadRequest(f"There are {len(texts)} texts to embed: 1 to {MAX_TEXTS} are taken.")
    name = str(settings.EMBEDDING_MODEL)
    keys = [(tenant_id, name, hashlib.sha256(text.encode(errors="replace")).digest()) for text in texts]
    known = _CACHE.found(keys)
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if new:
        made = dict(zip(new, _made(name, list(new.values()), tenant_id, timeout_s), strict=True))
        _CACHE.keep(made)
        known |= made
    return Vectors(name, tuple(known[key] for key in keys))


def similarity(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors: 1 for the same meaning, about 0 for unrelated ones."""
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


def _made(name: str, texts: list[str], tenant_id: UUID, timeout_s: float) -> list[Embedded]:
    provider_name, colon, model = name.partition(":")
    if not (provider_name and colon and model):
        text = "EMBEDDING_MODEL is written provider:model, for example local:all-MiniLM-L6-v2."
        raise BadRequest(text, code="not_configured")
    if provider_name != LOCAL:
        return _asked(_signed(provider_name, tenant_id), model, texts, timeout_s)
    if model != local_embeddings.MODEL:
        raise BadRequest(f"The local embedding model is {local_embeddings.MODEL}.", code="not_configured")
    return local_embeddings.embed(texts)


class _Cache:
    """The vectors used last. Safe for threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Embedded] = OrderedDict()
        self._lock = threading.Lock()

    def found(self, keys: Sequence[Key]) -> dict[Key, Embedded]:
        with self._lock:
            there = {key: self._kept[key] for key in keys if key in self._kept}
            for key in there:
                self._kept.move_to_end(key)
        return there

    def keep(self, made: dict[Key, Embedded]) -> None:
        with self._lock:
            self._kept.update(made)
            while len(self._kept) > CACHED:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


_CACHE: Final = _Cache()


def forget() -> None:
    """Drop what is cached."""
    _CACHE.clear()


# --- a provider's endpoint --------------------------------------------------------------------------------------------


def _signed(name: str, tenant_id: UUID) -> Provider:
    """The provider as this tenant calls it."""
    entry, accounts = provider(name), accounts_of(tenant_id)
    if why := accounts.unavailable(entry):
        raise BadCredentials(f"Provider {name} {why}.")
    account = accounts.own.get(name)
    return account.signing(entry) if account else entry


def _asked(entry: Provider, model: str, texts: list[str], timeout_s: float) -> list[Embedded]:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "agent-team-builder"}
    if key := sendable_key(entry):
        headers["Authorization"] = f"Bearer {key}"
    body = orjson.dumps({"model": model, "input": texts, "encoding_format": "float"})
    limits = Limits(timeout_s, connect_s=entry.connect_timeout_s, read_s=timeout_s)
    response = post(f"{entry.base_url.rstrip('/')}/embeddings", body, headers, limits)
    try:
        answer = b"".join(chunks(response))
        if response.status != 200:
            raise error_for(response.status, response.headers, answer, entry.api_key)
    finally:
        leave(response)
    return _vectors(decoded(answer), len(texts))


def _vectors(answer: dict[str, Any], count: int) -> list[Embedded]:
    try:
        found = {entry["index"]: tuple(map(_number, entry["embedding"])) for entry in answer["data"]}
        vectors = [found[place] for place in range(count)]
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The provider's answer holds no vector for each text.") from error
    if not vectors[0] or len({len(vector) for vector in vectors}) != 1:
        raise BadAnswer("The provider's vectors are not of one length.")
    return [Embedded(vector) for vector in vectors]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("a vector is made of numbers")
    return float(value)
