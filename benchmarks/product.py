"""The product under load, as people run it: `python -m config.embedded serve` on a fresh data folder."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from benchmarks.processes import Clock, memory_mb, percentile, pid_of

TEAM = {
    "agent_team_main_goal": "Name three uses of a brick.",
    "max_turns": 1,
    "agents": [
        {"agent_role": role, "agent_goal_based_prompt": "Answer in about sixty words. " * 20} for role in "ABCD"
    ],
}
"""Four agents, one call each; about 2.8 KB."""


class Product:
    """A running installation with one tenant and a key."""

    def __init__(self, model_url: str, slots: int = 256, workers: int = 1) -> None:
        self.model_url, self.slots, self.workers = model_url, slots, workers
        self.folder = Path(tempfile.mkdtemp(prefix="atb-bench-"))
        self.http = urllib3.PoolManager(maxsize=64, retries=False)

    def __enter__(self) -> Self:
        env = {
            **os.environ,
            "DATA_DIR": str(self.folder), "PORT": "0", "OPENAI_BASE_URL": self.model_url, "OPENAI_API_KEY": "none",
            "DEFAULT_MODEL": "openai:fake", "WORKER_SLOTS": str(self.slots), "PYTHONUNBUFFERED": "1",
            "RATE_LIMIT_PER_KEY": "1000000", "RATE_LIMIT_PER_TENANT": "1000000", "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.embedded", "serve"], env=env, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        text = ""
        while not (ready := re.search(r"^ready (\S+)", text, re.MULTILINE)):
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"the product did not start:\n{text}")
            text += line
        self.address = ready[1]
        self.key = re.search(r"tb_live_\S+", text)[0]  # type: ignore[index]
        self.pids = {name: pid_of(self.folder, name) for name in ("web", "worker", "postgres", "redis")}
        self.team_id = self.post("/api/v1/teams", {"config": TEAM})["id"]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request; raises for anything but 2xx."""
        answer = self.http.request(
            method,
            self.address + path,
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers},
        )
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.data[:300]!r}")
        return json.loads(answer.data)

    def post(self, path: str, body: Any) -> Any:
        """POST and read JSON."""
        return self.request("POST", path, body)

    def start(self) -> float:
        """Submit a run; returns milliseconds."""
        began = time.monotonic()
        self.post("/api/v1/executions", {"team_id": self.team_id})
        return (time.monotonic() - began) * 1000

    def open_runs(self) -> int:
        """How many runs have not ended."""
        return sum(
            len(self.request("GET", f"/api/v1/executions?status={status}&limit=200")["results"])
            for status in ("queued", "running", "retry_wait")
        )

    def carry(self, runs: int, submitters: int = 4) -> dict[str, Any]:
        """Submit runs and wait for the last; wall, CPU of each part per run, submit times."""
        with Clock(self.pids) as clock:
            with ThreadPoolExecutor(submitters) as pool:
                times = list(pool.map(lambda _: self.start(), range(runs)))
            peak = memory_mb(self.pids["worker"])
            while self.open_runs():
                peak = max(peak, memory_mb(self.pids["worker"]))
                time.sleep(0.05)
        return {
            "seconds": clock.seconds,
            "per_second": runs / clock.seconds,
            "cpu": {name: used / runs for name, used in clock.cpu.items()},
            "submit_p50": percentile(times, 0.5),
            "submit_p95": percentile(times, 0.95),
            "memory_mb": peak,
        }

    def submit_under_load(self, runs: int, probes: int) -> tuple[float, float]:
        """p50 and p95 milliseconds of single submits while `runs` runs are in flight."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: self.start(), range(runs)))
        times = []
        for _ in range(probes):
            times.append(self.start())
            time.sleep(0.01)
        while self.open_runs():
            time.sleep(0.1)
        return percentile(times, 0.5), percentile(times, 0.95)

    def stream_delays(self, streams: int) -> list[float]:
        """Milliseconds each streamed word was on its way from the model to a reader, over so many runs at once."""
        delays: list[float] = []
        threads = [threading.Thread(target=self._read_stream, args=(delays,)) for _ in range(streams)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return delays

    def _read_stream(self, delays: list[float]) -> None:
        run = self.post("/api/v1/executions", {"team_id": self.team_id, "stream": True})["id"]
        answer = self.http.request(
            "GET",
            f"{self.address}/api/v1/executions/{run}/events",
            headers={"Authorization": f"Bearer {self.key}"},
            preload_content=False,
        )
        for raw in _lines(answer):
            now = time.monotonic_ns()
            if raw.startswith(b"event: end"):
                break
            if raw.startswith(b"data: ") and b'"text"' in raw:
                text = str(json.loads(raw[6:]).get("text", ""))
                # The last whole number is the newest word; those before it waited in the same message.
                delays.extend((now - int(word)) / 1e6 for word in re.findall(r"\d{12,}(?= )", text))
        answer.drain_conn()
        answer.release_conn()


def _lines(answer: Any) -> Any:
    rest = b""
    while chunk := answer.read1(65536):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
