"""What of this app is in the admin: workers and steps, read-only; the other pages have modules of their own."""
# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from executions import life
from executions.admin_limits import TenantLimitsAdmin
from executions.admin_runs import ExecutionAdmin
from executions.admin_schedules import ScheduleAdmin
from executions.admin_waiting import ApprovalAdmin
from executions.admin_webhooks import DeliveryAdmin, WebhookAdmin
from executions.models import Approval, Execution, Step, TenantLimits, TenantSlots, Worker
from executions.schedule_models import Schedule
from executions.webhook_models import Delivery, Webhook
from teams.modeladmin import PlatformModelAdmin, ReadOnlyAdmin, pretty


class StepAdmin(ReadOnlyAdmin):
    """Steps of all runs."""

    scope_to_view = "executions:read"
    list_display = ["key", "execution", "kind", "state", "role", "ms", "created_at"]
    list_filter = ["kind", "state"]
    list_select_related = ["execution"]
    ordering = ["-id"]
    actions = None
    fields = [
        "execution", "seq", "key", "kind", "state", "role", "round", "turn", "attempt", "shown_display", "tokens_in",
        "tokens_out", "cost", "ms", "created_at", "updated_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).defer("request", "result")

    @admin.display(description="shown")
    def shown_display(self, step: Step) -> SafeString | str:
        return pretty(step.display)


class TenantSlotsAdmin(ReadOnlyAdmin):
    """How much of its share the tenant uses."""

    scope_to_view = "executions:read"
    list_display = ["running", "limit", "virtual_time"]
    fields = ["running", "limit", "virtual_time"]
    actions = None


class WorkerAdmin(PlatformModelAdmin):
    """Worker processes as they last reported."""

    list_display = ["id", "state", "heartbeat_age", "slots", "running", "draining", "started_at", "host", "pid"]
    list_filter = ["draining", "host"]
    actions = None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"queue": life.queue(), **(extra_context or {})})

    @admin.display(description="state")
    def state(self, worker: Worker) -> str:
        return life.state(worker)

    @admin.display(description="last heartbeat", ordering="beat_at")
    def heartbeat_age(self, worker: Worker) -> str:
        return f"{(timezone.now() - worker.beat_at).total_seconds():.0f} s ago"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Workers report themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Workers report themselves."""
        return False


admin.site.register(Execution, ExecutionAdmin)
admin.site.register(Schedule, ScheduleAdmin)
admin.site.register(Step, StepAdmin)
admin.site.register(Approval, ApprovalAdmin)
admin.site.register(TenantSlots, TenantSlotsAdmin)
admin.site.register(TenantLimits, TenantLimitsAdmin)
admin.site.register(Webhook, WebhookAdmin)
admin.site.register(Delivery, DeliveryAdmin)
admin.site.register(Worker, WorkerAdmin)
