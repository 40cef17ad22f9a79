"""System checks: a missing secret, an unknown model, a login that row level security would not hold."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from psycopg import sql

from teams.checks import default_model_is_known, encryption_keys_are_usable, login_faults, secrets_are_set

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@contextmanager
def _as_administrator() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as admin:
        yield admin


@contextmanager
def _granted(statement: str, undo: str) -> Iterator[None]:
    """Change a role for a while."""
    with _as_administrator() as admin:
        admin.execute(sql.SQL(statement))  # type: ignore[arg-type]
        try:
            yield
        finally:
            admin.execute(sql.SQL(undo))  # type: ignore[arg-type]


# --- settings ---------------------------------------------------------------------------------------------------------


def test_a_missing_secret_is_named(settings):
    settings.API_KEY_PEPPER = ""
    (error,) = secrets_are_set()
    assert error.id == "ATB.E001"
    assert "API_KEY_PEPPER" in error.msg
    assert ".env.example" in error.hint


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("", "not set"),
        (f"{'A' * 43}", "no id"),
        ("k1:shortkey", "bytes"),
        ("k1:" + "!" * 43, "not base64"),
        (f"k1:{'A' * 43},k1:{'B' * 43}", "twice"),
    ],
)
def test_encryption_keys_that_cannot_be_used_are_named_without_their_values(settings, keys, problem):
    settings.ENCRYPTION_KEYS = keys
    (error,) = encryption_keys_are_usable()
    assert error.id == "ATB.E004"
    assert problem in error.msg
    assert "AAAA" not in error.msg
    assert ".env.example" in error.hint


@pytest.mark.parametrize("model", ["", "gpt-4o", "openai:", ":gpt-4o"])
def test_a_model_without_its_provider_is_named(settings, model):
    settings.DEFAULT_MODEL = model
    (error,) = default_model_is_known()
    assert error.id == "ATB.E002"


def test_these_settings_pass():
    assert [message for message in run_checks() if message.id and message.id.startswith("ATB.")] == []


# --- the database login -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_products_own_login_is_walled_in():
    assert login_faults() == []
    call_command("check", databases=["default"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "undo", "fault"),
    [
        ("ALTER ROLE atb_app SUPERUSER", "ALTER ROLE atb_app NOSUPERUSER", "superuser"),
        ("ALTER ROLE atb_app BYPASSRLS", "ALTER ROLE atb_app NOBYPASSRLS", "BYPASSRLS"),
        (
            "GRANT atb_system TO atb_app WITH INHERIT TRUE",
            "GRANT atb_system TO atb_app WITH INHERIT FALSE",
            "sees every tenant",
        ),
        ("GRANT atb_mirror TO atb_app WITH INHERIT TRUE", "REVOKE atb_mirror FROM atb_app", "sees every tenant"),
        ("GRANT atb_owner TO atb_app WITH INHERIT FALSE", "REVOKE atb_owner FROM atb_app", "their owner"),
    ],
    ids=["superuser", "bypassrls", "inherits the system", "inherits the mirror", "may become the owner"],
)
def test_a_login_with_too_much_power_is_refused(statement, undo, fault):
    with _granted(statement, undo):
        assert any(fault in text for text in login_faults())
        with pytest.raises(SystemCheckError, match=r"ATB\.E003"):
            call_command("check", databases=["default"])
    assert login_faults() == []


@pytest.mark.django_db(transaction=True)
def test_power_through_a_role_in_between_is_seen():
    """atb_app inherits a role that inherits atb_system."""
    with (
        _granted("CREATE ROLE between IN ROLE atb_system", "DROP ROLE between"),
        _granted("GRANT between TO atb_app WITH INHERIT TRUE", "REVOKE between FROM atb_app"),
    ):
        assert any("sees every tenant" in text for text in login_faults())


# --- real processes ---------------------------------------------------------------------------------------------------

_WEB = [sys.executable, "-c", "import config.asgi"]
_WEB_INSIDE_ITS_LOOP = [
    sys.executable,
    "-c",
    "import asyncio, importlib\nasync def load(): importlib.import_module('config.asgi')\nasyncio.run(load())",
]
_WORKER = [str(Path(sys.executable).with_name("celery")), "-A", "config", "worker", "--pool", "threads", "-c", "1"]


def _start(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", [_WEB, _WEB_INSIDE_ITS_LOOP, _WORKER], ids=["web", "web in its loop", "worker"])
def test_a_process_with_the_owners_login_does_not_start(django_db_setup, command):
    done = _start(command, DATABASE_URL=os.environ["DATABASE_OWNER_URL"])
    assert done.returncode != 0
    assert "their owner" in done.stderr
    assert "manage.py roles" in done.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "API_KEY_PEPPER", "ENCRYPTION_KEYS"])
def test_a_process_without_its_secrets_does_not_start(django_db_setup, name):
    done = _start(_WEB, **{name: ""})
    assert done.returncode != 0
    assert name in done.stderr


def test_a_web_process_with_the_products_login_starts(django_db_setup):
    assert _start(_WEB_INSIDE_ITS_LOOP).returncode == 0


def test_a_database_that_is_away_keeps_nobody_from_starting():
    done = _start(_WEB, DATABASE_URL="postgresql://atb_app@127.0.0.1:9/nowhere", DB_POOL_SIZE="0")
    assert done.returncode == 0, done.stderr
    assert "could not be checked" in done.stderr
