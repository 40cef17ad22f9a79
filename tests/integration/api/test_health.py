"""/health/live, /health/ready and /health/full."""

import re
import threading
import time
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from console import health
from executions.models import Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker() -> Worker:
    """A worker that has just reported."""
    return Worker.objects.create(id="w1", host="h", pid=1, slots=1)


def test_alive() -> None:
    assert Client().get("/health/live").json() == {"status": "ok"}


def test_all_is_well(worker: Worker) -> None:
    answer = Client().get("/health/full")
    assert answer.status_code == 200
    found = answer.json()
    assert re.fullmatch(r"\d+ kept, \d+ hits, \d+ misses, \d+ evictions", found["parts"].pop("build_cache"))
    told = found.pop("life")
    assert told["workers"].startswith("1 alive with 0 of 1 slots taken, 0 draining, 0 silent")
    assert told["queue"] == "0 queued, 0 running, 0 waiting for people, 0 expired leases, 0 unheard"
    assert found == {
        "status": "ok",
        "parts": {
            "database": "ok",
            "migrations": "ok",
            "login_role": "ok",
            "workers": "ok",
            "queue": "ok",
            "redis": "ok",
        },
        "faults": [],
        "degraded": [],
    }
    assert Client().get("/health/ready").status_code == 200


def test_no_worker_is_ready_but_degraded() -> None:
    answer = Client().get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert Client().get("/health/full").status_code == 503


def test_redis_away_is_ready_but_degraded(worker: Worker, settings: Any) -> None:
    settings.REDIS_URL = "redis://:pass-word@127.0.0.1:9/0"
    answer = Client().get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert Client().get("/health/full").status_code == 503
    assert "pass-word" not in answer.content.decode()
    assert "127.0.0.1" not in answer.content.decode()


def test_an_unsound_login_is_not_ready(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "login_faults", lambda: ["has BYPASSRLS"])
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["faults"] == ["login_role: has BYPASSRLS"]


def test_migrations_to_do_are_not_ready(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", lambda: False)
    assert Client().get("/health/ready").status_code == 503


def test_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> str:
        raise OperationalError("connection to server at 10.0.0.7 failed")

    monkeypatch.setattr(health, "_database_trouble", lambda: health._asked(away))
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["faults"] == ["database: does not answer"]
    assert Client().get("/health/live").status_code == 200


@pytest.mark.parametrize("url", ["/health/live", "/health/ready", "/health/full"])
def test_only_to_be_read(url: str) -> None:
    assert Client().post(url).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts connections and then says nothing, as a stopped one does."""
    answered = threading.Event()

    def never(_question: Any) -> str:
        answered.wait(20)
        return ""

    monkeypatch.setattr(health, "DATABASE_SECONDS", 0.2)
    monkeypatch.setattr(health, "_asked", never)
    before = threading.active_count()
    began = time.monotonic()
    assert [Client().get("/health/ready").status_code for _ in range(5)] == [503] * 5
    assert time.monotonic() - began < 3
    assert threading.active_count() <= before + 1
    answered.set()
