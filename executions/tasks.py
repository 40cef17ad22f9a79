"""Celery's part: ringing, and the worker process's life.

A ring is a permit, not an address: it carries no id. The thread that gets it claims the fairest run, or finds nothing
to do. So a lost, repeated or late ring is harmless; the reaper rings again for what waits unheard.
"""

import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import shared_task, signals
from django.conf import settings
from django.db import InterfaceError, OperationalError

from executions import engine, runtime
from executions.heartbeat import Heartbeat
from executions.reaper import Reaper
from executions.ringer import Ringer
from executions.worker import Worker
from teams.checks import refuse_broken_configuration

logger = logging.getLogger(__name__)


class _Process:
    """What this worker process runs beside Celery. None of it exists in web processes."""

    worker: Worker | None = None
    services: list[Heartbeat | Reaper] = []


@shared_task(name="executions.run_next")  # type: ignore[untyped-decorator]
def run_next() -> None:
    """Claim the fairest run and carry it as far as it goes."""
    if _Process.worker is None:
        raise RuntimeError("run_next needs a worker process: celery -A config worker --pool threads")
    try:
        runtime.run_next(_Process.worker)
    except (OperationalError, InterfaceError) as error:
        # Only the claim comes this far. Nothing was taken, so nothing is lost: the reaper rings again.
        logger.warning("no claim, the database is away: %s", error)


def _send() -> None:
    run_next.apply_async(retry=False, ignore_result=True)


_ringer = Ringer(_send)


def ring(permits: int = 1) -> bool:
    """Have permits sent, without waiting for the broker. Returns whether it took the last one; False loses nothing."""
    return _ringer.ring(permits)


# --- life of a worker process -----------------------------------------------------------------------------------------


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _refuse_to_start(sender: Any, **_: Any) -> None:
    """Runs share their process's heartbeat, connection pool and cache: only threads do. Celery lets errors of the
    system checks pass, such as a login that sees every tenant."""
    pool = getattr(sender.pool_cls, "__module__", str(sender.pool_cls))
    if "thread" not in pool:
        raise SystemExit(f"start this worker with --pool threads (it has {pool})")
    refuse_broken_configuration()


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _start(sender: Any, **_: Any) -> None:
    slots = int(getattr(sender.controller, "concurrency", 0) or settings.WORKER_SLOTS)
    worker = Worker(slots)
    _Process.worker = worker
    _Process.services = [Heartbeat(worker), Reaper(ring, lambda permits: _run_here(worker, permits))]
    for service in _Process.services:
        service.start()
    logger.info("worker %s is ready with %s slots", worker.id, slots)


def _run_here(worker: Worker, permits: int) -> None:
    """Run without the broker: claim in threads of our own while it is away."""
    free = worker.slots - len(worker.holds())
    for _ in range(min(permits, free)):
        threading.Thread(target=_claim_quietly, args=(worker,), name="run-without-broker", daemon=True).start()


def _claim_quietly(worker: Worker) -> None:
    try:
        runtime.run_next(worker)
    except (OperationalError, InterfaceError) as error:
        logger.warning("no claim, the database is away: %s", error)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _drain(**_: Any) -> None:
    """SIGTERM: every run stops before its next call and goes back to the queue with its journal.

    Celery's own warm shutdown would wait for whole runs, without a limit. A call that outlasts DRAIN_SECONDS is
    given up: its run is released from here, so that its end is not counted as a lost worker.
    """
    worker = _Process.worker
    if worker is None or worker.draining:
        return
    worker.draining = True
    threading.Thread(target=_leave, args=(worker,), name="drain", daemon=True).start()


def _leave(worker: Worker) -> None:
    deadline = time.monotonic() + settings.DRAIN_SECONDS
    while worker.holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    late = worker.holds()
    if late:
        logger.warning("giving %s runs back in the middle of a call", len(late))
        with ThreadPoolExecutor(max_workers=4) as pool:
            for hold in late:
                pool.submit(engine.finish, hold.tenant_id, hold.execution_id, hold.fence, {"status": "queued"})
    if late:
        ring(len(late))
        _ringer.flush()
    for service in _Process.services:
        service.stop()
    if late:
        # The threads in hand cannot be stopped, and Celery would wait for them for ever.
        os._exit(0)
