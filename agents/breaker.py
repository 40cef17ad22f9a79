"""A circuit breaker for each provider, and account, of this process: what is down is left alone for a while.

Closed: calls go through. After so many retryable failures in a row it opens: no call is made until a pause is over,
which doubles with each opening and is never shorter than the provider's Retry-After. Then it is half-open: one call at
a time is let through, and its outcome closes the breaker or opens it again.

Only what tells something of the provider counts. An error of the request (400, a missing key) neither opens nor closes
it; nor does an answer to a call that was sent before the breaker last changed.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from django.conf import settings

from agents.llm_errors import LLMError
from agents.provider_entries import Provider

State = Literal["closed", "open", "half_open"]

FAILURES: Final = 5
PAUSE_SECONDS: Final = 5.0
"""Where the settings do not say (a script without the product's settings)."""

PAUSE_CAP_SECONDS: Final = 60.0
PROBE_SECONDS: Final = 1.0
"""How long a run waits that finds another call trying the provider."""


class BreakerOpen(LLMError):
    """The provider failed again and again; no call is made to it for now."""

    code = "provider_paused"
    retryable = True


@dataclass(frozen=True)
class BreakerState:
    """How a breaker stands, for health and metrics. `openings`: how often it opened since the process began."""

    provider: str
    account: str
    state: State
    failures: int
    seconds_left: float
    openings: int


class Breaker:
    """One provider's; shared by all threads. `failures` of 0 never opens."""

    def __init__(
        self, name: str, *, failures: int, pause: float, account: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._account = name, account
        self._limit, self._pause, self._clock = failures, pause, clock
        self._lock = threading.Lock()
        self._failures = 0  # in a row
        self._opened = 0  # in a row: how long the next pause is
        self._openings = 0
        self._until: float | None = None  # None: closed
        self._probing = False
        self._era = 0  # rises with each change, so that news from before it is told apart

    @contextmanager
    def call(self) -> Iterator[None]:
        """Make a call inside. Raises `BreakerOpen`, with the seconds until it may be tried again, instead of it."""
        era = self._admit()
        try:
            yield
        except LLMError as error:
            if error.retryable:
                self._failed(era, error.retry_after or 0.0)
            raise
        else:
            self._succeeded(era)
        finally:
            self._done(era)

    def state(self) -> BreakerState:
        """How it stands now."""
        with self._lock:
            left = 0.0 if self._until is None else max(0.0, self._until - self._clock())
            state: State = "closed" if self._until is None else "open" if left else "half_open"
            return BreakerState(self._name, self._account, state, self._failures, left, self._openings)

    def _admit(self) -> int:
        with self._lock:
            if self._until is None:
                return self._era
            left = self._until - self._clock()
            if left > 0 or self._probing:
                wait = max(left, PROBE_SECONDS if self._probing else 0.0)
                raise BreakerOpen(
                    f"Provider {self._name} failed {self._failures} times in a row; "
                    f"it is left alone for another {max(1, round(wait))} s.",
                    retry_after=wait,
                )
            self._probing = True
            self._era += 1
            return self._era

    def _failed(self, era: int, retry_after: float) -> None:
        with self._lock:
            if era != self._era:
                return
            self._failures += 1
            if self._limit and (self._probing or self._failures >= self._limit):
                pause = min(PAUSE_CAP_SECONDS, self._pause * 2**self._opened)
                self._until = self._clock() + max(pause, retry_after)
                self._opened = min(self._opened + 1, 30)
                self._openings += 1
                self._change()

    def _succeeded(self, era: int) -> None:
        with self._lock:
            if era != self._era:
                return
            self._failures = 0
            if self._until is not None:
                self._until, self._opened = None, 0
                self._change()

    def _done(self, era: int) -> None:
        """Let the next call try, whatever became of this one: its error told nothing, or its run was stopped."""
        with self._lock:
            if era == self._era and self._probing:
                self._change()

    def _change(self) -> None:
        self._probing = False
        self._era += 1


_breakers: dict[tuple[str, str, bytes], Breaker] = {}
_lock = threading.Lock()


def breaker_for(entry: Provider, account: str = "") -> Breaker:
    """The breaker of this provider as this key reaches it: another account's troubles are its own.

    `account` names the account for people, "" is the platform's; the key itself is neither kept nor shown.
    """
    key = (entry.name, entry.base_url, hashlib.sha256(entry.api_key.encode()).digest())
    found = _breakers.get(key)
    if found is None:
        failures = getattr(settings, "BREAKER_FAILURES", FAILURES)
        pause = getattr(settings, "BREAKER_PAUSE_SECONDS", PAUSE_SECONDS)
        made = Breaker(entry.name, account=account, failures=failures, pause=pause)
        with _lock:
            found = _breakers.setdefault(key, made)
    return found


def breaker_states() -> list[BreakerState]:
    """Every breaker of this process."""
    return [breaker.state() for breaker in list(_breakers.values())]
