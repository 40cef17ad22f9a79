"""A connection pool that is as good as new within a second or two after PostgreSQL was away.

psycopg_pool's own waits longer after each failure (1, 2, 4 ... s, up to minutes), so it comes back after up to twice
the outage, and its `check` rests in the same way after each dead connection it finds: with 12 at rest a request took
3 s after a restart. Here an attempt is given up after a second and begun anew by whoever waits, and dead ones are told
by looking at their socket, which also saves the check's round trip with each use.
"""

import select
import time
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

ATTEMPT_SECONDS = 1.0


class LastingPool(ConnectionPool[psycopg.Connection[Any]]):
    """`timeout` (seconds) is how long `getconn` waits in all, before it raises `PoolTimeout`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, reconnect_timeout=ATTEMPT_SECONDS)

    def getconn(self, timeout: float | None = None) -> psycopg.Connection[Any]:
        """A connection that is not known to be dead."""
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        while True:
            live = self._next(deadline, seconds)
            if not _died(live):
                return live
            live.close()  # the pool would keep it, and hand it out again and again: nobody has told libpq yet
            self.putconn(live)  # a new one takes its place

    def _next(self, deadline: float, seconds: float) -> psycopg.Connection[Any]:
        """Ask again each second: a pool that has given up connecting begins anew only when it is asked."""
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                return super().getconn(min(ATTEMPT_SECONDS, left))
            except PoolTimeout:
                if left <= ATTEMPT_SECONDS:
                    raise PoolTimeout(f"no connection to PostgreSQL came free within {seconds:g} s") from None


def _died(idle: psycopg.Connection[Any]) -> bool:
    """A connection that rests has nothing to say: one that can be read has been closed, by a restart of PostgreSQL."""
    poll = select.poll()
    poll.register(idle.fileno(), select.POLLIN)
    return bool(poll.poll(0))
