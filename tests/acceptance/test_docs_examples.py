"""What the documentation tells people to type works: docs/api.md's commands and docs/examples/client.py are run.

A command counts when it stands in a fenced `sh` block whose first line says how it is answered: `# 200 {team_id, …}`.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.acceptance.conftest import World, environment
from tests.fakes import FakeLLMServer
from tests.processes import WebProcess, WorkerProcess, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text()
CLIENT = DOCS / "examples" / "client.py"

_BLOCK = re.compile(r"^```sh\n# (\d{3}) (?:\{([\w, ]+)\}|(\S+))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CURL = """curl() { command curl -sS -o answer -D headers -w '%{http_code} %{content_type}' "$@"; }\n"""

COMPATIBILITY = {"/teams", "/build", "/execute", "/update_team", "/rollback_team", "/delete_team"}


@dataclass(frozen=True)
class Example:
    """A command of the page, and how it says it is answered."""

    status: str
    members: set[str]
    content_type: str
    command: str


EXAMPLES = [
    Example(status, set(re.split(r",\s*", members)) if members else set(), kind, command)
    for status, members, kind, command in _BLOCK.findall(PAGE)
]


@pytest.fixture(scope="module")
def world(django_db_setup: None) -> Iterator[World]:
    """A model that answers at once."""
    with FakeLLMServer() as model:
        yield World(model, environment(model))


@pytest.fixture(scope="module")
def web(world: World) -> Iterator[WebProcess]:
    """A web process for the whole module."""
    with WebProcess(**world.env, RATE_LIMIT_PER_KEY="60") as web:
        yield web


@pytest.fixture
def running(world: World, web: WebProcess) -> Iterator[WebProcess]:
    """The web process with a worker beside it."""
    world.model.reset()
    with WorkerProcess(**world.env):
        yield web


def test_every_block_of_commands_tells_its_answer() -> None:
    assert PAGE.count("```sh\n") == len(EXAMPLES) >= 10


def test_every_command_with_a_body_says_that_it_is_json() -> None:
    commands = re.findall(r"^ *curl (?:.*\\\n)*.*$", PAGE, re.MULTILINE)
    with_body = [command for command in commands if " -d " in command]
    assert len(with_body) >= 10
    assert [command for command in with_body if "Content-Type: application/json" not in command] == []


def test_each_compatibility_route_has_an_example() -> None:
    assert {path for path in COMPATIBILITY if any(f"$BASE{path}" in e.command for e in EXAMPLES)} == COMPATIBILITY


def test_the_commands_of_the_page(running: WebProcess, alice: Any, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        if os.environ.get("CI"):
            pytest.fail("curl is missing: apt-get install curl")
        pytest.skip("needs curl")
    (tmp_path / "team.json").write_text(re.search(r"`team\.json`:\n\n```json\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]
    env = {"PATH": os.environ["PATH"], "BASE": running.address, "KEY": alice.key()}
    env["TEAM"] = str(factories.team(alice).id)
    for example in EXAMPLES:
        status, content_type, body = _typed(example.command, env, tmp_path)
        assert status == example.status, f"{example.command}\n{body}"
        if example.content_type:
            assert content_type.startswith(example.content_type)
            assert "event: end" in body
        else:
            answer = json.loads(body)
            assert example.members <= set(answer), example.command
            env["RUN"] = answer.get("id", env.get("RUN", ""))


def _typed(command: str, env: dict[str, str], folder: Path) -> tuple[str, str, str]:
    """Status, content type and body of what a shell gets for it."""
    done = subprocess.run(
        ["bash", "-euc", _CURL + command], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    status, _space, content_type = done.stdout.partition(" ")
    return status, content_type, (folder / "answer").read_text()


# --- the client -------------------------------------------------------------------------------------------------------


def client_process(web: WebProcess, key: str, question: str = "Why?") -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(CLIENT), web.address, key, question]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_client_shows_a_run(running: WebProcess, world: World, alice: Any) -> None:
    child = client_process(running, alice.key())
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    first, second, blank, last = out.strip().splitlines()
    assert first.startswith("Writer: ")
    assert second.startswith("Critic: ")
    assert blank == ""
    assert last.startswith("succeeded: ")


def test_the_client_comes_back_after_a_restart_of_the_server(running: WebProcess, world: World, alice: Any) -> None:
    world.model.rule(latency_ms=3000)
    child = client_process(running, alice.key())
    wait_until(lambda: len(world.model.calls) == 2, "the second agent speaks")
    running.kill()
    time.sleep(1)
    running.start()
    running.wait_ready()
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert [line.partition(":")[0] for line in out.strip().splitlines()] == ["Writer", "Critic", "", "succeeded"]


def test_the_client_says_what_was_wrong(web: WebProcess, alice: Any) -> None:
    child = client_process(web, alice.key("teams:read"))
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (1, "")
    assert "403 Forbidden" in err
    assert "teams:write" in err


def test_the_client_slows_down_when_it_is_told_to(web: WebProcess, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = _imported(CLIENT)
    waits: list[float] = []
    monkeypatch.setattr(module.time, "sleep", lambda seconds, sleep=time.sleep: (waits.append(seconds), sleep(seconds)))
    client = module.Client(web.address, alice.key())
    for _ in range(90):
        assert client.request("GET", "/api/v1/me")["tenant"]["slug"] == "acme"
        if len(waits) == 3:
            break
    assert len(waits) == 3
    assert set(waits) <= {1.0, 2.0}


def _imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("example_client", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
