"""What a tenant may use: read and set. Its admins set its limits, the platform sets how high they may be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models import F, Func, JSONField, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from agents.llm import cost
from executions.budgets import Limits
from executions.facts import Limited
from executions.models import Execution, Step, TenantDay, TenantLimits, TenantSlots
from teams import audit
from teams.access import Actor
from teams.errors import Conflict, Located, TooManyRequests
from teams.history import noted
from teams.refusing import reason_problems, refuse
from teams.tenancy import tenant

BY_DAY: Final = ("tokens_per_day", "usd_per_day", "runs_per_day")
NAMES: Final = (*BY_DAY, "concurrent_runs")
MOST: Final[Mapping[str, int]] = {
    "tokens_per_day": 10**15, "usd_per_day": 10**9, "runs_per_day": 10**9, "concurrent_runs": 10**6,
}  # fmt: skip


MARKED: Final = Func(
    F("resolved_spec"), template="%(expressions)s || '{\"limited\": true}'::jsonb", output_field=JSONField()
)
"""A run's spec, saying that something limits it: what a worker asks before it asks anything of the database."""


@dataclass(frozen=True)
class LimitValues:
    """A value for each limit; None: no limit."""

    tokens_per_day: int | None = None
    usd_per_day: Decimal | None = None
    runs_per_day: int | None = None
    concurrent_runs: int | None = None


@dataclass(frozen=True)
class TenantUse:
    """What a tenant may use and uses. `today` counts calls under way as used, while there is a limit by day."""

    limits: LimitValues
    ceilings: LimitValues
    today: LimitValues


def limits_get(*, actor: Actor) -> TenantUse:
    """Return the tenant's limits, the platform's ceilings and what is used today."""
    actor.require("usage:read")
    with tenant(actor.tenant_id):
        return _use(TenantLimits.objects.first() or TenantLimits(), TenantSlots.objects.first())


def limits_set(*, actor: Actor, values: LimitValues, reason: str = "") -> TenantUse:
    """Set all limits of the tenant. Raises `Invalid` for one above its ceiling.

    They hold at once for runs accepted from now on and for those that wait; a run in a worker's hands is held to limits
    by day from its next claim on, if the tenant had none before.
    """
    actor.require("limits:write")
    return _store(actor, values, None, reason)


def ceilings_set(*, actor: Actor, values: LimitValues, reason: str = "") -> TenantUse:
    """Set the most the tenant may have of each; limits above that are lowered. For the platform's people: no API key
    and no tenant's admin comes here."""
    actor.require("limits:write")
    return _store(actor, None, values, reason)


# --- inside -----------------------------------------------------------------------------------------------------------


def _store(actor: Actor, limits: LimitValues | None, ceilings: LimitValues | None, reason: str) -> TenantUse:
    refuse([*_problems(limits or ceilings or LimitValues()), *reason_problems(reason)])
    try:
        with tenant(actor.tenant_id):
            row = TenantLimits.objects.select_for_update().first() or TenantLimits()
            slots = TenantSlots.objects.select_for_update().first() or TenantSlots(limit=settings.TENANT_RUN_LIMIT)
            before = _use(row, slots)
            now = _wanted(before, limits, ceilings)
            _write(row, slots, now)
            if now == before:
                return before
            row.updated_at = timezone.now()
            noted(row, actor, reason).save()
            slots.save(update_fields=["limit"] if slots.pk else None)
            _hold_to_them(row)
            audit.record(actor, "limits.set", row, before=_shown(before), after=_shown(now), reason=reason)
            return _use(row, slots)
    except IntegrityError as error:
        raise Conflict("somebody else set the first limits just now: read them, then try again") from error


def _use(row: TenantLimits, slots: TenantSlots | None) -> TenantUse:
    day = TenantDay.objects.filter(day=timezone.now().date()).first() or TenantDay()
    return TenantUse(
        LimitValues(**{name: getattr(row, name) for name in BY_DAY}, concurrent_runs=_slots_limit(slots)),
        LimitValues(**{name: getattr(row, f"most_{name}") for name in NAMES}),
        LimitValues(
            day.tokens_used + day.tokens_reserved,
            Decimal(day.usd_used) + Decimal(day.usd_reserved),
            day.runs,
            slots.running if slots else 0,
        ),
    )


def _slots_limit(slots: TenantSlots | None) -> int:
    return slots.limit if slots else int(settings.TENANT_RUN_LIMIT)


def _wanted(before: TenantUse, limits: LimitValues | None, ceilings: LimitValues | None) -> TenantUse:
    """All values as they are to be. New limits must respect the ceilings; new ceilings lower the limits."""
    most = ceilings or before.ceilings
    if limits is None:
        lowered = {name: _least(getattr(before.limits, name), getattr(most, name)) for name in NAMES}
        # A limit that was open stays so: the ceiling holds by itself.
        kept = {name: value for name, value in lowered.items() if getattr(before.limits, name) is not None}
        return replace(before, limits=replace(before.limits, **kept), ceilings=most)
    standing = _least(settings.TENANT_RUN_LIMIT, most.concurrent_runs)
    limits = replace(limits, concurrent_runs=standing if limits.concurrent_runs is None else limits.concurrent_runs)
    above = [
        Located(loc=name, msg=f"is above the platform's ceiling of {getattr(most, name)}: lower it, or ask for more")
        for name in NAMES
        if getattr(most, name) is not None and (getattr(limits, name) or 0) > getattr(most, name)
    ]
    refuse(above)
    return replace(before, limits=limits)


