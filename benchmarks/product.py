"""The product as people run it: `python -m config.embedded serve` on a fresh data folder."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg

from benchmarks import load
from benchmarks.processes import Child, Clock, memory_mb, module, wait_until
from config.embedded import dotenv, postgres

TEAM = {
    "agent_team_main_goal": "Name three uses of a brick.",
    "max_turns": 1,
    "agents": [
        {"agent_role": role, "agent_goal_based_prompt": "Answer in about sixty words. " * 20} for role in "ABCD"
    ],
}
"""Four agents, one call each; about 2.8 KB."""

OPEN_RUNS = "select count(*) from executions_execution where status in ('queued', 'running', 'retry_wait')"
UNWELL = "select count(*) from executions_execution where status not in ('succeeded', 'queued', 'running')"
LAST_END = "select extract(epoch from max(finished_at))::float8 from executions_execution"
CONNECTIONS = "select count(*) from pg_stat_activity where usename = 'atb_app'"


class Product:
    """A running installation with one tenant, a key and a team. `pids`: its processes by name."""

    def __init__(self, model_url: str, slots: int, workers: int = 1) -> None:
        self.model_url, self.slots, self.workers = model_url, slots, workers
        self.folder = Path(tempfile.mkdtemp(prefix="atb-bench-"))
        self._more = ExitStack()

    def __enter__(self) -> Self:
        env = {
            **os.environ,
            "DATA_DIR": str(self.folder), "PORT": "0", "OPENAI_BASE_URL": self.model_url, "OPENAI_API_KEY": "none",
            "DEFAULT_MODEL": "openai:fake", "WORKER_SLOTS": str(self.slots), "PYTHONUNBUFFERED": "1",
            "RATE_LIMIT_PER_KEY": "1000000", "RATE_LIMIT_PER_TENANT": "1000000", "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        serve = module("config.embedded", "serve")
        self.process = subprocess.Popen(serve, env=env, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        assert self.process.stdout is not None
        text = ""
        while not (ready := re.search(r"^ready (\S+)", text, re.MULTILINE)):
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"the product did not start:\n{text}")
            text += line
        self.address = ready[1]
        self.key = re.search(r"tb_live_\S+", text)[0]  # type: ignore[index]
        files = (self.folder / "run").glob("*.pid")
        self.pids = {file.stem: int(file.read_text()) for file in files}
        more = [self._more.enter_context(self._second_worker()) for _ in range(self.workers - 1)]
        self.worker_pids = [self.pids["worker"], *(worker.pid for worker in more)]
        self.environment = dotenv.read(self.folder / "run" / "env")
        password = dotenv.read(self.folder / "secrets.env")["POSTGRES_PASSWORD"]
        self.admin_url = postgres.url(postgres.SUPERUSER, password, urlport(self.environment["DATABASE_URL"]))
        self.database = psycopg.connect(self.admin_url, autocommit=True, application_name="benchmark")
        self.team_id = self.ask("POST", "/api/v1/teams", {"config": TEAM})["id"]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._more.close()
        self.database.close()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        """One request."""
        return load.ask(self.address, self.key, method, path, value)

    def submit(self, runs: int, clients: int = 8) -> list[float]:
        """Start runs over HTTP; milliseconds of each POST."""
        return load.submit(self.address, self.key, self.team_id, runs, clients)

    def _second_worker(self) -> Child:
        """One more worker, started as the first one was."""
        first = psutil.Process(self.pids["worker"])
        return Child(first.cmdline(), speaks=False, **first.environ())

    def clock(self) -> Clock:
        """Wall and CPU of each process; PostgreSQL without the benchmark's own connection."""
        return Clock(leave_out=[self.database.info.backend_pid], **self.pids)

    def query(self, sql: str) -> Any:
        """One value, for the administrator, who sees all tenants."""
        row = self.database.execute(sql).fetchone()
        return row[0] if row else None

    def wait(self) -> dict[str, float]:
        """Wait until no run is open. Watched by a cheap query now and then, so that watching is not what is measured;
        the moment of the last end comes from the rows. Raises when a run did not succeed."""
        memory = connections = 0.0

        def none_open() -> bool:
            nonlocal memory, connections
            memory = max(memory, sum(memory_mb(pid) for pid in self.worker_pids))
            connections = max(connections, self.query(CONNECTIONS))
            return not self.query(OPEN_RUNS)

        wait_until(none_open, "the last run", every=0.2)
        if unwell := self.query(UNWELL):
            raise RuntimeError(f"{unwell} runs did not succeed")
        return {"last_end": self.query(LAST_END), "memory_mb": memory, "connections": connections}

    @contextmanager
    def workers_stopped(self) -> Iterator[None]:
        """Keep the workers from doing anything, so that runs pile up."""
        for pid in self.worker_pids:
            psutil.Process(pid).suspend()
        try:
            yield
        finally:
            for pid in self.worker_pids:
                psutil.Process(pid).resume()

    @contextmanager
    def same_server(self, application: str, **env: str) -> Iterator[tuple[str, int]]:
        """Another application on the web server's program and settings: its address and pid."""
        web = psutil.Process(self.pids["web"])
        words, port = web.cmdline(), free_port()
        if "config.asgi:application" not in words or str(urlport(self.address)) not in words:
            raise RuntimeError(f"the web server was started in a way unknown here: {words}")
        swap = {"config.asgi:application": application, str(urlport(self.address)): str(port)}
        with Child([swap.get(word, word) for word in words], speaks=False, **env) as child:
            wait_until(lambda: answers(port), application, longest=30)
            yield f"http://127.0.0.1:{port}", child.pid


def urlport(url: str) -> int:
    """The port in a URL."""
    return int(re.search(r":(\d+)(?:/|$)", url)[1])  # type: ignore[index]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
