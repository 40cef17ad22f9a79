"""`python -m config.embedded serve` as a person runs it: everything up, one signal ends all of it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import urllib3

from config.embedded import dotenv, local_model
from config.embedded.ports import any_free

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROJECT = Path(__file__).parents[2]
METRICS_TOKEN = "scrape-me-0123456789"
WORKER_PORT = any_free()
CHILDREN = ["postgres", "redis", "web", "worker"] + (["model"] if local_model.weights() else [])


def environment(data: Path, **more: str) -> dict[str, str]:
    """What a terminal has: none of the addresses that this test session uses itself."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "CI") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", "DATA_DIR": str(data), "PORT": "0", **more}


@dataclass
class Serving:
    """A `serve` that said it is ready."""

    process: subprocess.Popen[str]
    data: Path
    address: str

    def pid(self, name: str) -> int:
        return int((self.data / "run" / f"{name}.pid").read_text())

    def ready(self) -> int:
        return urllib3.request("GET", f"{self.address}/health/ready", timeout=5, retries=False).status

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, str(PROJECT / "manage.py"), *words]
        return subprocess.run(argv, env=environment(self.data), capture_output=True, text=True, check=False)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def serving(data: Path, **variables: str) -> Iterator[Serving]:
    """Start `serve` and wait for its line; kill it in the end if a test left it running."""
    log = data.with_suffix(".stderr")
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "config.embedded", "serve"],
            cwd=PROJECT,
            env=environment(data, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", line):
                    yield Serving(process, data, found[1])
                    break
            else:
                pytest.fail(f"serve ended without being ready:\n{log.read_text()}")
        finally:
            process.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    told = {"LOG_FORMAT": "json", "METRICS_TOKEN": METRICS_TOKEN, "METRICS_WORKER_PORT": str(WORKER_PORT)}
    with serving(tmp_path_factory.mktemp("stack") / "data", **told) as stack:
        yield stack
        assert stack.end(signal.SIGINT) == 0


def test_it_is_ready_when_it_says_so(running: Serving) -> None:
    assert running.ready() == 200


def test_web_and_worker_count(running: Serving) -> None:
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    web = urllib3.request("GET", f"{running.address}/metrics", headers=headers, timeout=5, retries=False)
    assert b"atb_workers 1.0" in web.data
    worker = urllib3.request("GET", f"http://127.0.0.1:{WORKER_PORT}/metrics", timeout=5, retries=False)
    assert b"atb_worker_slots" in worker.data


@pytest.mark.parametrize(("name", "logger"), [("web", "uvicorn.error"), ("worker", "celery.apps.worker")])
def test_the_servers_own_lines_are_json_as_well(running: Serving, name: str, logger: str) -> None:
    lines = (running.data / "log" / f"{name}.log").read_text().splitlines()
    assert logger in {json.loads(line)["logger"] for line in lines if line.startswith("{")}


@pytest.mark.parametrize("name", CHILDREN)
def test_each_child_runs_under_the_id_in_its_file(running: Serving, name: str) -> None:
    assert psutil.Process(running.pid(name)).ppid() == running.process.pid


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_product_has_no_login_that_owns_the_tables(running: Serving, name: str) -> None:
    given = psutil.Process(running.pid(name)).environ()
    assert "atb_app" in given["DATABASE_URL"]
    assert {"DATABASE_OWNER_URL", "DATABASE_ADMIN_URL"}.isdisjoint(given)


def test_manage_py_with_the_same_data_dir_speaks_to_the_running_services(running: Serving) -> None:
    made = running.manage("create_tenant", "made-by-hand")
    assert made.returncode == 0, made.stderr
    twice = running.manage("create_tenant", "made-by-hand")
    assert twice.returncode != 0


def test_addresses_and_passwords_are_for_the_owner_of_the_directory_only(running: Serving) -> None:
    for file in ("run/env", "secrets.env", "demo-password", "run/redis.conf"):
        if (running.data / file).exists():
            assert (running.data / file).stat().st_mode & 0o077 == 0, file


def test_a_second_command_on_the_same_directory_is_refused(running: Serving) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "config.embedded", "serve"],
        cwd=PROJECT,
        env=environment(running.data),
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"process {running.process.pid}" in second.stderr
    assert running.ready() == 200


def test_a_port_that_is_taken_is_named(running: Serving, tmp_path: Path) -> None:
    port = running.address.rpartition(":")[2]
    second = subprocess.run(
        [sys.executable, "-m", "config.embedded", "serve"],
        cwd=PROJECT,
        env=environment(tmp_path / "data", PORT=port),
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"Port {port} is taken" in second.stderr


def test_on_services_that_run_elsewhere_only_web_and_worker_are_started(running: Serving, tmp_path: Path) -> None:
    addresses = dotenv.read(running.data / "run" / "env")
    given = {name: value for name, value in addresses.items() if name.endswith("_URL")}
    with serving(tmp_path / "data", **given, OPENAI_API_KEY=addresses["OPENAI_API_KEY"], SECRET_KEY="mine") as second:
        assert {file.stem for file in (second.data / "run").glob("*.pid")} == {"web", "worker"}
        assert not (second.data / "postgres").exists()
        assert psutil.Process(second.pid("web")).environ()["SECRET_KEY"] == "mine"
        assert second.ready() == 200
        assert second.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("name", ["web", "worker", "redis", "postgres"])
def test_a_child_killed_with_9_comes_back_and_the_product_answers(running: Serving, name: str) -> None:
    before = running.pid(name)
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not _is_back(running, name, before):
        assert running.process.poll() is None, "the command gave up"
        assert time.monotonic() < deadline, f"{name} did not come back"
        time.sleep(0.2)


def _is_back(stack: Serving, name: str, before: int) -> bool:
    try:
        return stack.pid(name) != before and stack.ready() == 200
    except (FileNotFoundError, urllib3.exceptions.HTTPError):
        return False


def test_no_child_survives_and_the_data_do(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as first:
        assert first.manage("create_tenant", "kept").returncode == 0
        assert _ends_with_all_its_children(first, signal.SIGTERM) == 0
    assert not list((data / "run").glob("*.pid"))
    assert not (data / "run" / "env").exists()
    with serving(data) as second:
        assert second.manage("create_tenant", "kept").returncode != 0, "the tenant is there already"
        assert second.manage("create_tenant", "kept-too").returncode == 0
        assert _ends_with_all_its_children(second, signal.SIGKILL) == -signal.SIGKILL
    with serving(data) as third:
        assert third.manage("create_tenant", "kept-too").returncode != 0
        assert third.end(signal.SIGINT) == 0


def _ends_with_all_its_children(stack: Serving, number: signal.Signals) -> int:
    children = [psutil.Process(stack.pid(name)) for name in CHILDREN]
    status = stack.end(number)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    return status


def test_the_demo_takes_all_its_steps_and_ends_with_0(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "config.embedded", "demo"],
        cwd=PROJECT,
        env=environment(tmp_path / "data"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "All steps worked." in shown.stdout
    if "model" in CHILDREN:
        assert "small demo model" in shown.stdout
