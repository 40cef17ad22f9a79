"""The database functions of the hot path (executions/sql), as Python calls: one round trip each, in autocommit.

Connections come from Django's pool and are given back after each call, so 500 runs share 16 of them. Prepared
statements are asked for by name because Django turns them off. Every function may raise django.db.OperationalError or
InterfaceError when PostgreSQL is away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

PATIENCE_SECONDS = 2
"""How long a claimable run waits before it is rung again."""

LOST_WORKERS_LIMIT = 3
"""A run that took down so many workers is quarantined."""


@dataclass(frozen=True)
class Claimed:
    """A run this worker holds now, with what it needs to go on. `journal`: step key -> what was recorded for it."""

    execution_id: UUID
    tenant_id: UUID
    fence: int
    attempt: int
    tries: int
    spec: dict[str, Any]
    given: Any
    seconds_left: float | None
    journal: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Recorded:
    """Where a step went: its place, the number of its event, and whether a cancel was asked for meanwhile."""

    seq: int
    event_seq: int
    cancel_requested: bool


@dataclass(frozen=True)
class Reaped:
    """What the reaper's statement did."""

    expired: int
    quarantined: int
    due: int
    overdue: int
    to_ring: int


def claim(worker_id: str) -> Claimed | None:
    """Take the fairest claimable run; None when there is none."""
    row = _call("SELECT * FROM claim_v1(%s, make_interval(secs => %s))", worker_id, settings.LEASE_SECONDS)
    if row is None:
        return None
    execution_id, tenant_id, fence, attempt, tries, spec, given, left, journal = row
    return Claimed(execution_id, tenant_id, fence, attempt, tries, _loads(spec), _loads(given), left, _loads(journal))


def record(tenant_id: UUID, execution_id: UUID, fence: int, step: dict[str, Any]) -> Recorded | None:
    """Write a step under the fence; None: the run is no longer ours. The keys of `step` are listed in the SQL."""
    row = _call(
        "SELECT * FROM record_v1(%s, %s, %s, %s::jsonb)", tenant_id, execution_id, fence, orjson.dumps(step).decode()
    )
    return Recorded(*row) if row else None


def finish(tenant_id: UUID, execution_id: UUID, fence: int, outcome: dict[str, Any]) -> int | None:
    """End, release or park a run under the fence; the event's number, or None: the run is no longer ours."""
    row = _call(
        "SELECT finish_v1(%s, %s, %s, %s::jsonb)", tenant_id, execution_id, fence, orjson.dumps(outcome).decode()
    )
    return row[0] if row else None


def _call(statement: str, *args: Any) -> Sequence[Any] | None:
    connection.ensure_connection()
    try:
        with connection.wrap_database_errors:
            cursor = connection.connection.execute(statement, args, prepare=True)
            row: Sequence[Any] | None = cursor.fetchone()
            return row
    finally:
        give_back()


def give_back() -> None:
    """Return this thread's connection to the pool; inside a transaction (a test's) it stays."""
    if not connection.in_atomic_block:
        connection.close()


def _loads(value: str | bytes | None) -> Any:
    # Django registers a loader that leaves jsonb as text.
    return None if value is None else orjson.loads(value)
