"""A worker's slots: the threads that carry runs, and the one that claims runs for them.

Permits come in from Celery's messages. Each takes a slot, or waits for one: whoever brings more permits than there are
free slots is held up, so that the rest of them go to other workers. One thread claims for all permits that have come
in meanwhile, in one statement; claims of many threads at once would only wait for each other on a tenant's row.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import Error

from executions import runtime
from executions.faults import faultpoint
from executions.worker import Worker

logger = logging.getLogger(__name__)

CLAIM_AT_ONCE = 16
"""Most runs of one claim: while it lasts, their tenants' rows are locked."""


class Slots:
    """`worker.slots` threads. A slot is free, promised to a permit, or carries a run. `failed` is called when no more
    runs can be claimed here, whatever the reason."""

    def __init__(self, worker: Worker, failed: Callable[[], None]) -> None:
        self.worker = worker
        self._failed = failed
        self._free = worker.slots
        self._permits = 0
        self._closed = False
        self._changed = threading.Condition()
        self._runs = ThreadPoolExecutor(max_workers=worker.slots, thread_name_prefix="run")
        self._claimer = threading.Thread(target=self._claim_or_fail, name="claimer", daemon=True)
        self._claimer.start()

    def offer(self, permits: int) -> int:
        """Hand permits in, waiting for slots to come free. Returns how many were not taken, since the worker leaves."""
        while permits > 0:
            with self._changed:
                self._changed.wait_for(lambda: self._free > 0 or self._closed)
                if self._closed:
                    break
                taken = min(permits, self._free)
                self._free -= taken
                self._permits += taken
                self._changed.notify_all()
            permits -= taken
        return permits

    def offer_to_free(self, permits: int) -> None:
        """Hand in as many permits as there are slots free now; waits for none, as the reaper must not."""
        with self._changed:
            taken = 0 if self._closed else min(permits, self._free)
            self._free -= taken
            self._permits += taken
            self._changed.notify_all()

    def free(self) -> int:
        """How many permits would be taken at once."""
        with self._changed:
            return self._free

    def close(self, seconds: float) -> int:
        """Claim no more, and wait for a claim under way. Returns the permits nothing was claimed for."""
        with self._changed:
            self._closed = True
            left, self._permits = self._permits, 0
            self._changed.notify_all()
        self._claimer.join(seconds)
        return left

    def _claim_or_fail(self) -> None:
        try:
            self._claim_for_permits()
        except Exception:  # this thread's outer edge: without it the process would beat and claim nothing
            logger.critical("the claimer has broken, this worker ends", exc_info=True)
            self._failed()

    def _claim_for_permits(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._permits > 0 or self._closed)
                if self._closed:
                    return
                waiting = self._permits
                asked = min(waiting, CLAIM_AT_ONCE)
            taken = self._take(asked)
            if taken:
                faultpoint("before_carry")
            for each in taken:
                self._runs.submit(self._carry, each)
            # With nothing claimable, the other permits that came before the claim are void with it: a run is
            # committed before it is rung for.
            self._settle(asked if taken else waiting, len(taken))

    def _take(self, most: int) -> list[runtime.Taken]:
        try:
            return runtime.take(self.worker, most)
        except Error as error:
            # Nothing was taken, so nothing is lost: the reaper rings again.
            logger.warning("no claim, the database is away or busy: %s", error)
            return []

    def _settle(self, asked: int, taken: int) -> None:
        """After a claim: `taken` permits have become runs; the rest of `asked` stay only if some were."""
        with self._changed:
            used = taken or min(asked, self._permits)
            self._permits = max(0, self._permits - used)
            if not taken:
                self._free += used
            self._changed.notify_all()

    def _carry(self, taken: runtime.Taken) -> None:
        try:
            runtime.carry(self.worker, taken)
        except Exception:  # this thread's outer edge: the pool would keep the error to itself
            logger.exception(
                "run %s: its thread has broken; its lease ends and another takes it up", taken[0].execution_id
            )
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()
