"""What happened and what is still to happen. These rows are the truth: the broker only rings.

The hot path (claim, record, finish, heartbeat) writes them through the SQL functions in executions/sql; the ORM reads,
and does what is not hot. See docs/architecture.md for the life of an execution.
"""

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import functions
from django.utils import timezone

from executions.schedule_models import Schedule  # noqa: F401 - here Django finds the app's models
from executions.webhook_models import Delivery, Webhook  # noqa: F401
from teams.history import tenant_history
from teams.models import Team
from teams.tenancy import TenantModel


class Status(models.TextChoices):
    """Where a run is in its life; transitions are compare-and-set in one UPDATE."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting", "Waiting for a person"
    RETRY_WAIT = "retry_wait", "Waiting to try again"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BUDGET_EXCEEDED = "budget_exceeded", "Budget used up"
    QUARANTINED = "quarantined"


OPEN = [Status.QUEUED, Status.RUNNING, Status.WAITING, Status.RETRY_WAIT]
"""Statuses a deadline or a cancel can still end."""

FINAL = [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED]
"""Statuses nothing but a person's retry changes."""


class Source(models.TextChoices):
    """Which front door a run came through."""

    API = "api", "API"
    ADMIN = "admin"
    COMMAND = "command"
    CHAT = "chat"
    KAFKA = "kafka"
    SCHEDULE = "schedule"


