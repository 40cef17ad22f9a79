"""How workers and queue are, for operators: what /health and the admin's page of workers say."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from executions.models import Worker

SILENT = timedelta(seconds=15)
"""A worker that has not reported for so long is taken for dead; it reports every HEARTBEAT_SECONDS."""

GRACE_SECONDS = 10
"""What should happen each second is amiss when it has not happened for so long."""


@dataclass(frozen=True)
class Queue:
    """Open runs of all tenants. `overdue`: leases that ended and nobody reaps; `unheard`: queued, rung for long ago."""

    queued: int
    oldest_seconds: float | None
    running: int
    overdue: int
    unheard: int
    waiting: int
    rung_seconds: float | None

    def told(self) -> str:
        """In words."""
        oldest = "" if self.oldest_seconds is None else f", the oldest for {self.oldest_seconds:.0f} s"
        rung = "" if self.rung_seconds is None else f", last rung {self.rung_seconds:.0f} s ago"
        return (
            f"{self.queued} queued{oldest}, {self.running} running, {self.waiting} waiting for people, "
            f"{self.overdue} expired leases, {self.unheard} unheard{rung}"
        )

    def trouble(self) -> str:
        """What is amiss: "" when nothing is."""
        if self.overdue:
            return f"{self.overdue} leases have ended and no worker takes the runs back"
        return ""


def queue() -> Queue:
    """The queue now, over all tenants: counts and ages alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM queue_v1(make_interval(secs => %s))", [GRACE_SECONDS])
        return Queue(*cursor.fetchone())


def state(worker: Worker, now: datetime | None = None) -> str:
    """'alive', 'draining', 'silent' (dead, paused or cut off), or 'left' when it was draining before it fell silent."""
    silent = (now or timezone.now()) - worker.beat_at > SILENT
    if worker.draining:
        return "left" if silent else "draining"
    return "silent" if silent else "alive"


def workers_told() -> tuple[str, int]:
    """The workers in words, and how many take runs."""
    found = [(state(worker), worker) for worker in Worker.objects.filter(beat_at__gt=timezone.now() - 240 * SILENT)]
    alive = [worker for is_now, worker in found if is_now == "alive"]
    slots, running = sum(worker.slots for worker in alive), sum(worker.running for worker in alive)
    others = [f"{sum(is_now == name for is_now, _ in found)} {name}" for name in ("draining", "silent")]
    return f"{len(alive)} alive with {running} of {slots} slots taken, {', '.join(others)} in the last hour", len(alive)
