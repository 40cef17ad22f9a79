"""Is it alive, may it be sent requests, does anybody need to look? Open to all, so answers name no host and no secret.

`live`: the process answers. `ready`: what accepting a run needs (database, migrations, a sound login role); Redis and
workers are reported, but a run is accepted without them and waits. `full`: all of it, for alarms.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from agents import build_cache
from executions import life
from teams.checks import login_faults

REDIS_TIMEOUT_SECONDS = 1.0

DATABASE_SECONDS = 3.0
"""Longest wait for the database; a request may wait longer for a connection, a probe must not."""

_questions = threading.Lock()
_question: "Future[str] | None" = None

logger = logging.getLogger(__name__)


@dataclass
class Report:
    """What was found: the state of each part, why requests must not come, and what runs worse than it should."""

    parts: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    life: dict[str, str] = field(default_factory=dict)

    def note(self, part: str, trouble: str, into: list[str]) -> None:
        """Note a part as sound, or with its trouble."""
        self.parts[part] = trouble or "ok"
        if trouble:
            into.append(f"{part}: {trouble}")

    @property
    def status(self) -> str:
        """'ok', 'degraded' or 'failed'."""
        return "failed" if self.faults else "degraded" if self.degraded else "ok"


@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """503 when runs cannot be accepted; with less than all of it running still 200."""
    report = inspect()
    return _answer(report, 503 if report.faults else 200)


@require_safe
def full(_request: HttpRequest) -> JsonResponse:
    """503 when anything is amiss."""
    report = inspect()
    report.parts["build_cache"] = _build_cache()
    return _answer(report, 200 if report.status == "ok" else 503)


def _build_cache() -> str:
    """What this process's build cache did since it began; numbers only, nothing can be amiss with it."""
    found = build_cache.stats()
    return f"{found.entries} kept, {found.hits} hits, {found.misses} misses, {found.evictions} evictions"


def _answer(report: Report, status: int) -> JsonResponse:
    body = {"status": report.status, "parts": report.parts, "faults": report.faults, "degraded": report.degraded}
    body |= {"life": report.life}
    return JsonResponse(body, status=status)


def inspect() -> Report:
    """Look at every part once."""
    report = Report()
    database = _database_trouble()
    report.note("database", database, report.faults)
    if not database:
        report.note("migrations", _asked(_migrations_trouble), report.faults)
        report.note("login_role", _asked(_login_trouble), report.faults)
        report.note("workers", _asked(_workers_trouble), report.degraded)
        report.note("queue", _asked(_queue_trouble), report.degraded)
        report.life = _life()
    report.note("redis", _redis_trouble(), report.degraded)
    return report


def _database_trouble() -> str:
    """Ask for an answer within DATABASE_SECONDS; a thread does, since a stopped server keeps whoever asks waiting.

    One at a time: while a question is still open the next ones wait for its answer, and no further.
    """
    global _question  # noqa: PLW0603 - one for the whole process is the point
    with _questions:
        if _question is None or _question.done():
            _question = Future()
            threading.Thread(target=_ask_database, args=(_question,), name="health-database", daemon=True).start()
        asked = _question
    try:
        return asked.result(timeout=DATABASE_SECONDS)
    except TimeoutError:
        logger.warning("health: the database did not answer within %s s", DATABASE_SECONDS)
        return "does not answer"


def _ask_database(told: "Future[str]") -> None:
    def ask() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return ""

    trouble = "does not answer"
    try:
        trouble = _asked(ask)
    finally:
        told.set_result(trouble)
        connection.close()


def _asked(question: Callable[[], str]) -> str:
    try:
        return question()
    except Error as error:
        # The driver's text names hosts and users: it is for the log, not for whoever asks.
        logger.warning("health: %s: %s", question.__name__, error)
        return "does not answer"


def _migrations_trouble() -> str:
    return "" if _migrated() else "not all are applied; run `manage.py migrate`"


def _migrated() -> bool:
    # Reading all migrations takes long and what is applied stays so: only "no" is asked again.
    if _known_migrated():
        return True
    _known_migrated.cache_clear()
    return False


@cache
def _known_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _login_trouble() -> str:
    return ", ".join(login_faults())


def _workers_trouble() -> str:
    _told, alive = life.workers_told()
    return "" if alive else "none has reported lately; runs wait until one does"


def _queue_trouble() -> str:
    return life.queue().trouble()


def _life() -> dict[str, str]:
    """Workers and queue in words: counts and ages, nobody's names."""
    return {"workers": _asked(lambda: life.workers_told()[0]), "queue": _asked(lambda: life.queue().told())}


def _redis_trouble() -> str:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
            socket_timeout=REDIS_TIMEOUT_SECONDS,
        ) as client:
            client.ping()
    except redis.RedisError as error:
        logger.warning("health: redis: %s", error)
        return "does not answer; workers find new runs later and live events are slower"
    return ""
