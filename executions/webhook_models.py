"""Telling other systems what became of runs: where to, and each telling as a row."""

import uuid
from typing import Any

from django.db import models
from django.utils import timezone

from teams.history import tenant_history
from teams.models import Team
from teams.secrets import SealedField
from teams.tenancy import TenantModel


def every_event() -> list[str]:
    """The events a webhook is told of unless it says otherwise: every way a run can end, and waiting for a person."""
    return [f"run.{status}" for status in TOLD]


TOLD = ("succeeded", "failed", "cancelled", "budget_exceeded", "quarantined", "waiting")
"""Statuses that are told. executions/sql/webhooks_v1.sql names those that are not."""

TEST_EVENT = "webhook.test"
"""Sent when a person asks for it, to any webhook; about no run."""


class Webhook(TenantModel):
    """An address that is told of runs: of all of a tenant, of one team's, or (`execution`) of one run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, help_text="what listens there")
    url = models.CharField("URL", max_length=2000, help_text="https address that takes a POST")
    events = models.JSONField(default=every_event, help_text="events it is told of")
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_constraint=False,
        help_text="only runs of this team; blank: of every team",
    )  # fmt: skip
    execution = models.ForeignKey(
        "executions.Execution", null=True, editable=False, on_delete=models.CASCADE, related_name="+",
        db_constraint=False, db_index=False,
    )  # fmt: skip
    enabled = models.BooleanField(default=True, help_text="off: nothing is sent")
    secret = SealedField()
    former_secret = SealedField(null=True)
    former_until = models.DateTimeField(null=True, editable=False, help_text="the former secret signs until then, too")
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="tries in a row that failed")
    rest_until = models.DateTimeField(null=True, editable=False, help_text="after failures it is left alone until then")
    note = models.TextField(blank=True, editable=False, help_text="why it was switched off")
    created_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    history = tenant_history(without=["secret", "former_secret", "former_until", "failures", "rest_until", "execution"])

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        # The trigger asks for those of the tenant and of one run.
        indexes = [
            models.Index(fields=["tenant", "execution"], name="webhook_told"),
            models.Index(fields=["tenant", "-created_at", "id"], name="webhook_tenant"),
        ]

    def __str__(self) -> str:
        return self.name

    def save_noted(self, *fields: str) -> None:
        """Store what the machine notes, which makes no history."""
        more: dict[str, Any] = {"update_fields": fields} if fields else {}
        self.save_without_historical_record(**more)  # type: ignore[attr-defined]


class DeliveryStatus(models.TextChoices):
    """How far a delivery got."""

    PENDING = "pending", "Pending: it is to be sent, or to be tried again"
    DELIVERED = "delivered", "Delivered: the receiver answered with 2xx"
    FAILED = "failed", "Failed: given up"


class Delivery(TenantModel):
    """One event for one webhook, written in the transaction that changes the run's status (the trigger
    execution_tells) and sent by a worker (executions/sending.py). Its id is the header webhook-id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    execution = models.ForeignKey(
        "executions.Execution", null=True, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    event = models.CharField(max_length=60)
    payload = models.JSONField(help_text="the body, the same at every try")
    status = models.CharField(max_length=10, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    tries = models.PositiveIntegerField(default=0, help_text="a try counts when it begins")
    next_at = models.DateTimeField(null=True, help_text="when it is tried next; one under way: when it counts as lost")
    answer_status = models.IntegerField(null=True, help_text="HTTP status of the latest answer")
    answer = models.TextField(blank=True, help_text="beginning of the latest answer")
    ms = models.IntegerField(null=True, help_text="milliseconds the latest try took")
    error = models.TextField(blank=True, help_text="what was wrong with the latest try")
    created_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["next_at"], name="delivery_due", condition=models.Q(status="pending")),
            models.Index(fields=["tenant", "-created_at", "id"], name="delivery_tenant"),
            models.Index(fields=["webhook", "-created_at"], name="delivery_webhook"),
        ]

    def __str__(self) -> str:
        return f"{self.event} of {self.execution_id}" if self.execution_id else self.event
