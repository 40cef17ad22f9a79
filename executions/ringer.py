"""Sending rings without waiting for the broker: one daemon thread per process.

A POST must answer within three seconds with Redis away (durability rule 1), and redis-py alone retries a connection for
six. So a ring is only counted here and sent by the thread. Rings that cannot be sent are dropped: a ring is a permit,
and the reaper sends new ones for what waits unheard.

A message costs its worker more than a claim does, so one carries several permits: what was rung for while the thread
rested after the last message. The first ring after a quiet time leaves at once.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable

from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from executions import metrics

logger = logging.getLogger(__name__)

MOST_PENDING = 10_000
MOST_PERMITS = 8
"""Permits in one message: few, so that a burst spreads over the workers."""

REST_SECONDS = 0.04
"""Least time between two rounds of messages."""

SLOW_SECONDS = 1.0
"""A broker that has not taken a message for so long counts as away: one that hangs fails only much later."""

PAUSE_SECONDS = 1.0
"""Rest after a failure, so that a broken broker is not asked without end."""

EXIT_SECONDS = 1.0
"""How long a process that ends waits for its last rings to leave."""


class Ringer:
    """Counts rings and sends them in the background. `healthy`: the broker took the last one."""

    def __init__(self, send: Callable[[int], None]) -> None:
        self.send = send
        self.healthy = True
        self._pending = 0
        self._sending_since: float | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        atexit.register(self.flush)

    def ring(self, permits: int = 1) -> bool:
        """Ask for permits to be sent; returns whether the broker took the last one."""
        with self._changed:
            if self._thread is None or not self._thread.is_alive():  # first use, or a fork: threads do not follow
                self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)
                self._thread.start()
            self._pending = min(self._pending + permits, MOST_PENDING)
            self._changed.notify_all()
            since = self._sending_since
        return self.healthy and (since is None or time.monotonic() - since < SLOW_SECONDS)

    def flush(self, seconds: float = EXIT_SECONDS) -> None:
        """Wait until all has been sent or dropped, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending == 0, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending > 0)
            rested = time.monotonic() + REST_SECONDS
            self._send_some()
            while self._pending >= MOST_PERMITS:  # a lone permit waits for others that come while the thread rests
                self._send_some()
            time.sleep(max(0.0, rested - time.monotonic()))

    def _send_some(self) -> None:
        permits = min(self._pending, MOST_PERMITS)
        self._sending_since = time.monotonic()
        try:
            self.send(permits)
        except (BrokerError, RedisError, OSError, RuntimeError) as error:  # RuntimeError: a pool closed meanwhile
            if self.healthy:
                logger.warning("the broker is away, the reaper will ring: %s", error)
            self._settle(permits, healthy=False)
            time.sleep(PAUSE_SECONDS)
        else:
            self._settle(permits, healthy=True)

    def _settle(self, permits: int, *, healthy: bool) -> None:
        with self._changed:
            metrics.RINGS.labels("sent" if healthy else "dropped").inc(permits if healthy else self._pending)
            self.healthy = healthy
            self._sending_since = None
            self._pending = self._pending - permits if healthy else 0
            self._changed.notify_all()
