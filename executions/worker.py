"""A worker process as the engine knows it: its id, the runs it holds, and whether it is draining."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from executions.control import Cancelled, Fenced, Released
from executions.engine import Claimed


@dataclass
class Hold:
    """A run in this process's hands. `until` is on the monotonic clock: the lease as we may trust it."""

    execution_id: UUID
    tenant_id: UUID
    fence: int
    until: float
    cancelled: bool = False
    lost: bool = False
    watched: bool = False  # somebody followed this run when it last had news


@dataclass
class Worker:
    """Shared by the process's run threads, its heartbeat and its reaper."""

    slots: int
    id: str = field(default_factory=lambda: f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}")
    draining: bool = False
    _holds: dict[tuple[UUID, int], Hold] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, claimed: Claimed, asked_at: float) -> Hold:
        """Hold a claimed run. Its lease counts from when the claim was sent, not from its answer."""
        until = asked_at + settings.LEASE_SECONDS
        hold = Hold(claimed.execution_id, claimed.tenant_id, claimed.fence, until)
        with self._lock:
            self._holds[(hold.execution_id, hold.fence)] = hold
        return hold

    def drop(self, hold: Hold) -> None:
        """Hold it no longer."""
        with self._lock:
            self._holds.pop((hold.execution_id, hold.fence), None)

    def holds(self) -> list[Hold]:
        """The runs held now."""
        with self._lock:
            return list(self._holds.values())

    def renewed(self, sent_at: float, asked: Iterable[Hold], rows: Iterable[tuple[UUID, int, bool, bool]]) -> None:
        """Take in a heartbeat's answer: (execution, fence, cancel asked for, renewed) of every run that is ours.

        A run that was asked for and is missing from it has been taken away. One that is ours and was not renewed, since
        its row is locked, keeps the lease it has. Nothing is said of one that was not asked
        for: it was claimed meanwhile, however short before the statement was sent.
        """
        ours = {(execution_id, fence): (cancel, renewed) for execution_id, fence, cancel, renewed in rows}
        for hold in asked:
            found = ours.get((hold.execution_id, hold.fence))
            if found is None:
                hold.lost = True
                continue
            cancel, renewed = found
            hold.cancelled = hold.cancelled or cancel
            if renewed:
                hold.until = sent_at + settings.LEASE_SECONDS

    def check(self, hold: Hold) -> None:
        """Raise before the next effect when it must not happen: `Fenced`, `Cancelled` or `Released`."""
        self.last_look(hold)
        if hold.cancelled:
            raise Cancelled
        if self.draining:
            raise Released

    @staticmethod
    def last_look(hold: Hold) -> None:
        """Raise `Fenced` when the run is no longer ours. Stands where an effect that was decided on is about to leave
        this process: one that was paused since must not go on as if it had not been."""
        if hold.lost or time.monotonic() > hold.until:
            raise Fenced
