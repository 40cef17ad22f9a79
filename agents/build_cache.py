"""What is built from a config again and again, kept for the next time: bounded, per process, immutable values only.

Two things are kept. The deterministic part of building (agents/building.py), by tenant, exact JSON of the config and
the revisions of templates, tools and spec. And a stored team made ready to run, by tenant and `config_hash`: a stored
version was validated when it was stored, so its hash is trusted and a second run neither parses nor checks it again.

A value is shared by every thread that asks, so it holds nothing that can be changed: `frozen` turns the caller's own
data (`metadata`) into read-only views, `thawed` gives each user a copy of it.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from teams.spec import TeamSpec

ENTRIES: Final = 128
LARGEST_CONFIG: Final = 100_000
"""Characters of JSON; what is larger is built each time, so that the cache stays within some megabytes."""

V = TypeVar("V")


@dataclass(frozen=True)
class Stats:
    """What the cache did since the process began, and how many values it holds."""

    hits: int
    misses: int
    evictions: int
    entries: int


class BuildCache:
    """The values asked for last, at most `size` of them. Safe for threads."""

    def __init__(self, size: int = ENTRIES) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value of the key; the first time, and whenever it was dropped since, `make` makes it.

        Two threads may both make it; they make the same. What `make` raises is not kept.
        """
        with self._lock:
            if key in self._values:
                self._hits += 1
                self._values.move_to_end(key)
                return cast(V, self._values[key])
            self._misses += 1
        value = make()
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
                self._evictions += 1
        return value

    def stats(self) -> Stats:
        """Return the counters."""
        with self._lock:
            return Stats(self._hits, self._misses, self._evictions, len(self._values))

    def clear(self) -> None:
        """Drop all values; the counters go on."""
        with self._lock:
            self._values.clear()


CACHE: Final = BuildCache()
"""This process's own."""


def stats() -> Stats:
    """Return the counters of this process's cache."""
    return CACHE.stats()


def exact_hash(config: object) -> str | None:
    """A hash of the JSON as it was sent, whatever the order of its keys; None for what cannot or need not be kept.

    Unlike `config_hash` it tells 1 from 1.0: one of the two may be refused where the other is not.
    """
    try:
        text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return sha256(text.encode()).hexdigest() if len(text) <= LARGEST_CONFIG else None
    except (TypeError, ValueError, RecursionError):
        return None  # no JSON: whoever reads it next says why


def read_only(value: object) -> Any:
    """A JSON value that nobody can change."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: read_only(item) for key, item in value.items()})
    return tuple(read_only(item) for item in value) if isinstance(value, list | tuple) else value


def own_copy(value: object) -> Any:
    """The inverse of `read_only`: plain dicts and lists that are nobody else's."""
    if isinstance(value, Mapping):
        return {key: own_copy(item) for key, item in value.items()}
    return [own_copy(item) for item in value] if isinstance(value, list | tuple) else value


def frozen(spec: TeamSpec) -> TeamSpec:
    """The spec with everything in it read-only, to be kept."""
    return _with_metadata(spec, read_only)


def thawed(spec: TeamSpec) -> TeamSpec:
    """A kept spec for one user, with data of its own."""
    return _with_metadata(spec, own_copy)


def _with_metadata(spec: TeamSpec, change: Callable[[object], Any]) -> TeamSpec:
    agents = tuple(agent.model_copy(update={"metadata": change(agent.metadata)}) for agent in spec.agents)
    return spec.model_copy(update={"agents": agents, "metadata": change(spec.metadata)})
