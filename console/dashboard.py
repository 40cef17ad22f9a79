"""The overview an operator starts with: what runs, what failed, what waits for them, and what to do next.

About ten questions, whatever the number of teams and runs (console/figures.py). Each part is shown to those who
have the scope for it; a superuser who looks across tenants sees sums and a row for each tenant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from agents.accounts import accounts_of
from agents.providers import providers
from console import figures
from console.chart import runs_svg, said
from console.figures import Day, Spent, Teams
from executions import life
from executions.admin_look import duration, excerpt, number, run_badge, took, usd
from executions.models import Approval, Source, Status, Step, StepState, TenantDay, TenantLimits
from teams.adminbase import acting, looks_across_tenants
from teams.audit_words import who
from teams.models import Team, Tenant

DAYS: Final = 14
FAILING_DAYS: Final = 7
LATEST: Final = 10
SHOWN: Final = 6
TENANTS_SHOWN: Final = 50
_ERROR_SHOWN: Final = 120
_NO_REASON: Final = "no reason was recorded"


@dataclass(frozen=True)
class Tile:
    """A number with what it counts, a line about it, and where it leads."""

    label: str
    value: str
    note: str = ""
    href: str = ""
    look: str = ""


@dataclass(frozen=True)
class Hint:
    """What is still missing before this page can show anything, and how to get it."""

    title: str
    text: str
    steps: tuple[tuple[str, str], ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Used:
    """How much of a limit by day is used."""

    name: str
    used: str
    limit: str
    percent: int

    @property
    def look(self) -> str:
        """From 80 % on it is worth a look, at 100 % runs stop."""
        return "is-bad" if self.percent >= 100 else "is-warn" if self.percent >= 80 else "is-good"


@dataclass(frozen=True)
class Viewer:
    """For whom the page is made: a member of one tenant with some scopes, or a superuser who looks at all."""

    tenant_id: UUID | None
    scopes: frozenset[str]
    across: bool
    superuser: bool

    def may(self, scope: str) -> bool:
        """Whether a part that needs the scope is shown. Across tenants everything is looked at, nothing is done."""
        return scope in self.scopes or (self.across and scope.endswith(":read"))

    @classmethod
    def of(cls, request: HttpRequest) -> "Viewer":
        """Who asks."""
        actor = acting(request)
        scopes = actor.scopes if actor else frozenset()
        is_superuser = bool(getattr(request.user, "is_superuser", False))
        return cls(actor.tenant_id if actor else None, scopes, looks_across_tenants(request), is_superuser)


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the overview's template (DASHBOARD_CALLBACK)."""
    viewer = Viewer.of(request)
    if viewer.tenant_id is None and not viewer.across:
        return context
    context["dashboard"] = board(viewer)
    return context


def board(viewer: Viewer) -> dict[str, Any]:
    """All that the overview shows this viewer. Inside the page's scope."""
    today = datetime.now(UTC).date()
    workers = Workers.now()
    teams = figures.teams_of_tenants()
    live = sum(counted.live for counted in teams.values())
    parts: dict[str, Any] = {"viewer": viewer, "workers": workers, "today": today, "across": viewer.across}
    tiles = [Tile("Live teams", number(live), "", _list("teams_team"))] if viewer.may("teams:read") else []
    if viewer.may("executions:read"):
        parts |= _runs(viewer, today)
        waiting = _waiting(viewer, sum(counted.proposed for counted in teams.values()))
        tiles += [_runs_tile(parts["day"]), waiting.pop("tile")]
        parts |= waiting
    if viewer.may("usage:read"):
        spent = figures.spent_since(viewer.tenant_id, _begin(today))
        tiles.append(_cost_tile(spent))
        parts["limits"] = [] if viewer.across else _limits(today)
        if viewer.across:
            parts["tenants"] = _tenants(teams, parts["by_tenant"], spent, today)
    parts["tiles"] = tiles
    parts["hints"] = _hints(viewer, live, workers, has_runs=bool(parts.get("latest")))
    return parts


# --- runs -------------------------------------------------------------------------------------------------------------


