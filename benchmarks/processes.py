"""Child processes of a benchmark, and what processes cost."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import psutil

PRODUCTS_OWN = {"DJANGO_SETTINGS_MODULE"}
"""What importing the product leaves in our environment, and Celery would take for an order to load Django."""


class Child:
    """A process of ours, given as a command line. `line` is the first line it prints, when it is asked to wait."""

    def __init__(self, command: Sequence[str], *, speaks: bool = True, **env: str) -> None:
        self.command, self.speaks, self.env, self.line = list(command), speaks, env, ""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(  # noqa: S603 - our own modules
            self.command,
            env={name: value for name, value in os.environ.items() if name not in PRODUCTS_OWN} | self.env,
            stdout=subprocess.PIPE if self.speaks else subprocess.DEVNULL,
            stderr=None if self.speaks else subprocess.DEVNULL,
            text=True,
        )
        self.pid = self.process.pid
        if self.process.stdout is not None:
            self.line = self.process.stdout.readline().strip()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def module(name: str, *words: str) -> list[str]:
    """The command line that runs a module."""
    return [sys.executable, "-m", name, *words]


def family(pid: int) -> tuple[dict[int, float], float]:
    """CPU milliseconds of a process and of each live descendant, and of all children that have ended."""
    process, used, ended = psutil.Process(pid), {}, 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used[each.pid] = (times.user + times.system) * 1000
        if each.pid == pid:
            ended = (times.children_user + times.children_system) * 1000
    return used, ended


class Clock:
    """Wall seconds and CPU milliseconds between two moments: `with Clock(worker=pid) as clock: ...; clock.cpu`.

    A process counts with its children, also those that ended meanwhile. `leave_out`: pids that are not counted.
    """

    def __init__(self, leave_out: Sequence[int] = (), **pids: int) -> None:
        self.leave_out, self.pids = leave_out, pids
        self.cpu: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._before = {name: family(pid) for name, pid in self.pids.items()}
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
        self.cpu = {name: self._used(*self._before[name], *family(pid)) for name, pid in self.pids.items()}

    def _used(self, before: dict[int, float], ended_before: float, now: dict[int, float], ended: float) -> float:
        used = {pid: cpu - before.get(pid, 0.0) for pid, cpu in now.items() if pid not in self.leave_out}
        gone = sum(cpu for pid, cpu in before.items() if pid not in now)
        return sum(used.values()) + max(0.0, ended - ended_before - gone)


def wait_until(done: Callable[[], bool], what: str, every: float = 0.05, longest: float = 180.0) -> None:
    """Look until it is so; raises when it takes too long."""
    deadline = time.monotonic() + longest
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {longest:.0f} s for {what}")
        time.sleep(every)


def memory_mb(pid: int) -> float:
    """Resident megabytes of one process."""
    return psutil.Process(pid).memory_info().rss / 1e6


def percentile(values: list[float], share: float) -> float:
    """The value below which so much of the list lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def p50_p95(values: list[float]) -> dict[str, Any]:
    """Both percentiles that are reported, and of how many values."""
    return {"p50": percentile(values, 0.5), "p95": percentile(values, 0.95), "count": len(values)}
