"""Starts children, watches them, restarts what crashes, and stops all of them in order.

One thread only: the kernel ends a child when the thread that started it ends (process.dies_with_parent).
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from config.embedded.errors import EmbeddedError, StopRequested
from config.embedded.process import Child, dies_with_parent

_TICK = 0.1  # seconds between looks at the children
_CRASH_WINDOW = 60.0  # seconds
_CRASHES_ALLOWED = 2  # within the window; one more ends the command


class Interrupts:
    """Counts Ctrl-C, SIGTERM and a closed terminal; the first asks for a stop, the second for an end at once."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take the signals over while the block runs."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1

    def pause(self, seconds: float, tolerated: int = 0) -> None:
        """Sleep; raise StopRequested when more signals came than are tolerated."""
        time.sleep(seconds)
        if self.count > tolerated:
            raise StopRequested


@dataclass
class Part:
    """A child and what the supervisor must know to keep it up."""

    child: Child
    ready: Callable[[], bool]
    patience: float = 60.0  # seconds from start to ready
    before_restart: Callable[[], None] | None = None
    crashes: list[float] = field(default_factory=list)  # time.monotonic() of the recent ones
    restart_at: float | None = None

    @property
    def name(self) -> str:
        """The child's name."""
        return self.child.program.name


class Supervisor:
    """All children of one command, in the order in which they were started."""

    def __init__(self, say: Callable[[str], None], interrupts: Interrupts) -> None:
        self._say = say
        self._interrupts = interrupts
        self._parts: list[Part] = []

    def pause(self, seconds: float) -> None:
        """Sleep; raise StopRequested when a signal came."""
        self._interrupts.pause(seconds)

    def start(self, part: Part) -> None:
        """Start one more child; `await_ready` says when it can be used."""
        self._parts.append(part)
        part.child.start()

    def await_ready(self, *names: str) -> None:
        """Wait until these children answer; raise EmbeddedError with the log of one that ended or takes too long."""
        for part in self._parts:
            if part.name not in names:
                continue
            while not part.ready():
                if part.child.exit_status() is not None:
                    raise EmbeddedError(f"{part.name} {_ended(part.child)}. Its log:\n{part.child.log_tail()}")
                if time.monotonic() - part.child.started_at > part.patience:
                    seconds = f"{part.patience:.0f} seconds"
                    raise EmbeddedError(f"{part.name} was not ready after {seconds}. Its log:\n{part.child.log_tail()}")
                self.pause(_TICK)

    def run(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> str:
        """Run a command to its end and return what it printed; raise EmbeddedError when it fails."""
        with subprocess.Popen(
            argv,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509  it only calls prctl
        ) as process:
            while True:
                try:
                    output, errors = process.communicate(timeout=_TICK)
                    break
                except subprocess.TimeoutExpired:
                    try:
                        self.pause(0)
                    except StopRequested:
                        process.kill()
                        raise
        if process.returncode != 0:
            raise EmbeddedError(f"`{' '.join(argv[1:])}` failed:\n{output}{errors}")
        return output

    def run_in_front(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
        """Run a command on this terminal while the children are watched; return its exit status."""
        with subprocess.Popen(
            argv,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509  it only calls prctl
        ) as process:
            try:
                self.watch(until=lambda: process.poll() is not None)
            finally:
                process.kill()
        return process.returncode

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep all children up until the condition holds or a signal comes (StopRequested)."""
        while not until():
            for part in self._parts:
                self._look_after(part)
            self.pause(_TICK)

    def _look_after(self, part: Part) -> None:
        """Report a crash, and start the child again after a pause that grows; give up at the third in a minute."""
        now = time.monotonic()
        if part.restart_at is not None:
            if now >= part.restart_at:
                part.restart_at = None
                if part.before_restart is not None:
                    part.before_restart()
                part.child.start()
                self._say(f"{part.name} started again (process {part.child.pid})")
            return
        if part.child.exit_status() is None:
            return
        part.child.forget()
        part.crashes = [moment for moment in part.crashes if now - moment < _CRASH_WINDOW] + [now]
        report = f"{part.name} {_ended(part.child)}. The end of its log ({part.child.program.log}):\n"
        report += part.child.log_tail()
        if len(part.crashes) > _CRASHES_ALLOWED:
            raise EmbeddedError(f"{report}\n{part.name} crashed {len(part.crashes)} times within a minute: giving up.")
        self._say(report)
        part.restart_at = now + 0.5 * 2 ** (len(part.crashes) - 1)

    def stop(self, order: Sequence[str]) -> bool:
        """Stop all children, those named first in their order; False when a second signal made it a kill."""
        tolerated = self._interrupts.count
        rank = {name: place for place, name in enumerate(order)}
        pending = sorted(self._parts, key=lambda part: rank.get(part.name, len(rank)))
        self._parts = []
        try:
            for part in pending:
                part.child.stop(lambda seconds: self._interrupts.pause(seconds, tolerated))
        except StopRequested:
            for part in pending:
                part.child.kill()
            return False
        return True


def _ended(child: Child) -> str:
    """How a child came to its end, in words."""
    status = child.exit_status()
    if status is not None and status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
