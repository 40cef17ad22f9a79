"""The folder that holds everything of one installation: data, generated passwords, logs, process ids."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from config.embedded.errors import EmbeddedError

_LOG_MAX_BYTES = 10_000_000


class DataDir:
    """Paths below DATA_DIR. One command at a time may use them; `lock` sees to that."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.run = self.root / "run"
        self.logs = self.root / "log"
        self.cluster = self.root / "postgres"
        self.ports = self.root / "ports.json"
        self.secrets = self.root / "secrets.env"
        self.environment = self.run / "env"
        self.demo_password = self.root / "demo-password"

    def prepare(self) -> None:
        """Make the folders, for their owner alone, and put overlong logs aside."""
        # whitenoise looks for the static folder, which stays empty here: files come straight from the packages
        for folder in (self.root, self.run, self.logs, self.root / "static"):
            if not folder.exists():
                folder.mkdir(mode=0o700, parents=True)
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _LOG_MAX_BYTES:
                log.replace(log.with_suffix(".log.1"))

    def log(self, name: str) -> Path:
        """The log file of this child."""
        return self.logs / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        """The file that holds this child's process id while it runs."""
        return self.run / f"{name}.pid"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder; raise EmbeddedError when another command does. The system frees it when we end."""
        with (self.root / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise EmbeddedError(
                    f"Another command (process {file.read().strip() or 'unknown'}) runs on {self.root}. "
                    "Stop it, or give this one a DATA_DIR and a PORT of its own."
                ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def end_leftovers(self, pause: Callable[[float], None] = time.sleep) -> list[str]:
        """End children that a killed command left running; return their names. PostgreSQL ends itself (SIGINT)."""
        ended = []
        for file in sorted(self.run.glob("*.pid")):
            process = _process_of(file)
            if process is not None:
                ended.append(file.stem)
                _end(process, signal.SIGINT if file.stem == "postgres" else signal.SIGKILL, pause)
            file.unlink(missing_ok=True)
        return ended


def _process_of(file: Path) -> psutil.Process | None:
    """The live process this file was written for; None when its id belongs to some later process."""
    try:
        process = psutil.Process(int(file.read_text()))
        # The file is written right after the start, so a process much younger or older is a stranger.
        return process if abs(process.create_time() - file.stat().st_mtime) < 5 else None
    except (ValueError, psutil.NoSuchProcess):
        return None


def _end(process: psutil.Process, number: signal.Signals, pause: Callable[[float], None]) -> None:
    """Signal, wait up to 30 seconds, then kill."""
    try:
        process.send_signal(number)
        deadline = time.monotonic() + 30
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                process.kill()
            pause(0.05)
    except psutil.NoSuchProcess:
        pass
