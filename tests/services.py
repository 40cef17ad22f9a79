"""Pytest plugin (`-p tests.services`): a fresh PostgreSQL and Redis for each process that runs tests.

It runs before pytest-django reads the settings, and sets the environment those settings come from.
TEST_DATABASE_ADMIN_URL (a superuser's address) and TEST_REDIS_URL use servers that run already instead.

Under `-n` each worker of pytest-xdist starts servers of its own, and the process that hands out the tests none: it
reads the settings, but their addresses lead nowhere.
"""

import atexit
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import psycopg.conninfo
import pytest

from config.embedded import postgres, redis
from config.embedded.ports import any_free
from config.embedded.process import Child, Program
from teams import roles

_running: list[Child] = []
_folders: list[Path] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Start the services before any settings or conftest are read."""
    if not _folders:
        # Also when pytest dies on its way to `pytest_unconfigure`, for instance in a conftest with an error,
        atexit.register(_stop)
        # and when a time limit ends it.
        signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))
        _prepare(_hands_out(early_config))
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End the workers that still run a test, after Ctrl-C or a SIGTERM: in the ten seconds that pytest-xdist waits for
    them before it kills them, a long test would not come to its end and its worker not to stopping its servers."""
    if _hands_out(session.config) and exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        for worker in psutil.Process().children():
            worker.terminate()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop them, also after Ctrl-C."""
    _stop()


def _hands_out(config: pytest.Config) -> bool:
    """Whether this process gives the tests to workers (`-n`) and runs none."""
    given = config.known_args_namespace
    return bool(getattr(given, "numprocesses", 0)) and not given.usepdb and "PYTEST_XDIST_WORKER" not in os.environ


def _prepare(hands_out: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="atb-tests-"))
    _folders.append(folder)
    (folder / "static").mkdir()  # whitenoise warns when it is missing
    running = [os.environ.get(name) for name in ("TEST_DATABASE_ADMIN_URL", "TEST_REDIS_URL")]
    if hands_out:
        if any(running):
            raise pytest.UsageError("workers cannot share TEST_DATABASE_ADMIN_URL and TEST_REDIS_URL: add -n 0")
        running = ["postgresql://127.0.0.1:9/none", "redis://127.0.0.1:9"]
    admin_url = running[0] or _start_postgres(folder)
    redis_url = running[1] or _start_redis(folder)
    owner_url, app_url = _login(admin_url, "atb_owner"), _login(admin_url, "atb_app")
    if not hands_out:
        roles.apply(admin_url, app_url, owner_url)
    # Nothing of a person's own environment may leak in: no real model, no real database.
    os.environ |= {
        "DATABASE_ADMIN_URL": admin_url,
        "DATABASE_OWNER_URL": owner_url,
        "DATABASE_URL": app_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": secrets.token_urlsafe(32),
        "API_KEY_PEPPER": secrets.token_urlsafe(32),
        "ENCRYPTION_KEYS": f"k1:{secrets.token_urlsafe(32)}",
        "DATA_DIR": str(folder),
        "READ_EMBEDDED_ENV": "false",
        "ALLOW_MODEL_REQUESTS": "local",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",  # nobody listens: a test names its own server
        "OPENAI_API_KEY": "not-a-key",
        "DEFAULT_MODEL": "openai:scripted",
        "DEBUG": "false",
        # Tests ask faster than any client; those about limits set their own.
        "RATE_LIMIT_PER_KEY": "0",
        "RATE_LIMIT_PER_TENANT": "0",
        "RATE_LIMIT_BAD_KEYS": "0",
    }


def _login(admin_url: str, role: str) -> str:
    """The administrator's address with another login, a throw-away password and the product's database."""
    place = psycopg.conninfo.conninfo_to_dict(admin_url)
    password = secrets.token_urlsafe(16)
    return f"postgresql://{role}:{password}@{place['host']}:{place.get('port', 5432)}/{postgres.DATABASE}"


def _start_postgres(folder: Path) -> str:
    password, port, cluster = secrets.token_urlsafe(16), any_free(), folder / "postgres"
    user = postgres.system_user(folder)
    postgres.create(cluster, password, user, durable=False)
    admin_url = postgres.url(postgres.SUPERUSER, password, port, "postgres")
    program = postgres.program(cluster, port, folder / "postgres.log", user, durable=False)
    _start(program, folder, lambda: postgres.answers(admin_url))
    return admin_url


def _start_redis(folder: Path) -> str:
    password, port = secrets.token_urlsafe(16), any_free()
    address = redis.url(password, port)
    _start(redis.program(folder, port, password, folder / "redis.log"), folder, lambda: redis.answers(address))
    return address


def _start(program: Program, folder: Path, answers: Callable[[], bool]) -> None:
    child = Child(program, folder / f"{program.name}.pid")
    child.start()
    _running.append(child)
    deadline = time.monotonic() + 30
    while not answers():
        if child.pid is None or time.monotonic() > deadline:
            _stop()
            pytest.exit(f"{program.name} did not start:\n{child.log_tail()}", returncode=3)
        time.sleep(0.02)


def _stop() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # nothing interrupts this
    for child in reversed(_running):
        child.stop()
    _running.clear()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)
    _folders.clear()
