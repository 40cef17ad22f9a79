"""The engine's SQL functions called as a worker calls them: over psycopg, as atb_app, in autocommit."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from tests import factories
from tests.factories import Person

Connection = psycopg.Connection[Any]
Row = Any  # a named tuple of the function's columns

LEASE = "15 seconds"


@contextmanager
def login() -> Iterator[Connection]:
    """The product's own login with nothing of ours in between."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, row_factory=namedtuple_row) as connection:
        yield connection


@contextmanager
def system() -> Iterator[Connection]:
    """The same login looking across tenants, to arrange rows and to look at them."""
    with login() as connection:
        connection.execute("SET ROLE atb_system")
        yield connection


def queue(db: Connection, who: Person, count: int = 1, *, limit: int = 1000, **columns: Any) -> list[UUID]:
    """Queue runs of one team of the person's tenant, oldest first; give the tenant slots. `db` is `system()`."""
    team = factories.team(who)
    set_limit(db, who, limit)
    ids = [uuid4() for _number in range(count)]
    for number, run in enumerate(ids):
        insert_run(db, who.tenant.id, team.id, run, number, **columns)
    return ids


def set_limit(db: Connection, who: Person, limit: int) -> None:
    """Let the tenant have `limit` runs at once."""
    db.execute(
        'INSERT INTO executions_tenantslots (tenant_id, running, "limit", virtual_time) VALUES (%s, 0, %s, 0)'
        ' ON CONFLICT (tenant_id) DO UPDATE SET "limit" = excluded."limit"',
        [who.tenant.id, limit],
    )


def insert_run(db: Connection, tenant: UUID, team: UUID, run: UUID, number: int, **columns: Any) -> None:
    """One row, `number` milliseconds younger than the first."""
    values = {
        "id": run, "tenant_id": tenant, "team_id": team, "version": 1, "resolved_spec": Jsonb({"goal": "g"}),
        "idempotency_hash": "", "source": "api", "actor": "test", "priority": 0, "status": "queued", "owner": "",
        "fence": 0, "attempt": 1, "tries": 0, "recovery_count": 0, "cancel_requested": False, "step_seq": 0,
        "event_seq": 0, "status_seq": 0, "tokens_in": 0, "tokens_out": 0, "cost": 0, "ms": 0, **columns,
    }  # fmt: skip
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    db.execute(
        f"INSERT INTO executions_execution ({names}, created_at)"
        f" VALUES ({places}, clock_timestamp() - interval '10 s' + {number} * interval '1 ms')",
        list(values.values()),
    )


def claim(db: Connection, worker: str = "w1", lease: str = LEASE) -> Row | None:
    """`claim_v3` of one run: a row, or None when nothing is claimable."""
    rows = claim_many(db, 1, worker, lease)
    return rows[0] if rows else None


def claim_many(db: Connection, most: int, worker: str = "w1", lease: str = LEASE) -> list[Row]:
    """`claim_v3`: a row for each run claimed."""
    return db.execute("SELECT * FROM claim_v3(%s, %s::interval, %s)", [worker, lease, most], prepare=True).fetchall()


def record(db: Connection, held: Row, key: str, fence: int | None = None, **step: Any) -> Row | None:
    """`record_v1` for a run as `claim` returned it."""
    step = {"key": key, "kind": "llm", "state": "done", "result": {"text": key}, **step}
    args = [held.tenant_id, held.execution_id, held.fence if fence is None else fence, json.dumps(step)]
    return db.execute("SELECT * FROM record_v1(%s, %s, %s, %s::jsonb)", args, prepare=True).fetchone()


def finish(db: Connection, held: Row, status: str = "succeeded", **outcome: Any) -> int | None:
    """`finish_v4`: the event's number, or None when the run is no longer ours."""
    args = [held.tenant_id, held.execution_id, held.fence, json.dumps({"status": status, **outcome})]
    row = db.execute("SELECT finish_v4(%s, %s, %s, %s::jsonb)", args, prepare=True).fetchone()
    return None if row is None else row[0]


def beat(
    db: Connection, worker: str = "w1", slots: int = 8, *, draining: bool = False, held: list[UUID] | None = None
) -> list[Row]:
    """`heartbeat_v2` of a worker that holds all that it owns, or just `held`: the runs it renewed."""
    if held is None:
        with system() as everything:
            owned = everything.execute("SELECT id FROM executions_execution WHERE owner = %s", [worker]).fetchall()
        held = [row.id for row in owned]
    ids = [str(run) for run in held]
    report = {"host": "h", "pid": 1, "slots": slots, "running": 0, "draining": draining, "held": ids}
    args = [worker, LEASE, json.dumps(report)]
    return db.execute("SELECT * FROM heartbeat_v2(%s, %s::interval, %s::jsonb)", args, prepare=True).fetchall()


def reap(db: Connection, patience: str = "2 seconds", lost_limit: int = 3) -> Row:
    """`reap_v3`: its counts."""
    return db.execute(
        "SELECT * FROM reap_v3(%s::interval, %s, %s::interval)", [patience, lost_limit, "1 hour"], prepare=True
    ).fetchone()


def expire(db: Connection, run: UUID) -> None:
    """Let the lease of a run end, as if its worker had been lost. `db` is `system()`."""
    db.execute("UPDATE executions_execution SET lease_until = clock_timestamp() - interval '1 s' WHERE id = %s", [run])


def run_row(db: Connection, run: UUID) -> Row:
    """A run as stored. `db` is `system()`."""
    return db.execute("SELECT * FROM executions_execution WHERE id = %s", [run]).fetchone()


def step_rows(db: Connection, run: UUID) -> list[Row]:
    """A run's steps in order. `db` is `system()`."""
    return db.execute("SELECT * FROM executions_step WHERE execution_id = %s ORDER BY seq", [run]).fetchall()


def running(db: Connection, who: Person) -> int:
    """What the tenant's slots row says. `db` is `system()`."""
    row = db.execute("SELECT running FROM executions_tenantslots WHERE tenant_id = %s", [who.tenant.id]).fetchone()
    return int(row.running)
