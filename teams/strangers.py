"""Those who cannot say who they are: an address that sends bad API keys is soon not listened to.

Known keys go on working from such an address: whoever shares it (a proxy, an office) with somebody who guesses must not
be locked out by them. So a guess costs the database nothing once the address is refused, and no key is found by it.
"""

import hashlib
import ipaddress
import threading
import time
from typing import Final, Generic, TypeVar

from django.conf import settings

from teams.errors import TooManyRequests
from teams.rates import Bucket, counter

MOST_REMEMBERED: Final = 10_000
_GUESSING: Final = "Too many requests with a bad API key came from your address: wait as long as Retry-After says."

K = TypeVar("K")


class _Memory(Generic[K]):
    """The newest entries, up to a number."""

    def __init__(self) -> None:
        self._entries: dict[K, float] = {}
        self._lock = threading.Lock()

    def put(self, what: K, value: float = 0.0) -> None:
        with self._lock:
            self._entries.pop(what, None)
            if len(self._entries) >= MOST_REMEMBERED:
                del self._entries[next(iter(self._entries))]
            self._entries[what] = value

    def get(self, what: K) -> float | None:
        return self._entries.get(what)

    def drop(self, what: K) -> None:
        with self._lock:
            self._entries.pop(what, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


_refused_until: _Memory[str] = _Memory()  # time.monotonic() by network
_good: _Memory[bytes] = _Memory()  # fingerprints of keys that were good when they were last looked up


def admit(address: str, key: str) -> None:
    """Raise `TooManyRequests` for an address that sent too many bad keys. Asks neither Redis nor the database."""
    until = _refused_until.get(_network(address))
    wait = until - time.monotonic() if until else 0.0
    if wait > 0 and _good.get(_fingerprint(key)) is None:
        raise TooManyRequests(_GUESSING, wait)


def was_good(key: str) -> None:
    """Remember a key that was found to be good."""
    fingerprint = _fingerprint(key)
    if _good.get(fingerprint) is None:
        _good.put(fingerprint)


def was_bad(address: str, key: str) -> None:
    """Count a failed authentication. Raises `TooManyRequests` when the address has sent too many bad keys."""
    _good.drop(_fingerprint(key))
    network = _network(address)
    # No tenant is in the name: nobody knows whose key it was meant to be.
    bucket = Bucket("address", f"{settings.REDIS_PREFIX}:rate:-:{network}", settings.RATE_LIMIT_BAD_KEYS)
    taken = counter().take([bucket])
    if taken.wait is not None:
        _refused_until.put(network, time.monotonic() + taken.wait)
        raise TooManyRequests(_GUESSING, taken.wait)


def forget() -> None:
    """Forget what this process remembers of addresses and keys."""
    _refused_until.clear()
    _good.clear()


def _fingerprint(key: str) -> bytes:
    return hashlib.blake2b(key.encode(errors="replace"), digest_size=16).digest()


def _network(address: str) -> str:
    """Whom to count together: an IPv4 address, or the /64 that one customer has in IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((found, 64), strict=False) if found.version == 6 else found)
