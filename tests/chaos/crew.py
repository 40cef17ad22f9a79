"""The workers under fire, each started again when it has ended, as a supervisor would."""

import signal
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg

from tests.chaos.services import Services
from tests.processes import WorkerProcess

HELD = """SELECT id, fence FROM executions_execution WHERE status = 'running' AND split_part(owner, ':', 2) = %s"""
BUSIEST = """SELECT split_part(owner, ':', 2)::int FROM executions_execution WHERE status = 'running'
             GROUP BY 1 ORDER BY count(*) DESC"""


@dataclass(frozen=True)
class Pause:
    """A worker that stood still: from when to when (time.time()), and the runs in its hands with their fences."""

    pid: int
    began: float
    ended: float
    held: dict[UUID, int]


@dataclass
class Crew:
    """So many workers. `recoveries`: seconds from a kill until each of its runs was claimed again."""

    services: Services
    size: int
    env: dict[str, str]
    slots: int
    recoveries: list[float] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.workers = [WorkerProcess(self.slots, **self.env).start() for _ in range(self.size)]
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._hit: dict[Any, tuple[int, float]] = {}
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._keep, self._watch)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(20)
        for worker in self.workers:
            worker.__exit__(None, None, None)

    def kill(self) -> bool:
        """kill -9 the busiest worker; False: none held a run."""
        worker = self._busiest()
        if worker is None or worker.child is None:
            return False
        with self._lock:
            worker.kill()
            now = time.monotonic()
            held = self._rows(HELD, str(worker.child.pid))
            self._hit |= {run: (fence, now) for run, fence in held}
        return True

    def pause(self, seconds: float) -> bool:
        """SIGSTOP the busiest worker for longer than its leases last."""
        worker = self._busiest()
        if worker is None or worker.child is None:
            return False
        began, pid = time.time(), worker.child.pid
        worker.signal(signal.SIGSTOP)
        held = dict(self._rows(HELD, str(pid)))
        time.sleep(seconds)
        self.pauses.append(Pause(pid, began, time.time(), held))
        worker.signal(signal.SIGCONT)
        return True

    def open_recoveries(self) -> int:
        """Runs of killed workers that nobody has claimed again yet."""
        with self._lock:
            return len(self._hit)

    def _busiest(self) -> WorkerProcess | None:
        pids = {worker.child.pid: worker for worker in self.workers if worker.child and not worker.ended()}
        return next((pids[pid] for (pid,) in self._rows(BUSIEST) if pid in pids), None)

    def _keep(self) -> None:
        while not self._over.wait(0.2):
            for worker in self.workers:
                if worker.ended():
                    worker.start()

    def _watch(self) -> None:
        """See when the runs of killed workers are claimed again."""
        while not self._over.wait(0.05):
            with self._lock:
                hit = dict(self._hit)
            if not hit:
                continue
            found = self._rows("SELECT id, fence, status FROM executions_execution WHERE id = ANY(%s)", list(hit))
            now = time.monotonic()
            for run, fence, status in found:
                if fence > hit[run][0]:
                    self.recoveries.append(now - hit[run][1])
                if fence > hit[run][0] or status not in ("running", "queued"):
                    with self._lock:
                        self._hit.pop(run, None)

    def _rows(self, question: str, *given: Any) -> list[tuple[Any, ...]]:
        try:
            return self.services.rows(question, *given)
        except psycopg.OperationalError:
            return []  # PostgreSQL is away: part of the storm
