"""Children are restarted after a crash, given up after three, and never outlive their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from config.embedded.errors import EmbeddedError, StopRequested
from config.embedded.process import Child, Program
from config.embedded.supervisor import Interrupts, Part, Supervisor

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
)
CRASHER = (sys.executable, "-c", "import sys; sys.exit('the reason it gives')")


@dataclass
class Bench:
    """A supervisor whose reports are kept."""

    folder: Path
    interrupts: Interrupts = field(default_factory=Interrupts)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.said.append, self.interrupts)

    def start(self, name: str, argv: tuple[str, ...], patience: float = 5.0) -> Child:
        program = Program(name=name, argv=argv, log=self.folder / f"{name}.log", patience=patience)
        child = Child(program, self.folder / f"{name}.pid")
        self.supervisor.start(Part(child, lambda: child.has_logged("up"), patience=10))
        return child

    def watch(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.supervisor.watch(until=lambda: time.monotonic() > end)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.supervisor.stop(())


def test_a_child_that_was_killed_is_reported_and_started_again(bench: Bench) -> None:
    child = bench.start("worker", SLEEPER)
    bench.supervisor.await_ready("worker")
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    bench.watch(1.5)
    assert child.pid not in {None, first}
    assert child.pid_file.read_text() == f"{child.pid}\n"
    assert "worker was ended by SIGKILL" in bench.said[0]


def test_the_third_crash_within_a_minute_is_the_last_and_shows_the_log(bench: Bench) -> None:
    bench.start("web", CRASHER)
    with pytest.raises(EmbeddedError, match=r"the reason it gives(.|\n)*crashed 3 times"):
        bench.watch(20)
    assert len([line for line in bench.said if "ended with status 1" in line]) == 2


def test_a_child_that_ends_before_it_is_ready_stops_the_start(bench: Bench) -> None:
    bench.start("web", CRASHER)
    with pytest.raises(EmbeddedError, match="the reason it gives"):
        bench.supervisor.await_ready("web")


def test_children_are_stopped_in_the_order_given(bench: Bench) -> None:
    children = {name: bench.start(name, SLEEPER) for name in ("postgres", "worker", "web")}
    bench.supervisor.await_ready("postgres", "worker", "web")
    ended: list[str] = []
    for name, child in children.items():
        child.forget = lambda name=name: ended.append(name)  # type: ignore[method-assign,misc]
    assert bench.supervisor.stop(("web", "worker", "postgres"))
    assert ended == ["web", "worker", "postgres"]


def test_a_child_deaf_to_the_polite_signal_is_killed_after_its_patience(bench: Bench) -> None:
    child = bench.start("worker", STUBBORN, patience=0.3)
    bench.supervisor.await_ready("worker")
    assert bench.supervisor.stop(())
    assert child.exit_status() == -signal.SIGKILL


def test_a_second_signal_kills_at_once(bench: Bench) -> None:
    child = bench.start("worker", STUBBORN, patience=60)
    bench.supervisor.await_ready("worker")
    with bench.interrupts.caught(), subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -INT {os.getpid()}"]):
        began = time.monotonic()
        assert not bench.supervisor.stop(())
    assert time.monotonic() - began < 10
    assert child.exit_status() == -signal.SIGKILL


def test_the_first_signal_ends_the_watch(bench: Bench) -> None:
    with bench.interrupts.caught():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested):
            bench.watch(20)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel call exists on Linux only")
def test_a_parent_killed_with_9_takes_its_children_along(tmp_path: Path) -> None:
    script = f"""
import pathlib, time
from config.embedded.process import Child, Program
folder = pathlib.Path({str(tmp_path)!r})
Child(Program("one", {SLEEPER!r}, folder / "log"), folder / "pid").start()
print("started", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        child = psutil.Process(int((tmp_path / "pid").read_text()))
        parent.kill()
    child.wait(timeout=10)
