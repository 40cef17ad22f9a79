"""Runs that start by the clock."""

import uuid

from django.db import models
from django.utils import timezone

from teams.history import tenant_history
from teams.models import Team
from teams.tenancy import TenantModel


class Overlap(models.TextChoices):
    """What happens at a slot while the run of an earlier one has not ended."""

    ALLOW = "allow", "Allow: both run"
    SKIP = "skip", "Skip: this slot is left out"
    CANCEL_OLD = "cancel_old", "Cancel old: the earlier run is cancelled"


class Outcome(models.TextChoices):
    """What came of the latest slot."""

    STARTED = "started"
    SKIPPED = "skipped"
    FAILED = "failed"


class Schedule(TenantModel):
    """Starts a team's runs at the times of a cron expression; fired by the reaper (executions/scheduling.py)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, help_text="what it is for")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    cron = models.CharField(
        max_length=100, help_text="minute, hour, day of month, month, day of week; 0 9 * * MON-FRI: weekdays at nine"
    )
    time_zone = models.CharField(max_length=64, default="UTC", help_text="IANA name, such as Europe/Berlin")
    overlap = models.CharField(
        max_length=10,
        choices=Overlap.choices,
        default=Overlap.SKIP,
        help_text="when the run of an earlier slot has not ended",
    )
    input = models.JSONField(null=True, blank=True, help_text="text or object that follows the team's goal")
    enabled = models.BooleanField(default=True, help_text="off: paused")
    next_at = models.DateTimeField(null=True, editable=False, help_text="the next slot; none while paused")
    last_slot = models.DateTimeField(null=True, editable=False, help_text="the latest slot that was dealt with")
    last_at = models.DateTimeField(null=True, editable=False, help_text="when that was")
    last_outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False, help_text="why the latest slot started no run")
    last_execution_id = models.UUIDField(null=True, editable=False, help_text="the run started last")
    created_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    # What the machine notes at each slot is no change of the schedule.
    history = tenant_history(
        without=["next_at", "last_slot", "last_at", "last_outcome", "last_error", "last_execution_id"]
    )

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        indexes = [
            models.Index(fields=["next_at"], name="schedule_due", condition=models.Q(enabled=True)),
            models.Index(fields=["tenant", "-created_at", "id"], name="schedule_tenant"),
        ]

    def __str__(self) -> str:
        return self.name

    def save_noted(self, *fields: str) -> None:
        """Store what the machine notes at a slot, which makes no history."""
        self.save_without_historical_record(update_fields=fields)  # type: ignore[attr-defined]