def _runs(viewer: Viewer, today: date) -> dict[str, Any]:
    first = today - timedelta(days=DAYS - 1)
    by_tenant = figures.runs_by_day(viewer.tenant_id, _begin(first))
    rows = [row for found in by_tenant.values() for row in found]
    days = [figures.added_up(rows, first + timedelta(days=number)) for number in range(DAYS)]
    failing_since = _begin(today - timedelta(days=FAILING_DAYS - 1))
    failing = figures.failing_teams(viewer.tenant_id, failing_since, SHOWN)
    return {
        "by_tenant": by_tenant,
        "days": days,
        "day": days[-1],
        "chart": runs_svg(days) if any(day.runs for day in days) else "",
        "chart_said": [said(day) for day in days],
        "latest": [
            {
                "row": row,
                "badge": run_badge(row.status),
                "who": who(row.actor),
                "came_through": Source(row.source).label,
                "tokens": number(row.tokens),
                "cost": "" if row.cost is None else usd(row.cost),
            }
            for row in figures.latest_runs(viewer.tenant_id, LATEST)
        ],
        "failing": [
            {
                "row": row,
                "error": excerpt(row.last_error or _NO_REASON, _ERROR_SHOWN),
                "href": _failed_runs_of(row.team_id),
            }
            for row in failing
        ],
    }


def _failed_runs_of(team_id: UUID) -> str:
    return f"{_list('executions_execution')}?team__id__exact={team_id}&status__in={','.join(figures.FAILED)}"


def _runs_tile(day: Day) -> Tile:
    note = f"{day.done} done · {day.failed} failed · {day.open} not ended"
    look = "is-bad" if day.failed else ""
    return Tile("Runs today", f"{day.runs:,}", note, _list("executions_execution"), look)


def _waiting(viewer: Viewer, proposed: int) -> dict[str, Any]:
    """What a person has to say a word to: calls to approve, calls that were lost, agents that were proposed."""
    asked = Approval.objects.filter(decision="", execution__status=Status.WAITING)
    rows = asked.select_related("execution__team").order_by("asked_at")[: SHOWN + 1]
    narrow = rows.only("tool", "role", "asked_at", "expires_at", "tenant_id", "execution__team__name")
    shown = [{"row": row, "age": took(row.asked_at, timezone.now())} for row in narrow]
    approvals = len(shown) if len(shown) <= SHOWN else asked.count()
    lost = Step.objects.filter(state=StepState.UNKNOWN, execution__status=Status.WAITING).count()
    together = approvals + lost + proposed
    note = f"{_counted(approvals, 'approval')} · {_counted(lost, 'lost call')} · {_counted(proposed, 'proposal')}"
    label = "Waiting for you" if viewer.may("approvals:decide") else "Waiting for people"
    approvals_list = f"{_list('executions_approval')}?state=waiting"
    tile = Tile(label, f"{together:,}", note, approvals_list, "is-warn" if together else "")
    return {
        "tile": tile,
        "approvals": shown[:SHOWN],
        "more_approvals": max(0, approvals - SHOWN),
        "lost": lost,
        "proposed": proposed,
    }


# --- money ------------------------------------------------------------------------------------------------------------


def _cost_tile(spent: Mapping[UUID, Spent]) -> Tile:
    whole = sum(spent.values(), Spent())
    note = f"{whole.tokens:,} tokens, by runs begun today (UTC)"
    if whole.unpriced:
        note += f" · the price of {_counted(whole.unpriced, 'run')} is not known"
    return Tile("Cost today", usd(whole.cost), note)


def _limits(today: date) -> list[Used]:
    row = TenantLimits.objects.first()
    if row is None:
        return []
    day = TenantDay.objects.filter(day=today).first() or TenantDay()
    dollars = Decimal(day.usd_used) + Decimal(day.usd_reserved)
    tokens = day.tokens_used + day.tokens_reserved
    known: list[tuple[str, Any, Any, Any]] = [
        ("US dollars", dollars, row.usd_per_day, row.most_usd_per_day),
        ("Tokens", tokens, row.tokens_per_day, row.most_tokens_per_day),
        ("Runs", day.runs, row.runs_per_day, row.most_runs_per_day),
    ]
    return [_used(name, used, own if own is not None else most) for name, used, own, most in known if _set(own, most)]


def _set(own: Any, most: Any) -> bool:
    return own is not None or most is not None


def _used(name: str, used: Any, limit: Any) -> Used:
    percent = min(999, int(100 * used / limit)) if limit else 100
    if isinstance(limit, Decimal):
        return Used(name, usd(used), usd(limit), percent)
    return Used(name, number(used), number(limit), percent)


