"""The dashboard's numbers: each question about runs is in SQL and reads a bounded part of an index.

Such a question begins at the directory of tenants and looks into each tenant's part of an index, so the same text
serves one tenant (row level security stands, and the tenant is named) and a superuser who looks at all of them.
"""
# ruff: noqa: S608 - the questions are put together of what is written here by us

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from executions.models import OPEN
from teams.models import Team

FAILED: Final = ("failed", "quarantined", "budget_exceeded")
"""Statuses in which a run has stopped and a person has to look."""


def _in_each_tenant(inner: str, join: str = "") -> str:
    return f"FROM teams_tenant t CROSS JOIN LATERAL ({inner}) e {join} WHERE coalesce(t.id = %s, true)"


_BY_DAY = "SELECT t.id, e.day, e.status, e.runs " + _in_each_tenant("""
    SELECT (x.created_at AT TIME ZONE 'UTC')::date AS day, x.status, count(*) AS runs
    FROM executions_execution x WHERE x.tenant_id = t.id AND x.created_at >= %s GROUP BY 1, 2""")

_SPENT = "SELECT t.id, e.cost, e.tokens, e.unpriced " + _in_each_tenant("""
    SELECT coalesce(sum(x.cost), 0) AS cost, coalesce(sum(x.tokens_in + x.tokens_out), 0)::bigint AS tokens,
           count(*) FILTER (WHERE x.cost IS NULL) AS unpriced
    FROM executions_execution x WHERE x.tenant_id = t.id AND x.created_at >= %s""")

_NEWEST = _in_each_tenant(
    """
    SELECT x.tenant_id, x.id, x.team_id, x.version, x.status, x.source, x.actor, x.created_at, x.cost,
           x.tokens_in + x.tokens_out AS tokens
    FROM executions_execution x WHERE x.tenant_id = t.id ORDER BY x.created_at DESC LIMIT %s""",
    "JOIN teams_team m ON m.tenant_id = e.tenant_id AND m.id = e.team_id",
)
_LATEST = f"""
SELECT t.name, m.name, e.id, e.team_id, e.version, e.status, e.source, e.actor, e.created_at, e.cost,
       e.tokens {_NEWEST}
ORDER BY e.created_at DESC LIMIT %s
"""

_COUNTED = _in_each_tenant("""
    SELECT x.team_id, count(*) AS runs, count(*) FILTER (WHERE x.status = ANY(%s)) AS failed
    FROM executions_execution x WHERE x.tenant_id = t.id AND x.created_at >= %s GROUP BY 1""")
# The error of a team's last failure is looked up for the few teams that are shown.
_FAILING = f"""
SELECT w.tenant, m.name, w.team_id, w.runs, w.failed, l.id, l.error->>'message', l.created_at FROM (
    SELECT t.id AS tenant_id, t.name AS tenant, e.team_id, e.runs, e.failed {_COUNTED} AND e.failed > 0
    ORDER BY e.failed DESC, e.runs, e.team_id LIMIT %s
) w
JOIN teams_team m ON m.tenant_id = w.tenant_id AND m.id = w.team_id
CROSS JOIN LATERAL (
    SELECT x.id, x.error, x.created_at FROM executions_execution x
    WHERE x.tenant_id = w.tenant_id AND x.team_id = w.team_id AND x.status = ANY(%s)
    ORDER BY x.created_at DESC LIMIT 1
) l
ORDER BY w.failed DESC, w.runs, w.team_id
"""


_AT_MOST = """
SELECT t.id, (SELECT count(*) FROM (
    SELECT FROM executions_execution x WHERE x.tenant_id = t.id AND x.created_at >= %s LIMIT %s) c)
FROM teams_tenant t WHERE t.id = ANY(%s)
"""


@dataclass(frozen=True)
class Day:
    """What became of the runs begun on one day (UTC)."""

    day: date
    done: int = 0
    failed: int = 0
    open: int = 0
    cancelled: int = 0

    @property
    def runs(self) -> int:
        """All of them."""
        return self.done + self.failed + self.open + self.cancelled


