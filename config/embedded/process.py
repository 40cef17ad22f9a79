"""One child process: started, watched, stopped, and ended by the kernel when its parent is gone."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Program:
    """What to run: the command, its environment, and how it likes to be ended."""

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] | None = None
    user: int | None = None  # numeric user id to run as; None: the caller's own
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 10.0  # seconds between the polite signal and SIGKILL
    # What the kernel sends when the parent is gone. There is nobody left to drain for, and the runs are durable.
    orphan_signal: signal.Signals = signal.SIGKILL


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` that choose the user of a child."""

    user: int
    group: int
    extra_groups: list[int]


def identity(user: int | None) -> Identity:
    """Return how to run a child as this user and in this user's own group alone; None: as ourselves."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwuid(user).pw_gid, "extra_groups": []}


def dies_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return what a child runs before its program, so that a parent killed with -9 leaves no orphans.

    Linux only; None elsewhere. The caller must start children from its main thread: the kernel watches the
    thread that forked.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # the parent went before we could ask
            os._exit(1)

    return arrange


@dataclass
class Child:
    """A program and, while it runs, its process. `pid_file` names the process while it runs."""

    program: Program
    pid_file: Path
    started_at: float = field(default=0.0, init=False)  # time.monotonic()
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _log_start: int = field(default=0, init=False)

    def start(self) -> None:
        """Start the program in a session of its own, so that the terminal's Ctrl-C reaches the parent alone."""
        with self.program.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self.program.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.program.env is None else dict(self.program.env),
                cwd=self.program.cwd,
                **identity(self.program.user),
                start_new_session=True,
                preexec_fn=dies_with_parent(self.program.orphan_signal),  # noqa: PLW1509  it only calls prctl
            )
        self.started_at = time.monotonic()
        self.pid_file.write_text(f"{self._process.pid}\n")

    @property
    def pid(self) -> int | None:
        """The process id while the program runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def exit_status(self) -> int | None:
        """The status it ended with (negative: the signal); None while it runs or was never started."""
        return None if self._process is None else self._process.poll()

    def ask_to_stop(self) -> None:
        """Send the polite signal."""
        if self._process is not None:
            self._process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """End the process at once, with everything it started itself."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.forget()

    def stop(self, pause: Callable[[float], None] = time.sleep) -> None:
        """Ask, wait for as long as the program may take, then kill. `pause` may raise to break off the wait."""
        self.ask_to_stop()
        deadline = time.monotonic() + self.program.patience
        while self.pid is not None and time.monotonic() < deadline:
            pause(0.05)
        self.kill()

    def forget(self) -> None:
        """Take the pid file away: nobody of this name runs any more."""
        self.pid_file.unlink(missing_ok=True)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines it wrote since its last start."""
        with self.program.log.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 20_000))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def has_logged(self, words: str) -> bool:
        """Whether these words stand in what it wrote since its last start."""
        with self.program.log.open("rb") as log:
            log.seek(self._log_start)
            return words.encode() in log.read()
