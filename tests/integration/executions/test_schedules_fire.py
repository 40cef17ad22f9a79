"""Schedules fire once for each slot, whoever fires them, and say what came of it."""

import io
import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from executions import scheduling
from executions.models import Execution, Source, Status
from executions.reaper import Reaper
from executions.schedule_models import Outcome, Schedule
from executions.schedules import schedule_create
from executions.services import execution_cancel
from teams.models import AuditEntry, Tenant
from teams.services import team_delete
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person

pytestmark = pytest.mark.django_db(transaction=True)


def made(who: Person, **fields: Any) -> Schedule:
    """A schedule of every minute that was due three minutes ago."""
    team = fields.pop("team", None) or factories.team(who)
    given = {"name": "s", "team_id": team.id, "cron": "* * * * *", "time_zone": "UTC", **fields}
    return due(schedule_create(actor=who.actor, fields=given), who)


def due(row: Schedule, who: Person, minutes: int = 3) -> Schedule:
    with tenant(who.tenant.id):
        row.next_at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=minutes)
        row.save_without_historical_record(update_fields=["next_at"])
    return row


def runs(who: Person) -> list[Execution]:
    with tenant(who.tenant.id):
        return list(Execution.objects.order_by("created_at"))


def now_of(row: Schedule, who: Person) -> Schedule:
    with tenant(who.tenant.id):
        return Schedule.objects.get(id=row.id)


def test_of_several_missed_slots_the_latest_runs(alice):
    row = made(alice, input="Be brief.")
    assert scheduling.fire_due() == 1
    (run,) = runs(alice)
    row = now_of(row, alice)
    assert (run.source, run.actor, run.input) == (Source.SCHEDULE, "system:schedule", "Be brief.")
    assert run.idempotency_key == scheduling.slot_key(row.id, row.last_slot)
    assert (row.last_outcome, row.last_error, row.last_execution_id) == (Outcome.STARTED, "", run.id)
    assert timezone.now() - row.last_slot < timedelta(minutes=2)
    assert row.next_at > row.last_slot
    assert scheduling.fire_due() == 0


def test_two_reapers_at_once_fire_each_slot_once(alice):
    for _number in range(5):
        made(alice)
    start, fired = threading.Barrier(4), []

    def reap() -> None:
        start.wait()
        fired.append(scheduling.fire_due())
        connection.close()

    threads = [threading.Thread(target=reap) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(fired) == len(runs(alice)) == 5


def test_a_slot_that_is_due_again_after_a_restored_row_starts_no_second_run(alice):
    """The key holds even where the row's own memory is lost."""
    row = made(alice, cron="0 0 1 1 *", overlap="allow")
    scheduling.fire_due()
    slot = now_of(row, alice).last_slot
    with tenant(alice.tenant.id):
        row = Schedule.objects.get(id=row.id)
        row.next_at = slot
        row.save_without_historical_record(update_fields=["next_at"])
    assert scheduling.fire_due() == 1
    assert [run.id for run in runs(alice)] == [now_of(row, alice).last_execution_id]


def test_the_reapers_thread_fires_them(alice):
    made(alice)
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as own:
        Reaper(lambda _n: True, lambda _n: None, [scheduling.fire_due]).beat(own)
    assert len(runs(alice)) == 1


def test_a_job_that_fails_leaves_the_reaper_at_work(alice, caplog):
    made(alice)

    def broken() -> int:
        raise ZeroDivisionError

    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as own:
        Reaper(lambda _n: True, lambda _n: None, [broken, scheduling.fire_due]).beat(own)
    assert len(runs(alice)) == 1
    assert "broken failed" in caplog.text


def test_the_command_fires_them(alice):
    made(alice)
    out = io.StringIO()
    call_command("reap", stdout=out)
    assert "schedules fired: 1" in out.getvalue()
    assert len(runs(alice)) == 1


@pytest.mark.parametrize(
    ("overlap", "statuses", "outcome"),
    [
        ("allow", [Status.QUEUED, Status.QUEUED], Outcome.STARTED),
        ("skip", [Status.QUEUED], Outcome.SKIPPED),
        ("cancel_old", [Status.CANCELLED, Status.QUEUED], Outcome.STARTED),
    ],
)
def test_overlap(alice, overlap, statuses, outcome):
    row = made(alice, overlap=overlap, cron="*/2 * * * *")
    scheduling.fire_due()
    with tenant(alice.tenant.id):  # the slot before
        first = Execution.objects.get()
        Execution.objects.filter(id=first.id).update(idempotency_key=f"schedule:{row.id}:before")
    due(row, alice)
    scheduling.fire_due()
    assert [run.status for run in runs(alice)] == statuses
    row = now_of(row, alice)
    assert (row.last_outcome, str(first.id) in row.last_error) == (outcome, overlap == "skip")


def test_an_ended_run_is_no_overlap(alice):
    row = made(alice, overlap="skip")
    scheduling.fire_due()
    (first,) = runs(alice)
    execution_cancel(actor=alice.actor, execution_id=first.id)
    with tenant(alice.tenant.id):
        Execution.objects.filter(id=first.id).update(idempotency_key=f"schedule:{row.id}:before")
    due(row, alice)
    scheduling.fire_due()
    assert len(runs(alice)) == 2


def test_a_deleted_team_is_told_and_other_schedules_go_on(alice):
    team = factories.team(alice)
    row, other = made(alice, team=team), made(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    assert scheduling.fire_due() == 2
    row = now_of(row, alice)
    assert row.last_outcome == Outcome.FAILED
    assert "not found or is deleted" in row.last_error
    assert row.next_at > timezone.now() - timedelta(minutes=1)
    assert now_of(other, alice).last_outcome == Outcome.STARTED


def test_a_tenant_that_is_switched_off_is_told(alice):
    row = made(alice)
    Tenant.objects.filter(id=alice.tenant.id).update(is_active=False)
    scheduling.fire_due()
    assert "switched off" in now_of(row, alice).last_error
    assert runs(alice) == []


def test_paused_and_later_ones_are_left_alone(alice):
    made(alice, enabled=False)
    with tenant(alice.tenant.id):
        (paused,) = Schedule.objects.all()
        paused.next_at = None
        paused.save_without_historical_record()
    schedule_create(
        actor=alice.actor, fields={"name": "later", "team_id": factories.team(alice).id, "cron": "0 0 1 1 *"}
    )
    assert scheduling.fire_due() == 0


def test_one_that_can_no_longer_be_read_is_paused_and_says_why(alice):
    row = made(alice)
    with tenant(alice.tenant.id):
        row.time_zone = "Europe/Atlantis"
        row.save_without_historical_record(update_fields=["time_zone"])
    scheduling.fire_due()
    row = now_of(row, alice)
    assert (row.enabled, row.next_at) == (False, None)
    assert "time_zone is not a time zone" in row.last_error
    with tenant(alice.tenant.id):
        assert Schedule.history.first().actor == "system:schedule"


def test_firing_leaves_no_history_and_each_tenant_has_its_own(alice, charlie):
    row, theirs = made(alice), made(charlie)
    scheduling.fire_due()
    assert (len(runs(alice)), len(runs(charlie))) == (1, 1)
    assert now_of(theirs, charlie).last_execution_id == runs(charlie)[0].id
    with tenant(alice.tenant.id):
        assert Schedule.history.filter(id=row.id).count() == 1
        assert list(AuditEntry.objects.filter(object_id=str(row.id)).values_list("action", flat=True)) == [
            "schedule.create"
        ]
