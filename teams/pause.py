"""Leaving a service alone for a while after it failed, so that its absence costs each caller nothing."""

import threading
import time

SECONDS = 5.0
LONGEST_SECONDS = 30.0


class Pause:
    """Whether a service may be asked just now. Safe for threads; asks nothing and raises nothing itself.

    After a failure it is not asked for `seconds`, and twice as long each time, up to LONGEST_SECONDS; then one thread
    tries while the others stay away.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._lock = threading.Lock()
        self._until: float | None = None  # time.monotonic(); None: the service answers
        self._first = self._seconds = seconds

    def over(self) -> bool:
        """Whether to ask the service now: always while it answers, else one caller each time the pause has ended."""
        if self._answers():
            return True
        with self._lock:
            if self._answers():  # another thread was answered meanwhile
                return True
            if self._until is not None and time.monotonic() < self._until:
                return False
            self._until = time.monotonic() + self._seconds  # the others stay away while this thread tries
            self._seconds = min(self._seconds * 2, LONGEST_SECONDS)
            return True

    def begin(self) -> bool:
        """The service failed. Returns whether this is news: the first failure since it last answered."""
        with self._lock:
            first, self._until = self._until is None, time.monotonic() + self._seconds
        return first

    def end(self) -> bool:
        """The service answered. Returns whether this is news: it had failed before."""
        if self._answers():
            return False
        with self._lock:
            self._until, self._seconds = None, self._first
        return True

    def _answers(self) -> bool:
        return self._until is None
