"""The worker's heartbeat: one thread, one connection of its own, one statement every few seconds for all leases."""

import logging
import os
import socket
import threading
import time
from typing import Any

import orjson
import psycopg
from django.conf import settings

from executions.engine import wait_for_locks
from executions.faults import faultpoint
from executions.worker import Worker

logger = logging.getLogger(__name__)


class Service(threading.Thread):
    """A thread that calls `beat(connection)` at an interval on its own connection, outside the pool, and comes back
    by itself when PostgreSQL does. A full pool must never keep a lease from being renewed."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self.seconds = seconds
        self.stopped = threading.Event()

    def beat(self, connection: psycopg.Connection[Any]) -> None:
        """Do the work of one beat."""
        raise NotImplementedError

    def connect(self) -> psycopg.Connection[Any]:
        """A connection that PostgreSQL ends when it hears nothing for a lease: a process that is paused, or beyond a
        broken network, in the middle of a beat would otherwise keep what it has locked."""
        connection = psycopg.connect(settings.DATABASE_URL, autocommit=True, connect_timeout=5)
        limit = round(1000 * max(settings.LEASE_SECONDS, 2 * self.seconds))
        connection.execute("SELECT set_config('idle_session_timeout', %s, false)", (str(limit),))
        wait_for_locks(connection)
        return connection

    def run(self) -> None:
        """Beat until stopped."""
        while not self.stopped.is_set():
            try:
                with self.connect() as connection:
                    self._beats(connection)
            except psycopg.Error as error:
                logger.warning("%s: %s; trying again", self.name, str(error).strip())
            except Exception:
                # The outer edge of a thread its process cannot do without: a worker whose heartbeat has ended would go
                # on claiming runs, and lose each of them after a lease.
                logger.exception("%s broke; trying again", self.name)
            self.stopped.wait(min(1.0, self.seconds))

    def _beats(self, connection: psycopg.Connection[Any]) -> None:
        while not self.stopped.is_set():
            started = time.monotonic()
            self.beat(connection)
            self.stopped.wait(max(0.0, self.seconds - (time.monotonic() - started)))

    def stop(self) -> None:
        """End after the present beat."""
        self.stopped.set()


class Heartbeat(Service):
    """Renews the leases of everything this worker holds and brings back cancel requests."""

    def __init__(self, worker: Worker) -> None:
        super().__init__("heartbeat", settings.HEARTBEAT_SECONDS)
        self.worker = worker

    def beat(self, connection: psycopg.Connection[Any]) -> None:
        """One statement for all leases. The lease counts from when the statement is sent."""
        worker = self.worker
        held = worker.holds()
        beat = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "slots": worker.slots,
            "running": len(held),
            "held": [str(hold.execution_id) for hold in held],
            "draining": worker.draining,
        }
        sent_at = time.monotonic()
        faultpoint("before_heartbeat")
        rows = connection.execute(
            "SELECT * FROM heartbeat_v2(%s, make_interval(secs => %s), %s::jsonb)",
            (worker.id, settings.LEASE_SECONDS, orjson.dumps(beat).decode()),
            prepare=True,
        ).fetchall()
        faultpoint("after_heartbeat")
        worker.renewed(sent_at, held, rows)
