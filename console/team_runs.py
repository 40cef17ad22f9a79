"""How teams' runs went, for the list of teams and the pages about versions: one question for a page of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from executions.models import OPEN, Execution, Status

RATED: Final = 20
"""A success rate is over so many ended runs."""

_ENDED: Final = [status for status in Status.values if status not in OPEN]

# For each team two looks into the index execution_team, newest first, whatever the number of its runs.
_ASKED: Final = """
SELECT m.id, l.id, l.status, l.created_at, r.ended, r.succeeded
FROM teams_team m
LEFT JOIN LATERAL (
    SELECT x.id, x.status, x.created_at FROM executions_execution x
    WHERE x.tenant_id = m.tenant_id AND x.team_id = m.id ORDER BY x.created_at DESC LIMIT 1
) l ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS ended, count(*) FILTER (WHERE e.status = 'succeeded') AS succeeded FROM (
        SELECT x.status FROM executions_execution x
        WHERE x.tenant_id = m.tenant_id AND x.team_id = m.id AND x.status = ANY(%s)
        ORDER BY x.created_at DESC LIMIT %s
    ) e
) r
WHERE m.id = ANY(%s)
"""


@dataclass(frozen=True)
class TeamRuns:
    """A team's last run, and how many of its last ended ones succeeded."""

    last_id: UUID | None = None
    last_status: str = ""
    last_at: datetime | None = None
    ended: int = 0
    succeeded: int = 0

    @property
    def rate(self) -> str:
        """In words: of how many, too."""
        return rate(self.succeeded, self.ended)


def rate(succeeded: int, ended: int) -> str:
    """`95 % of 20`; "-" where nothing has ended. 100 % means all of them, 0 % none."""
    if not ended:
        return "-"
    percent = round(100 * succeeded / ended)
    percent = min(percent, 99) if succeeded < ended else 100
    return f"{max(percent, 1) if succeeded else 0} % of {ended}"


def runs_of(teams: Sequence[UUID]) -> dict[UUID, TeamRuns]:
    """Return how the runs of these teams went; inside a scope."""
    if not teams:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, [_ENDED, RATED, list(teams)])
        return {team_id: TeamRuns(*rest) for team_id, *rest in cursor.fetchall()}


def facts_of_versions(team_id: UUID, versions: Sequence[int]) -> dict[int, str]:
    """Say of each version how many runs were started on it and how they went."""
    ended, good = Q(status__in=_ENDED), Q(status=Status.SUCCEEDED)
    rows = Execution.objects.filter(team_id=team_id, version__in=list(versions)).order_by().values("version")
    found = rows.annotate(runs=Count("id"), ended=Count("id", filter=ended), good=Count("id", filter=good))
    told = {row["version"]: _said(row["runs"], row["ended"], row["good"]) for row in found}
    return {version: told.get(version, "No runs on this version.") for version in versions}


def _said(runs: int, ended: int, succeeded: int) -> str:
    count = "1 run" if runs == 1 else f"{runs:,} runs"
    return f"{count} on this version; {rate(succeeded, ended)} ended succeeded." if ended else f"{count}, none ended."
