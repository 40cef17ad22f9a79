"""Child processes of a benchmark, and what they cost."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil


class Child:
    """A process of ours; `line` is the first line it prints."""

    def __init__(self, *command: str, **env: str) -> None:
        self.command, self.env = command, env

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", *self.command], env={**os.environ, **self.env}, stdout=subprocess.PIPE, text=True
        )
        output: IO[str] | None = self.process.stdout
        assert output is not None
        self.output = output
        self.line = output.readline().strip()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(60)


def cpu_ms(pid: int) -> float:
    """CPU milliseconds a process and all its descendants have used, dead children included."""
    process = psutil.Process(pid)
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if each is process:
            total += times.children_user + times.children_system
    return total * 1000


def memory_mb(pid: int) -> float:
    """Resident megabytes of one process."""
    return psutil.Process(pid).memory_info().rss / 1e6


def pid_of(folder: Path, name: str) -> int:
    """The pid an embedded service wrote down."""
    return int((folder / "run" / f"{name}.pid").read_text())


class Clock:
    """Wall and CPU between two moments: `with Clock({"worker": pid}) as clock: ...; clock.cpu["worker"]` in ms."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.pids = pids

    def __enter__(self) -> Self:
        self._cpu = {name: cpu_ms(pid) for name, pid in self.pids.items()}
        self._wall = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._wall
        self.cpu = {name: cpu_ms(pid) - self._cpu[name] for name, pid in self.pids.items()}


def percentile(values: list[float], share: float) -> float:
    """The value below which so much of the list lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
