"""The reaper: a thread of every worker, of which one at a time does the work (an advisory lock decides).

It puts expired leases and due retries back in the queue, gives up approvals nobody decided in time, ends runs past
their deadline, rings for runs that wait unheard, fires schedules, and seals the audit trail. Not a scheduled Celery
task: that would die with Redis, just when it is needed.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection as orm_connection

from executions import engine, metrics
from executions.faults import faultpoint
from executions.heartbeat import Service
from teams import sealer

logger = logging.getLogger(__name__)

LOCK = 0x41_54_42_01
"""Key of the advisory lock, "ATB" and a number."""

BROKER_AWAY_SECONDS = 10.0
SEAL_SECONDS = 5.0


class Reaper(Service):
    """`ring(n)` sends n permits and says whether the broker took them; `run_here(n)` runs without it.

    `jobs` are done after that, each second: what else is due by the clock, such as schedules.
    """

    def __init__(
        self, ring: Callable[[int], bool], run_here: Callable[[int], None], jobs: Sequence[Callable[[], object]] = ()
    ) -> None:
        super().__init__("reaper", settings.REAP_SECONDS)
        self.ring = ring
        self.run_here = run_here
        self.jobs = jobs
        self.broker_lost_at: float | None = None
        self.sealed_at = 0.0

    def beat(self, connection: psycopg.Connection[Any]) -> None:
        """Reap if this thread is the one, then ring."""
        if not connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()[0]:  # type: ignore[index]
            return
        try:
            faultpoint("before_reap")
            reaped = reap(connection)
            faultpoint("after_reap")
            if reaped.to_ring:
                self._call(reaped.to_ring)
            for job in self.jobs:
                self._do(job)
            if time.monotonic() - self.sealed_at > SEAL_SECONDS:
                self.sealed_at = time.monotonic()
                self._do(sealer.seal)
        finally:
            # Held for one beat only, so that another worker takes over within a second when this one hangs.
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))

    def _call(self, permits: int) -> None:
        if self.ring(permits):
            self.broker_lost_at = None
            return
        now = time.monotonic()
        self.broker_lost_at = self.broker_lost_at or now
        if now - self.broker_lost_at > BROKER_AWAY_SECONDS:
            self.run_here(permits)

    def _do(self, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception:
            # The edge of a thread that must go on: whatever goes wrong in a job, leases are still to be looked after.
            logger.exception("%s failed; it is tried again", getattr(job, "__name__", job))
        finally:
            orm_connection.close()


def reap(connection: psycopg.Connection[Any]) -> engine.Reaped:
    """One round of reaping; logs what it found."""
    row = connection.execute(
        "SELECT * FROM reap_v3(make_interval(secs => %s), %s, make_interval(secs => %s))",
        (engine.PATIENCE_SECONDS, engine.LOST_WORKERS_LIMIT, settings.RUN_TIMEOUT_SECONDS),
        prepare=True,
    ).fetchone()
    reaped = engine.Reaped(*row)  # type: ignore[misc]
    for what in ("expired", "quarantined", "due", "overdue", "undecided", "cancelled"):
        metrics.REAPED.labels(what).inc(getattr(reaped, what))
    if reaped.expired or reaped.quarantined or reaped.overdue or reaped.undecided or reaped.cancelled:
        logger.warning(
            "reaped: %s expired leases queued, %s runs quarantined, %s past their deadline, "
            "%s approvals undecided in time, %s cancelled",
            reaped.expired, reaped.quarantined, reaped.overdue, reaped.undecided, reaped.cancelled,
        )  # fmt: skip
    return reaped
