"""Fires schedules that are due: called by the reaper each second, and by `manage.py reap`.

Once for each slot, however many reapers look: the schedule's row is locked while it fires, the run and the next time
are committed together, and the run's idempotency key names the slot. After an outage only the latest missed slot runs.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone

from executions import cron
from executions.models import OPEN, Execution, Source
from executions.schedule_models import Outcome, Overlap, Schedule
from executions.services import execution_cancel, execution_start
from teams.access import Actor, system_actor
from teams.errors import Conflict, TeamBuilderError
from teams.history import ChangeNote
from teams.tenancy import tenant

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""Schedules fired in one beat of the reaper, which has leases to look after."""

_NOTED = ["next_at", "last_slot", "last_at", "last_outcome", "last_error", "last_execution_id"]


@dataclass(frozen=True)
class Due:
    """A schedule whose time has come, at `now` by the database's clock."""

    tenant_id: UUID
    tenant_slug: str
    schedule_id: UUID
    now: datetime


def fire_due(most: int = AT_ONCE) -> int:
    """Fire schedules that are due. Return how many slots were dealt with here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, slug, schedule_id, moment FROM due_schedules_v1(%s)", [most])
        found = [Due(*row) for row in cursor.fetchall()]
    fired = 0
    for due in found:
        try:
            fired += fire(due)
        except Exception:
            # The edge of a thread that must go on: one schedule's fault is not the others'. It is tried again.
            logger.exception("schedule %s could not be fired", due.schedule_id)
    return fired


def fire(due: Due) -> bool:
    """Deal with a schedule's latest slot. False: it is in another's hands, or no longer due."""
    with tenant(due.tenant_id):
        rows = Schedule.objects.select_for_update(skip_locked=True)
        row = rows.filter(id=due.schedule_id, enabled=True, next_at__lte=due.now).first()
        if row is None or row.next_at is None:
            return False
        actor = system_actor(due.tenant_id, due.tenant_slug, "schedule")
        if unreadable := cron.problems(row.cron, row.time_zone):
            _pause(row, actor, f"{unreadable[0]['loc']} {unreadable[0]['msg']}")
            return True
        slot = cron.latest(row.cron, row.time_zone, row.next_at, due.now)
        row.last_slot, row.last_at = slot, timezone.now()
        row.last_outcome, row.last_error = _run(row, actor, slot)
        row.next_at = cron.next_time(row.cron, row.time_zone, due.now)
        row.save_noted(*_NOTED)
    if row.last_error:
        logger.warning("schedule %s: %s", row.id, row.last_error)
    return True


def slot_key(schedule_id: UUID, slot: datetime) -> str:
    """The idempotency key of a slot's run."""
    return f"schedule:{schedule_id}:{slot:%Y-%m-%dT%H:%MZ}"


def _run(row: Schedule, actor: Actor, slot: datetime) -> tuple[Outcome, str]:
    """Start the slot's run as the overlap policy says; note it in the row. Returns what came of it."""
    earlier = Execution.objects.filter(id__in=[row.last_execution_id], status__in=OPEN).only("id").first()
    if earlier and row.overlap == Overlap.SKIP:
        return Outcome.SKIPPED, f"the run {earlier.id} of an earlier slot has not ended"
    try:
        started = execution_start(
            actor=actor,
            team_id=row.team_id,
            input=row.input,
            idempotency_key=slot_key(row.id, slot),
            source=Source.SCHEDULE,
        )
    except TeamBuilderError as error:
        return Outcome.FAILED, str(error)
    if earlier and row.overlap == Overlap.CANCEL_OLD and earlier.id != started.execution.id:
        _cancel(earlier.id, actor, row)
    row.last_execution_id = started.execution.id
    return Outcome.STARTED, ""


def _cancel(execution_id: UUID, actor: Actor, row: Schedule) -> None:
    try:
        execution_cancel(actor=actor, execution_id=execution_id, reason=f"the next slot of schedule {row.name}")
    except Conflict as ended:
        logger.info("schedule %s: nothing to cancel: %s", row.id, ended.detail)


def _pause(row: Schedule, actor: Actor, why: str) -> None:
    """What was read when it was saved may not be readable for ever: time zones are renamed."""
    row.enabled, row.next_at = False, None
    row.last_at, row.last_outcome, row.last_error = timezone.now(), Outcome.FAILED, why
    row._change = ChangeNote(actor.label, why)  # type: ignore[attr-defined]
    row.save()
