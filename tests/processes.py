"""Real processes for tests: the web server and the Celery worker, as they are started in production.

Each runs on the test session's own PostgreSQL and Redis, with its own Redis prefix, so that a worker never takes
another test's rings. A test ends only what it started, by pid.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from config.embedded.ports import any_free


def wait_until(check: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition; fail with its description when it does not come."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Process:
    """A child in a process group of its own, with its output in a file."""

    def __init__(self, *command: str, **env: str) -> None:
        self.command, self.env = command, env
        self.log = Path(tempfile.mkstemp(prefix="atb-process-", suffix=".log")[1])
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it; returns at once."""
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                env={**os.environ, **self.env},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    def signal(self, number: int) -> None:
        """Send a signal to the process group."""
        assert self.child is not None
        os.killpg(self.child.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        assert self.child is not None
        self.child.wait(10)

    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.child is None or self.child.poll() is not None

    def output(self) -> str:
        """All it has printed."""
        return self.log.read_text(errors="replace")

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def wait_ready(self) -> None:
        """Wait until it can be used; nothing to wait for in general."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.child is not None and self.child.poll() is None:
            self.kill()
        if error is not None:
            sys.stderr.write(f"--- {' '.join(self.command)}\n{self.output()}\n")
        self.log.unlink(missing_ok=True)


class WorkerProcess(Process):
    """`celery -A config worker`, ready when it has said so."""

    def __init__(self, slots: int = 8, **env: str) -> None:
        super().__init__(
            "celery", "-A", "config", "worker", "--pool", "threads",
            "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO",
            **{"WORKER_SLOTS": str(slots), **env},
        )  # fmt: skip

    def wait_ready(self) -> None:
        """Wait until it has said so."""
        wait_until(lambda: self.ended() or "is ready with" in self.output(), "the worker is ready")
        assert not self.ended()


class WebProcess(Process):
    """`uvicorn config.asgi:application` on a free port; `address` is its base URL."""

    def __init__(self, **env: str) -> None:
        self.port = any_free()
        self.address = f"http://127.0.0.1:{self.port}"
        super().__init__("uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(self.port), **env)

    def wait_ready(self) -> None:
        """Wait until it answers."""
        wait_until(self._answers, "the web server answers")

    def _answers(self) -> bool:
        # The server we talk to must be the one we started: a dead child means somebody else has the port.
        assert self.child is not None
        assert self.child.poll() is None, self.output()
        try:
            with urllib.request.urlopen(f"{self.address}/health/live", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