@dataclass(frozen=True)
class Spent:
    """What the runs begun since a moment took; `unpriced` of them hold a call whose price nobody knows."""

    cost: Decimal = Decimal(0)
    tokens: int = 0
    unpriced: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.cost + other.cost, self.tokens + other.tokens, self.unpriced + other.unpriced)


@dataclass(frozen=True)
class Teams:
    """A tenant's live teams, and how many of them have a proposal that waits."""

    live: int = 0
    proposed: int = 0


@dataclass(frozen=True)
class RunRow:
    """One of the latest runs."""

    tenant: str
    team: str
    id: UUID
    team_id: UUID
    version: int
    status: str
    source: str
    actor: str
    created_at: datetime
    cost: Decimal | None
    tokens: int


@dataclass(frozen=True)
class FailingTeam:
    """A team some of whose runs failed, with the last failure."""

    tenant: str
    team: str
    team_id: UUID
    runs: int
    failed: int
    last_run: UUID
    last_error: str | None
    last_at: datetime

    @property
    def percent(self) -> int:
        """How many of a hundred runs failed; at least 1, since one did."""
        return max(1, round(100 * self.failed / self.runs))


def runs_by_day(of: UUID | None, since: datetime) -> dict[UUID, list[Day]]:
    """Return each tenant's days with runs, in their order. `of`: one tenant, or None for all."""
    counted: dict[tuple[UUID, date], Counter[str]] = {}
    for tenant_id, day, status, runs in _asked(_BY_DAY, [since, of]):
        counted.setdefault((tenant_id, day), Counter())[_kind(status)] += runs
    found: dict[UUID, list[Day]] = {}
    for tenant_id, day in sorted(counted, key=lambda key: key[1]):
        found.setdefault(tenant_id, []).append(Day(day, **counted[tenant_id, day]))
    return found


def spent_since(of: UUID | None, since: datetime) -> dict[UUID, Spent]:
    """Return what each tenant's runs begun since then took."""
    return {tenant_id: Spent(*rest) for tenant_id, *rest in _asked(_SPENT, [since, of])}


def teams_of_tenants() -> dict[UUID, Teams]:
    """Return what each tenant of the scope has; tenants without a live team are left out."""
    proposed = Count("id", filter=Q(pending_proposal__isnull=False))
    rows = Team.objects.filter(is_deleted=False).order_by().values_list("tenant_id")
    return {tenant_id: Teams(*counts) for tenant_id, *counts in rows.annotate(live=Count("id"), proposed=proposed)}


def latest_runs(of: UUID | None, limit: int) -> list[RunRow]:
    """Return the runs accepted last, newest first."""
    return [RunRow(*row) for row in _asked(_LATEST, [limit, of, limit])]


def failing_teams(of: UUID | None, since: datetime, limit: int) -> list[FailingTeam]:
    """Return the teams with most failures since then."""
    rows = _asked(_FAILING, [list(FAILED), since, of, limit, list(FAILED)])
    return [FailingTeam(*row) for row in rows]


def runs_at_most(tenants: Sequence[UUID], since: datetime, most: int) -> dict[UUID, int]:
    """Return how many runs each of the tenants had since then; one more than `most` stands for all beyond."""
    return dict(_asked(_AT_MOST, [since, most + 1, list(tenants)]))


def added_up(days: Sequence[Day], on: date) -> Day:
    """All tenants' runs of one day together."""
    same = [day for day in days if day.day == on]
    names = ("done", "failed", "open", "cancelled")
    return Day(on, **{name: sum(getattr(day, name) for day in same) for name in names})


def _kind(status: str) -> str:
    if status in FAILED:
        return "failed"
    if status in OPEN:
        return "open"
    return "done" if status == "succeeded" else "cancelled"


def _asked(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
