"""Pytest plugin (`-p tests.services`): a fresh PostgreSQL and Redis for each test session.

It runs before pytest-django reads the settings, and sets the environment those settings come from.
TEST_DATABASE_ADMIN_URL (a superuser's address) and TEST_REDIS_URL use servers that run already instead.
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

import psycopg.conninfo
import pytest

from config.embedded import postgres, redis
from config.embedded.ports import any_free
from config.embedded.process import Child, Program
from teams import roles

_running: list[Child] = []
_folders: list[Path] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, object, object]:
    """Start the services before any settings or conftest are read."""
    if not _folders:
        # Also when pytest dies on its way to `pytest_unconfigure`, for instance in a conftest with an error,
        atexit.register(_stop)
        # and when a time limit ends it.
        signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))
        _prepare()
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's tests last: Playwright leaves an event loop running in this thread, and under it no
    `asyncio.run` and no `async_to_sync` of another test works."""
    items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop them, also after Ctrl-C."""
    _stop()


def _prepare() -> None:
    folder = Path(tempfile.mkdtemp(prefix="atb-tests-"))
    _folders.append(folder)
    (folder / "static").mkdir()  # whitenoise warns when it is missing
    admin_url = os.environ.get("TEST_DATABASE_ADMIN_URL") or _start_postgres(folder)
    redis_url = os.environ.get("TEST_REDIS_URL") or _start_redis(folder)
    owner_url, app_url = _login(admin_url, "atb_owner"), _login(admin_url, "atb_app")
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
    for child in reversed(_running):
        child.stop()
    _running.clear()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)
    _folders.clear()