class Execution(TenantModel):  # type: ignore[django-manager-missing, unused-ignore] # by the order of checking
    """One run of one version of a team."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Each run updates its row at every step: no index of a foreign key stands beside one that begins with its column.
    tenant = models.ForeignKey(
        "teams.Tenant", on_delete=models.PROTECT, related_name="+", editable=False, db_index=False
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    version = models.PositiveIntegerField(help_text="the team's version this run is pinned to")
    resolved_spec = models.JSONField(
        help_text="prompts, models and flow frozen at start; shape: executions.graph.RunSpec"
    )
    input = models.JSONField(null=True, blank=True, help_text="text or object that follows the goal")
    # null, not "": the unique constraint is over the runs that have a key
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    idempotency_hash = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.API)
    actor = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    has_webhooks = models.BooleanField(
        default=False,
        db_default=False,
        help_text="somebody may have to be told of it: the trigger execution_tells looks",
    )
    priority = models.SmallIntegerField(default=0, help_text="higher runs first within the tenant")

    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    owner = models.CharField(max_length=100, blank=True, help_text="worker that holds the lease")
    lease_until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0, help_text="rises with each claim; a write with an older one is refused")
    attempt = models.PositiveIntegerField(default=1, help_text="rises with each retry by a person")
    tries = models.PositiveIntegerField(default=0, help_text="retryable errors met in this attempt")
    recovery_count = models.PositiveIntegerField(default=0, help_text="workers lost while they held this run")
    cancel_requested = models.BooleanField(default=False)
    not_before = models.DateTimeField(null=True, help_text="earliest next try of a run in retry_wait")
    rung_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)

    step_seq = models.BigIntegerField(default=0, help_text="place of the newest step")
    event_seq = models.BigIntegerField(default=0, help_text="number of the newest event; SSE ids come from here")
    status_seq = models.BigIntegerField(default=0, help_text="event number of the newest status change")

    result = models.JSONField(null=True, help_text="final_answer and how the conversation stopped")
    display = models.JSONField(null=True, help_text="result as people may see it: redacted")
    error = models.JSONField(null=True, help_text="code, message and place of what ended the run")
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    cost = models.DecimalField(
        max_digits=18, decimal_places=8, null=True, default=0, help_text="USD; null: a price is unknown"
    )
    ms = models.BigIntegerField(default=0, help_text="milliseconds spent in steps")
    budget = models.JSONField(null=True, help_text="limits of this run: tokens, money, steps, seconds")

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        verbose_name = "run"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"],
                name="execution_idempotency",
                condition=models.Q(idempotency_key__isnull=False),
            ),
        ]
        indexes = [
            # The dashboard counts by day, status and team without reading the rows, which are wide. Only columns that
            # rule out HOT updates anyway (status is in the conditions below), or never change.
            # The lists find the rows of a page by the same indexes, and read no others (teams/changelists.py).
            models.Index(
                fields=["tenant", "-created_at", "id"], include=["status", "team", "source"], name="execution_of_tenant"
            ),
            models.Index(
                fields=["tenant", "team", "-created_at", "id"],
                include=["status", "source", "version"],
                name="execution_of_team",
            ),
            # For those who look at all tenants.
            models.Index(fields=["-created_at", "id"], include=["status", "source"], name="execution_newest"),
            # What the claim reads. There is no index on lease_until: it would cost every heartbeat its HOT update.
            models.Index(
                fields=["tenant", "-priority", "created_at"],
                name="execution_queue",
                condition=models.Q(status="queued"),
            ),
            models.Index(
                fields=["status", "not_before"],
                name="execution_open",
                condition=models.Q(status__in=["running", "retry_wait", "waiting"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class StepKind(models.TextChoices):
    """What a step records."""

    LLM = "llm", "Model call"
    TOOL = "tool", "Tool call"
    APPROVAL = "approval"
    HANDOFF = "handoff"
    NOTE = "note"


class StepState(models.TextChoices):
    """How far a step got; `unknown`: an outside effect may or may not have happened."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Step(TenantModel):
    """One recorded thing of a run: its journal, conversation log, timeline and event log in one."""

    id = models.BigAutoField(primary_key=True)
    # The composite foreign key (tenant, execution) holds the tenant as well. One of its own would lock the tenant's row
    # with every step of every run: an eighth of what a step costs PostgreSQL.
    tenant = models.ForeignKey(
        "teams.Tenant", on_delete=models.PROTECT, related_name="+", editable=False, db_index=False, db_constraint=False
    )
    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="steps", db_constraint=False, db_index=False
    )
    seq = models.BigIntegerField(help_text="place in the run, without gaps")
    event_seq = models.BigIntegerField(help_text="number of the event that inserted or last changed this step")
    key = models.CharField(max_length=400, help_text="where in the flow, e.g. r1/Critic/llm0")
    kind = models.CharField(max_length=10, choices=StepKind.choices)
    state = models.CharField(max_length=10, choices=StepState.choices)
    role = models.CharField(max_length=100, blank=True)
    round = models.PositiveIntegerField(default=0)
    turn = models.PositiveIntegerField(default=0)
    request_hash = models.CharField(max_length=64, blank=True)
    request = models.JSONField(null=True)
    result = models.JSONField(null=True, help_text="what a replay uses")
    display = models.JSONField(null=True, help_text="what people read: redacted; SSE, admin and export use only this")
    fence = models.BigIntegerField()
    attempt = models.PositiveIntegerField(default=1)
    generation = models.PositiveIntegerField(
        default=0, help_text="part of a tool's idempotency key; a person raises it"
    )
    effects = models.CharField(max_length=10, blank=True, help_text="read, write or external, for tools")
    tokens_in = models.BigIntegerField(null=True)
    tokens_out = models.BigIntegerField(null=True)
    cost = models.DecimalField(max_digits=18, decimal_places=8, null=True, help_text="USD; null: unknown or none")
    ms = models.BigIntegerField(null=True)
    error = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(fields=["execution", "key"], name="step_key_once"),
            models.UniqueConstraint(fields=["execution", "seq"], name="step_seq_once"),
        ]
        indexes = [
            models.Index(fields=["execution", "event_seq"], name="step_events"),
            # For usage by day. Steps come in the order of time, so a few bytes for many pages say where a day is.
            BrinIndex(fields=["created_at"], name="step_time", autosummarize=True),
        ]

    def __str__(self) -> str:
        return self.key


