"""The only writers of schedules on behalf of people; each change leaves history and an audit row."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from executions import cron
from executions.models import Source
from executions.schedule_models import Outcome, Overlap, Schedule
from executions.services import Started, execution_start, input_problems
from teams import audit
from teams.access import Actor
from teams.errors import Conflict, Located, NotFound
from teams.history import noted
from teams.models import Team
from teams.refusing import reason_problems, refuse
from teams.storing import not_found
from teams.tenancy import tenant

MAX_SCHEDULES: Final = 500
MAX_NAME: Final = 200
EDITABLE: Final = ("name", "team_id", "cron", "time_zone", "overlap", "input", "enabled")


def schedule_create(*, actor: Actor, fields: Mapping[str, Any], reason: str = "") -> Schedule:
    """Store a new schedule from the EDITABLE `fields`.

    Raises `Invalid`, `NotFound` (the team), `Conflict` when the tenant has as many as it may, and `Forbidden` for who
    may not start runs: a schedule starts them.
    """
    _allowed(actor)
    with tenant(actor.tenant_id):
        if Schedule.objects.count() >= MAX_SCHEDULES:
            raise Conflict(f"a tenant has at most {MAX_SCHEDULES} schedules: delete one you do not need")
        row = Schedule(created_by=actor.label)
        _take(row, fields, reason)
        _save(row, actor, reason)
        audit.record(actor, "schedule.create", row, after=_facts(row), reason=reason)
    return row


def schedule_change(*, actor: Actor, schedule_id: UUID, fields: Mapping[str, Any], reason: str = "") -> Schedule:
    """Change some of the EDITABLE `fields`; the next time is reckoned anew from now. Raises `Invalid`, `NotFound`."""
    _allowed(actor)
    with tenant(actor.tenant_id):
        row = _locked(schedule_id)
        before, given = _facts(row), row.input
        _take(row, fields, reason)
        if _facts(row) == before and row.input == given:
            return row
        _save(row, actor, reason)
        audit.record(actor, "schedule.update", row, before=before, after=_facts(row), reason=reason)
    return row


def schedule_delete(*, actor: Actor, schedule_id: UUID, reason: str = "") -> None:
    """Drop a schedule; its runs stay. Raises `NotFound`."""
    _allowed(actor)
    refuse(reason_problems(reason))
    with tenant(actor.tenant_id):
        row = _locked(schedule_id)
        audit.record(actor, "schedule.delete", row, before=_facts(row), reason=reason)
        noted(row, actor, reason).delete()


def schedule_run(*, actor: Actor, schedule_id: UUID) -> Started:
    """Start a run now, beside the schedule's own times. Raises what `execution_start` raises, and `NotFound`."""
    _allowed(actor)
    with tenant(actor.tenant_id):
        row = _locked(schedule_id)
        started = execution_start(actor=actor, team_id=row.team_id, input=row.input, source=Source.SCHEDULE)
        row.last_execution_id, row.last_at = started.execution.id, timezone.now()
        row.last_outcome, row.last_error = Outcome.STARTED, ""
        row.save_noted("last_execution_id", "last_at", "last_outcome", "last_error")
    return started


def schedule_get(*, actor: Actor, schedule_id: UUID) -> Schedule:
    """Return a schedule; raise `NotFound`, with one text for foreign and missing."""
    with tenant(actor.tenant_id):
        row = Schedule.objects.filter(id=schedule_id).first()
    if row is None:
        raise _missing(schedule_id)
    return row


def schedule_preview(*, time_zone: str, cron_text: str) -> list[datetime]:
    """Return the next five times of an expression. Raises `Invalid`."""
    refuse(cron.problems(cron_text, time_zone))
    return cron.preview(cron_text, time_zone, timezone.now())


def next_times(row: Schedule) -> list[datetime]:
    """The next five times of a schedule; none while it is paused or can no longer be read."""
    if not row.enabled or cron.problems(row.cron, row.time_zone):
        return []
    return cron.preview(row.cron, row.time_zone, timezone.now())


# --- inside -----------------------------------------------------------------------------------------------------------


def _allowed(actor: Actor) -> None:
    actor.require("schedules:write")
    actor.require("executions:run")


def _take(row: Schedule, fields: Mapping[str, Any], reason: str) -> None:
    """Put the fields into the row; raise `Invalid` with everything that is wrong, or `NotFound` for the team."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.name = row.name.strip()
    refuse(_problems(row, reason))
    # A schedule of a deleted team can still be paused or renamed; a new one of it cannot be made.
    if "team_id" in fields and not Team.objects.filter(id=row.team_id, is_deleted=False).exists():
        raise not_found(row.team_id)


def _problems(row: Schedule, reason: str) -> list[Located]:
    found = []
    if not row.name or len(row.name) > MAX_NAME or not row.name.isprintable():
        found.append(
            Located(loc="name", msg=f"must be one line of 1 to {MAX_NAME} characters that says what it is for")
        )
    if row.overlap not in Overlap.values:
        found.append(Located(loc="overlap", msg=f"must be one of {', '.join(Overlap.values)}"))
    return [*found, *cron.problems(row.cron, row.time_zone), *input_problems(row.input), *reason_problems(reason)]


def _save(row: Schedule, actor: Actor, reason: str) -> None:
    row.next_at = cron.next_time(row.cron, row.time_zone, timezone.now()) if row.enabled else None
    row.updated_at = timezone.now()
    noted(row, actor, reason).save()


def _facts(row: Schedule) -> dict[str, Any]:
    """What the audit trail says of a schedule; its input is in its history."""
    return {name: str(row.team_id) if name == "team_id" else getattr(row, name) for name in EDITABLE if name != "input"}


def _locked(schedule_id: UUID) -> Schedule:
    row = Schedule.objects.select_for_update().filter(id=schedule_id).first()
    if row is None:
        raise _missing(schedule_id)
    return row


def _missing(schedule_id: UUID) -> NotFound:
    return NotFound(f"Schedule ID {schedule_id} not found")
