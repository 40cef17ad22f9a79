"""Celery's part: ringing, and the worker process's life.

A ring is a permit, not an address: it carries no id. The worker that gets it claims the fairest run, or finds nothing
to do. So a lost, repeated or late ring is harmless; the reaper rings again for what waits unheard. Celery's own threads
only hand permits in; runs are carried by threads of ours (executions/slots.py).
"""

import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import shared_task, signals
from celery.worker import state as celery_state
from django.conf import settings
from django.db import Error
from django.utils.module_loading import import_string

from executions import engine, metrics, telemetry
from executions.faults import faultpoint
from executions.heartbeat import Heartbeat, Service
from executions.reaper import Reaper
from executions.ringer import MOST_PERMITS, Ringer
from executions.slots import Slots
from executions.worker import Hold, Worker
from teams.checks import refuse_broken_configuration
from teams.garbage import spare_what_was_loaded

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""Added to DRAIN_SECONDS: giving the late runs back takes a moment."""

FLUSH_SECONDS = 2.0
"""How long the last spans of a worker that gives runs up may take."""


class _Process:
    """What this worker process runs beside Celery. None of it exists in web processes."""

    worker: Worker | None = None
    slots: Slots | None = None
    services: list[Service] = []
    to_ring = 0
    exit_status = 0
    left = threading.Event()
    rung = threading.Event()


@shared_task(name="executions.run_next")  # type: ignore[untyped-decorator]
def run_next(permits: int = 1) -> None:
    """Hand permits in; waits while all slots are taken, so that other workers get the messages behind this one."""
    if _Process.slots is None:
        raise RuntimeError("run_next needs a worker process: celery -A config worker --pool threads")
    faultpoint("rung")
    refused = _Process.slots.offer(min(permits, MOST_PERMITS))
    if refused:
        ring(refused)


def _send(permits: int) -> None:
    faultpoint("before_ring")
    run_next.apply_async((permits,), retry=False, ignore_result=True)
    faultpoint("after_ring")


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
def _start(**_: Any) -> None:
    worker = Worker(settings.WORKER_SLOTS)
    slots = Slots(worker, _fail)
    _Process.worker, _Process.slots = worker, slots
    # Without the broker, permits are handed in here, no more than are taken at once.
    jobs = [import_string(name) for name in settings.REAPER_JOBS]
    _Process.services = [Heartbeat(worker), Reaper(ring, slots.offer_to_free, jobs)]
    _Process.services += [import_string(name)() for name in settings.WORKER_SERVICES]
    for service in _Process.services:
        service.start()
    metrics.SLOTS.set(worker.slots)
    metrics.serve(settings.METRICS_WORKER_PORT, settings.METRICS_WORKER_HOST)
    spare_what_was_loaded()
    # Not at the level INFO: whoever started this process waits for the line, whatever the level of the log is.
    sys.stdout.write(f"worker {worker.id} is ready with {worker.slots} slots\n")
    sys.stdout.flush()


def _fail() -> None:
    """A part this process cannot do without has broken: give the runs back and end with an error, so that whoever
    supervises the workers starts a sound one. Without this it would go on beating and carry nothing."""
    _Process.exit_status = 1
    _drain()
    celery_state.should_stop = 1  # read by Celery's main loop, which then shuts down as after SIGTERM


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _drain(**_: Any) -> None:
    """SIGTERM: every run stops before its next call and goes back to the queue with its journal.

    A call that outlasts DRAIN_SECONDS is given up: its run is released from here, so that its end is not counted as a
    lost worker.
    """
    worker, slots = _Process.worker, _Process.slots
    if worker is None or slots is None or worker.draining:
        return
    worker.draining = True
    threading.Thread(target=_leave, args=(worker, slots), name="drain", daemon=True).start()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _stay_until_drained(**_: Any) -> None:
    """Celery knows nothing of the runs and would end the process under them. It takes no more messages by now, so
    that what is rung for here is heard by others."""
    _drain()
    if _Process.worker is None:
        return
    _Process.left.wait(settings.DRAIN_SECONDS + GRACE_SECONDS)
    if _Process.to_ring:
        ring(_Process.to_ring)
        _ringer.flush()
    _Process.rung.set()


def _give_back(hold: Hold) -> None:
    try:
        engine.finish(hold.tenant_id, hold.execution_id, hold.fence, {"status": "queued"})
    except Error as error:
        logger.warning("run %s was not given back, it waits for the end of its lease: %s", hold.execution_id, error)


def _leave(worker: Worker, slots: Slots) -> None:
    deadline = time.monotonic() + settings.DRAIN_SECONDS
    permits = slots.close(settings.DRAIN_SECONDS)
    released = len(worker.holds())
    while worker.holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    late = worker.holds()
    if late:
        logger.warning("giving %s runs back in the middle of a call", len(late))
        with ThreadPoolExecutor(max_workers=4) as pool:
            for hold in late:
                pool.submit(_give_back, hold)
    _Process.to_ring = permits + released
    faultpoint("drained")
    for service in _Process.services:
        service.stop()
    _Process.left.set()
    if late:
        # The threads in hand cannot be stopped, and Python would wait for them for ever.
        telemetry.flush(FLUSH_SECONDS)
        _Process.rung.wait(GRACE_SECONDS)
        os._exit(_Process.exit_status)
