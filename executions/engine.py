"""The database functions of the hot path (executions/sql), as Python calls: one round trip each, in autocommit.

Connections come from a pool and are given back after each call, so 500 runs share 16 of them. Every function may raise
django.db.OperationalError or InterfaceError when PostgreSQL is away.
"""

import atexit
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import orjson
import psycopg
from django.conf import settings
from django.db import connection

from executions.faults import faultpoint
from teams.postgresql.pool import LastingPool

PATIENCE_SECONDS = 2
"""How long a claimable run waits before it is rung again."""

LOST_WORKERS_LIMIT = 3
"""A run that took down so many workers is quarantined."""

LOCK_SECONDS = 5
"""How long a statement waits for a row that another session has locked; mostly that takes milliseconds. Longer is one
that was paused or cut off in the middle of a change, and nothing here must stand still with it."""

POOL_WAIT_SECONDS = 15.0
IDLE_SECONDS = 120.0


@dataclass(frozen=True)
class Claimed:
    """A run this worker holds now, with what it needs to go on.

    `journal`: step key -> what was recorded for it: done steps, and tool steps in every state.
    """

    execution_id: UUID
    tenant_id: UUID
    fence: int
    attempt: int
    tries: int
    spec: dict[str, Any]
    given: Any
    seconds_left: float | None
    journal: dict[str, dict[str, Any]]
    team_id: UUID


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
    undecided: int
    cancelled: int


def claim(worker_id: str, most: int = 1) -> list[Claimed]:
    """Take up to `most` claimable runs, the fairest first."""
    faultpoint("before_claim")
    rows = _call("SELECT * FROM claim_v3(%s, make_interval(secs => %s), %s)", worker_id, settings.LEASE_SECONDS, most)
    if rows:
        faultpoint("after_claim")
    return [
        Claimed(
            execution_id, tenant_id, fence, attempt, tries, _loads(spec), _loads(given), left, _loads(journal), team
        )
        for execution_id, tenant_id, fence, attempt, tries, spec, given, left, journal, team in rows
    ]


def record(tenant_id: UUID, execution_id: UUID, fence: int, step: dict[str, Any]) -> Recorded | None:
    """Write a step under the fence; None: the run is no longer ours. The keys of `step` are listed in the SQL."""
    faultpoint("before_record")
    rows = _call(
        "SELECT * FROM record_v1(%s, %s, %s, %s::jsonb)", tenant_id, execution_id, fence, orjson.dumps(step).decode()
    )
    faultpoint("after_record")
    return Recorded(*rows[0]) if rows else None


def finish(tenant_id: UUID, execution_id: UUID, fence: int, outcome: dict[str, Any]) -> int | None:
    """End, release or park a run under the fence; the event's number, or None: the run is no longer ours. One whose
    cancel was asked for is cancelled, whatever it was to wait for.

    `outcome["asks"]`: what people are asked, in the same transaction; see the SQL.
    """
    faultpoint("before_finish")
    ((event_seq,),) = _call(
        "SELECT finish_v4(%s, %s, %s, %s::jsonb)", tenant_id, execution_id, fence, orjson.dumps(outcome).decode()
    )
    faultpoint("after_finish")
    return None if event_seq is None else int(event_seq)


@dataclass(frozen=True)
class Spent:
    """What a limited run may use (`budget`: executions.budgets.Limits) and has used."""

    budget: dict[str, Any] | None
    tokens: int
    usd: Decimal
    steps: int
    ms: int
    tenant_limited: bool


@dataclass(frozen=True)
class Day:
    """What came of asking for a share of the tenant's day: the day it is set aside on, or the limit without room."""

    day: date | None
    refused: str | None
    allowed: Decimal | None
    used: Decimal | None


def spent(tenant_id: UUID, execution_id: UUID) -> Spent:
    """Ask what a limited run has used so far."""
    ((budget, *rest),) = _call("SELECT * FROM spent_v1(%s, %s)", tenant_id, execution_id)
    return Spent(_loads(budget), *rest)


def reserve_day(tenant_id: UUID, tokens: int, usd: Decimal | None) -> Day | None:
    """Set aside what a call takes at most of the tenant's day; None: the tenant has no limit by day."""
    rows = _call("SELECT * FROM reserve_day_v1(%s, %s::bigint, %s::numeric)", tenant_id, tokens, usd)
    return Day(*rows[0]) if rows else None


def settle_day(tenant_id: UUID, day: date, had: tuple[int, Decimal | None], took: tuple[int, Decimal | None]) -> None:
    """Put what a call took, (tokens, usd), in the place of what was set aside for it."""
    arguments = (tenant_id, day, *had, *took)
    _call("SELECT settle_day_v1(%s, %s::date, %s::bigint, %s::numeric, %s::bigint, %s::numeric)", *arguments)


def _call(statement: str, *args: Any) -> list[tuple[Any, ...]]:
    with connection.wrap_database_errors:
        pool = _pool()
        hot = pool.getconn()
        try:
            return hot.execute(statement, args, prepare=True).fetchall()
        finally:
            pool.putconn(hot)


@cache
def _pool() -> LastingPool:
    """Connections of the hot path alone, apart from Django's: always in autocommit, so that a call is one round trip.

    Django's own bind arguments into the text of a statement, which leaves nothing to prepare.
    """
    params = {**connection.get_connection_params(), "autocommit": True, "cursor_factory": psycopg.Cursor}
    pool = LastingPool(
        kwargs=params,
        min_size=1,
        max_size=settings.DB_POOL_SIZE or 1,
        timeout=POOL_WAIT_SECONDS,
        max_idle=IDLE_SECONDS,
        open=True,
        name="engine",
        configure=wait_for_locks,
    )
    atexit.register(pool.close)
    return pool


def wait_for_locks(session: psycopg.Connection[Any]) -> None:
    """Have a session give up on a locked row after LOCK_SECONDS, with an OperationalError."""
    session.execute("SELECT set_config('lock_timeout', %s, false)", (f"{LOCK_SECONDS}s",))


def give_back() -> None:
    """Return this thread's connection to the pool; inside a transaction (a test's) it stays."""
    if not connection.in_atomic_block:
        connection.close()


def _loads(value: str | bytes | None) -> Any:
    # Django registers a loader that leaves jsonb as text.
    return None if value is None else orjson.loads(value)