class Decision(models.TextChoices):
    """What became of an approval; none yet: "". Nobody decided in time: expired."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Approval(TenantModel):
    """A person's decision a run waits for, bound to the arguments it was asked for.

    It is put before people in the same transaction that parks its run, so an undecided one of a waiting run is one that
    can be decided. In the journal it is the step `<step_key>/approval`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="approvals", db_constraint=False)
    step_key = models.CharField(max_length=400)
    tool = models.CharField(max_length=100)
    role = models.CharField(max_length=100, blank=True)
    args = models.JSONField()
    args_hash = models.CharField(max_length=64)
    asked_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    notify_at = models.DateTimeField(
        null=True, db_default=functions.Now(), help_text="when people are to be told by mail; none: they were"
    )
    decision = models.CharField(max_length=10, blank=True, choices=Decision.choices)
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["execution", "step_key"], name="approval_once")]
        indexes = [
            models.Index(fields=["tenant", "-asked_at", "id"], name="approval_tenant"),
            models.Index(fields=["expires_at"], name="approval_undecided", condition=models.Q(decision="")),
            models.Index(fields=["notify_at"], name="approval_untold", condition=models.Q(decision="")),
        ]

    def __str__(self) -> str:
        return f"{self.step_key}: {self.decision or 'waiting'}"


class TenantSlots(TenantModel):
    """How many runs a tenant has running, how many it may have, and its place in the fair order (virtual time)."""

    id = models.BigAutoField(primary_key=True)
    running = models.IntegerField(default=0)
    limit = models.IntegerField(help_text="concurrent runs; more wait in the queue")
    virtual_time = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="slots_once")]
        verbose_name = verbose_name_plural = "slots"

    def __str__(self) -> str:
        return f"{self.running} of {self.limit}"


class TenantLimits(TenantModel):
    """What a tenant may use in a day (UTC): its own limits, and the most the platform lets it set. Blank: no limit.

    Only tenants with a row are held to one; how many runs may run at once is in TenantSlots, for everybody.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tokens_per_day = models.BigIntegerField(null=True, blank=True)
    usd_per_day = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    runs_per_day = models.PositiveIntegerField(null=True, blank=True)
    most_tokens_per_day = models.BigIntegerField(null=True, blank=True, help_text="ceiling set by the platform")
    most_usd_per_day = models.DecimalField(
        max_digits=18, decimal_places=8, null=True, blank=True, help_text="ceiling set by the platform"
    )
    most_runs_per_day = models.PositiveIntegerField(null=True, blank=True, help_text="ceiling set by the platform")
    most_concurrent_runs = models.PositiveIntegerField(null=True, blank=True, help_text="ceiling set by the platform")
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    history = tenant_history()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="limits_once")]
        verbose_name = verbose_name_plural = "limits"

    def __str__(self) -> str:
        return "The tenant's limits"


class TenantDay(TenantModel):
    """What a tenant with limits used on one day (UTC), and what calls under way may still use. Written by
    executions/sql/budget_v1.sql."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    tokens_used = models.BigIntegerField(default=0)
    tokens_reserved = models.BigIntegerField(default=0)
    usd_used = models.DecimalField(max_digits=18, decimal_places=8, default=0)
    usd_reserved = models.DecimalField(max_digits=18, decimal_places=8, default=0)
    runs = models.IntegerField(default=0)

    class Meta(TenantModel.Meta):
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["tenant", "day"], name="tenant_day_once")]

    def __str__(self) -> str:
        return str(self.day)


class Worker(models.Model):
    """A worker process as it last reported. Belongs to the platform, not to a tenant."""

    id = models.CharField(primary_key=True, max_length=100)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    slots = models.IntegerField()
    running = models.IntegerField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    beat_at = models.DateTimeField(default=timezone.now)
    draining = models.BooleanField(default=False)

    class Meta:
        ordering = ["-beat_at"]

    def __str__(self) -> str:
        return self.id
