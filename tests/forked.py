"""Workers by the dozen: Django and Celery are imported once, and each worker is a fork, up in a fraction of a second.

It is the real worker (Celery's own `worker` command) on the test session's PostgreSQL and Redis; only the seconds its
imports take are saved. `Forks` is the test's side, this module run by itself the process that forks:

    with Forks(**env) as forks:
        worker = forks.start(FAULTPOINTS="kill:before_record@2")
        assert worker.ended(10) == -signal.SIGKILL
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.processes import wait_until

logger = logging.getLogger(__name__)

COMMAND = [
    "celery",
    "-A",
    "config",
    "worker",
    "--pool",
    "threads",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
    "-l",
    "INFO",
]


@dataclass
class Fork:
    """One forked worker."""

    forks: "Forks"
    pid: int
    log: Path

    def output(self) -> str:
        """All it has printed."""
        return self.log.read_text(errors="replace")

    def wait_ready(self) -> None:
        """Wait until it takes runs."""
        wait_until(lambda: "is ready with" in self.output() or self.ended(0) is not None, "the worker is ready")

    def ended(self, seconds: float) -> int | None:
        """How it ended (negative: the signal), waiting so long; None: it still runs."""
        status: int | None = self.forks.ask({"wait": self.pid, "seconds": seconds})
        return status

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


class Forks:
    """The process that forks, and its workers; all of them end with it."""

    def __init__(self, **env: str) -> None:
        self.env = env
        self.folder = Path(tempfile.mkdtemp(prefix="atb-forks-"))
        self.made: list[Fork] = []

    def __enter__(self) -> Self:
        self.parent = subprocess.Popen(
            [sys.executable, "-m", "tests.forked"],
            env={**os.environ, **self.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            for fork in self.made[-3:]:
                sys.stderr.write(f"--- worker {fork.pid}\n{fork.output()[-4000:]}\n")
        self.parent.stdin.close()  # type: ignore[union-attr]
        self.parent.wait(20)
        self.parent.stdout.close()  # type: ignore[union-attr]
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()

    def start(self, **env: str) -> Fork:
        """Fork a worker with these settings more; returns at once."""
        log = self.folder / f"{len(self.made)}.log"
        log.touch()
        fork = Fork(self, self.ask({"start": env, "log": str(log)}), log)
        self.made.append(fork)
        return fork

    def ask(self, order: dict[str, Any]) -> Any:
        """One order, one answer."""
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.parent.stdin.write(json.dumps(order) + "\n")
        self.parent.stdin.flush()
        return json.loads(self.parent.stdout.readline())


def _serve() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    import executions.tasks
    from config.celery import app

    app.loader.import_default_modules()
    assert executions.tasks
    children: dict[int, int | None] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                _become_worker(order["start"], order["log"])
            children[pid] = None
            answer: int | None = pid
        else:
            answer = _wait(children, order["wait"], order["seconds"])
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()
    for pid, status in children.items():
        if status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _wait(children: dict[int, int | None], pid: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while children[pid] is None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children[pid] = os.waitstatus_to_exitcode(status)
        elif time.monotonic() > deadline:
            break
        else:
            time.sleep(0.01)
    return children[pid]


def _become_worker(env: dict[str, str], log: str) -> None:
    from celery.__main__ import main as command_line

    from executions import faults

    os.setsid()
    os.environ |= env
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(output, standard)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    faults.arm(os.environ.get("FAULTPOINTS", ""))
    status = 1
    try:
        sys.argv = COMMAND
        command_line()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except Exception:  # a child must never go on as its parent
        logger.exception("the worker broke")
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve()
