"""What a tenant has used, by day (UTC), team and model: read from the steps, which are the only record of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from teams.access import Actor
from teams.tenancy import tenant

# By hand: rows are groups, and a page goes on behind the last group of the one before. Both walls stand: row level
# security, and the tenant named at each table.
_USAGE = """
SELECT u.day, u.team_id, u.model, u.runs, u.calls, u.tokens_in, u.tokens_out, u.cost, u.unpriced FROM (
    SELECT (s.created_at AT TIME ZONE 'UTC')::date AS day, e.team_id,
           coalesce(s.request->>'provider' || ':', '') || (s.request->>'model') AS model,
           count(DISTINCT s.execution_id) AS runs, count(*) AS calls,
           coalesce(sum(s.tokens_in), 0) AS tokens_in, coalesce(sum(s.tokens_out), 0) AS tokens_out,
           coalesce(sum(s.cost), 0) AS cost, count(*) FILTER (WHERE s.cost IS NULL) AS unpriced
    FROM executions_step s JOIN executions_execution e ON e.tenant_id = s.tenant_id AND e.id = s.execution_id
    WHERE s.tenant_id = %s AND s.created_at >= %s AND s.created_at < %s
      AND s.state = 'done' AND s.request->>'model' IS NOT NULL
    GROUP BY 1, 2, 3
) u
WHERE (u.day, u.team_id, u.model) > (%s, %s, %s)
ORDER BY u.day, u.team_id, u.model LIMIT %s
"""

NIL = UUID(int=0)


@dataclass(frozen=True)
class Place:
    """A group's place in the order; pages go on behind it."""

    day: date
    team_id: UUID = NIL
    model: str = ""


@dataclass(frozen=True)
class UsageRow:
    """What one team used of one model (`provider:model`) in a day. `cost` is in USD, without `unpriced` calls."""

    day: date
    team_id: UUID
    model: str
    runs: int
    calls: int
    tokens_in: int
    tokens_out: int
    cost: Decimal
    unpriced: int

    @property
    def place(self) -> Place:
        """Where the next page goes on."""
        return Place(self.day, self.team_id, self.model)


def usage(*, actor: Actor, first: date, last: date, after: Place | None, limit: int) -> tuple[list[UsageRow], bool]:
    """Return a page of usage from `first` to `last`, both included, and whether there is more behind it."""
    actor.require("usage:read")
    begin = datetime.combine(first, time.min, UTC)
    end = datetime.combine(last, time.min, UTC) + timedelta(days=1)
    place = after or Place(date.min)
    with tenant(actor.tenant_id), connection.cursor() as cursor:
        arguments: tuple[Any, ...] = (actor.tenant_id, begin, end, place.day, place.team_id, place.model, limit + 1)
        cursor.execute(_USAGE, arguments)
        rows = [UsageRow(*row) for row in cursor.fetchall()]
    return rows[:limit], len(rows) > limit