def _least(value: Any, most: Any) -> Any:
    return min((part for part in (value, most) if part is not None), default=None)


def _write(row: TenantLimits, slots: TenantSlots, use: TenantUse) -> None:
    for name in BY_DAY:
        setattr(row, name, getattr(use.limits, name))
    for name in NAMES:
        setattr(row, f"most_{name}", getattr(use.ceilings, name))
    if use.limits.concurrent_runs is not None:
        slots.limit = use.limits.concurrent_runs


def _hold_to_them(row: TenantLimits) -> None:
    """Mark what waits or may go on later as limited, and begin today with what was used already: nobody counted it
    while there was no such limit."""
    if not any(getattr(row, name) is not None for limit in BY_DAY for name in (limit, f"most_{limit}")):
        return
    Execution.objects.filter(finished_at=None).update(resolved_spec=MARKED)
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    steps = Step.objects.filter(created_at__gte=today)
    used = steps.aggregate(tokens_in=Sum("tokens_in"), tokens_out=Sum("tokens_out"), usd=Sum("cost"))
    first = TenantDay(
        day=today.date(),
        tokens_used=(used["tokens_in"] or 0) + (used["tokens_out"] or 0),
        usd_used=used["usd"] or 0,
        runs=Execution.objects.filter(created_at__gte=today).count(),
    )
    TenantDay.objects.bulk_create([first], ignore_conflicts=True)
    names = ("tokens_used", "usd_used", "runs")
    TenantDay.objects.filter(day=first.day).update(**{name: Greatest(name, getattr(first, name)) for name in names})


def limited_by(spec: Mapping[str, Any], budget: Limits | None, day: Limited) -> dict[str, Any]:
    """What a run's spec says of limits: nothing, or that there are some. Raises `Conflict` for a limit in money where a
    model has no price: nobody could hold it."""
    budgeted = budget is not None and budget.stored() is not None
    if not budgeted and not day.tokens and not day.usd:
        return {}
    if day.usd or (budget is not None and budget.usd is not None):
        _require_prices(spec, "the tenant's limit" if day.usd else "a budget")
    return {"limited": True}


def raised(old: Limits, new: Limits, stopped_by: str) -> Limits:
    """The old budget with new limits, each above the old one. The limit that stopped the run must be among them, unless
    it was the tenant's. Raises `Invalid`."""
    given = {name: value for name, value in vars(new).items() if value is not None}
    problems = []
    for name, value in given.items():
        before = getattr(old, name)
        if before is None or value <= before:
            was = "it has none" if before is None else f"it is {before}"
            problems.append(Located(loc=name, msg=f"must be above the run's limit ({was}); leave out what is to stay"))
    if not stopped_by.endswith("_per_day") and stopped_by not in given:
        problems.append(Located(loc=stopped_by, msg="is what stopped the run: give a higher limit"))
    refuse(problems)
    return replace(old, **given)


def _require_prices(spec: Mapping[str, Any], whose: str) -> None:
    models = [(agent["provider"], agent["model"]) for agent in spec["agents"].values()]
    models += [tuple(agent["fallback"]) for agent in spec["agents"].values() if agent.get("fallback")]
    unknown = sorted({f"{name}:{model}" for name, model in models if cost(name, model, 1, 1) is None})
    if unknown:
        raise Conflict(
            f"{whose} in usd needs the price of each model, and that of {', '.join(unknown)} is not known: "
            "set it in LLM_PROVIDERS_FILE, or limit tokens instead"
        )


def admit_run() -> None:
    """Count a run that is being accepted, in the transaction that stores it. Raises `TooManyRequests` when the day is
    full, until the next one (UTC)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT admit_run_v1(scope_tenant())")
        (most,) = cursor.fetchone()
    if most is not None:
        now = timezone.now().astimezone(UTC)
        tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        raise TooManyRequests(
            f"the tenant's limit runs_per_day is {most}, and all are used until {tomorrow:%Y-%m-%d %H:%M} UTC: "
            "an admin raises it, or wait",
            retry_after=(tomorrow - now).total_seconds(),
        )


def _problems(values: LimitValues) -> list[Located]:
    found = []
    for name in NAMES:
        value = getattr(values, name)
        if value is not None and not 0 <= value <= MOST[name]:
            found.append(Located(loc=name, msg=f"must be between 0 and {MOST[name]}; null: no limit"))
    return found


def _shown(use: TenantUse) -> dict[str, Any]:
    return {kind: as_plain(getattr(use, kind)) for kind in ("limits", "ceilings")}


def as_plain(values: LimitValues) -> dict[str, Any]:
    """As JSON: money as text, so that no digit is lost."""
    usd = values.usd_per_day
    return {**vars(values), "usd_per_day": None if usd is None else f"{usd:.8f}"}