# --- the platform -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workers:
    """Workers and queue, with their state in words."""

    alive: int
    told: str
    queue: life.Queue

    @classmethod
    def now(cls) -> "Workers":
        """Ask for both."""
        told, alive = life.workers_told()
        return cls(alive, told, life.queue())

    @property
    def look(self) -> str:
        """Which colour the state has."""
        return "is-bad" if not self.alive else "is-warn" if self.queue.overdue or self._late else "is-good"

    @property
    def state(self) -> str:
        """The state in a few words."""
        if not self.alive:
            return "No worker is alive"
        if self.queue.overdue:
            return "Runs of a lost worker are not taken back"
        return "Runs wait long for a worker" if self._late else "Working"

    @property
    def _late(self) -> bool:
        return (self.queue.oldest_seconds or 0) > 60

    @property
    def oldest(self) -> str:
        """How long the oldest queued run has waited."""
        return "-" if self.queue.oldest_seconds is None else duration(self.queue.oldest_seconds * 1000)


def _tenants(
    teams: Mapping[UUID, Teams], by_tenant: Mapping[UUID, list[Day]], spent: Mapping[UUID, Spent], today: date
) -> list[dict[str, Any]]:
    """A row for each tenant, those with most runs first."""
    rows: list[dict[str, Any]] = []
    for tenant in Tenant.objects.only("id", "slug", "name", "is_active"):
        days = by_tenant.get(tenant.id, [])
        rows.append({
            "tenant": tenant,
            "teams": teams.get(tenant.id, Teams()).live,
            "day": figures.added_up(days, today),
            "runs": sum(day.runs for day in days),
            "failed": sum(day.failed for day in days),
            "cost": usd(spent.get(tenant.id, Spent()).cost),
        })  # fmt: skip
    rows.sort(key=lambda row: (-row["runs"], row["tenant"].slug))
    return rows[:TENANTS_SHOWN]


# --- what to do next --------------------------------------------------------------------------------------------------


def _hints(viewer: Viewer, teams: int, workers: Workers, *, has_runs: bool) -> list[Hint]:
    hints = [hint for hint in (_no_team(viewer, teams), _no_provider(viewer)) if hint]
    if not workers.alive:
        text = "Runs are accepted and wait. Whoever runs the platform starts a worker:"
        hints.append(Hint("No worker is alive", text, command="celery -A config worker --pool threads"))
    if teams and not has_runs and viewer.may("executions:run"):
        newest = Team.objects.filter(is_deleted=False).order_by("-updated_at").only("id", "name", "tenant_id").first()
        if newest is not None:
            steps = ((f"Run {newest.name} now", reverse("admin:executions_execution_start", args=[newest.pk])),)
            hints.append(Hint("Nothing has run yet", "Start a team's first run and watch it live.", steps))
    return hints


def _no_team(viewer: Viewer, teams: int) -> Hint | None:
    if teams or viewer.across:
        return None
    if not viewer.may("teams:write"):
        return Hint("There is no team yet", "An operator or an admin of your tenant creates the first one.")
    steps = (("Create a team", reverse("admin:teams_team_add")), ("Import teams", reverse("admin:teams_team_import")))
    return Hint("There is no team yet", "Write one from scratch, or import what was exported elsewhere.", steps)


def _no_provider(viewer: Viewer) -> Hint | None:
    """Say which variable or account is missing when no model can be called at all."""
    entries = list(providers().values())
    accounts = accounts_of(viewer.tenant_id) if viewer.tenant_id else None
    if any(not (accounts.missing(entry) if accounts else entry.missing) for entry in entries):
        return None
    variables = sorted({entry.key_variable for entry in entries if entry.key_variable and not entry.api_key})
    platform = (
        f"whoever runs the platform sets {' or '.join(variables)}" if variables else "ask the platform's operator"
    )
    steps: tuple[tuple[str, str], ...] = ()
    if viewer.may("secrets:write"):
        steps = (("Add a provider account", reverse("admin:agents_provideraccount_add")),)
    title = "No model can be called yet"
    return Hint(title, f"An admin adds an account with a provider's key, or {platform}.", steps)


# --- words ------------------------------------------------------------------------------------------------------------


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
