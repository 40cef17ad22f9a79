"""What of this app is in the admin: workers and steps, read-only; the other pages have modules of their own."""
# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions import life
from executions.admin_limits import TenantLimitsAdmin
from executions.admin_look import duration, number, usd
from executions.admin_runs import ExecutionAdmin
from executions.admin_schedules import ScheduleAdmin
from executions.admin_timeline import entry_of
from executions.admin_waiting import ApprovalAdmin
from executions.admin_webhooks import DeliveryAdmin, WebhookAdmin
from executions.models import Approval, Execution, Step, StepState, TenantLimits, TenantSlots, Worker
from executions.schedule_models import Schedule
from executions.webhook_models import Delivery, Webhook
from teams.badges import Look, badge, moment, stamp
from teams.changelists import WideRows
from teams.errors import Forbidden
from teams.modeladmin import PlatformModelAdmin, ReadOnlyAdmin, pretty

_STEP_LOOKS: dict[StepState, Look] = {
    StepState.DONE: "is-good",
    StepState.FAILED: "is-bad",
    StepState.UNKNOWN: "is-warn",
    StepState.STARTED: "is-info",
}
_RUNS_LISTED = 2_000
_WORKER_LOOKS: dict[str, Look] = {"alive": "is-good", "draining": "is-warn", "silent": "is-bad", "left": "is-quiet"}
_RUN_HEAVY = ("resolved_spec", "result", "display", "input", "team__config", "team__pending_proposal")


class StepAdmin(WideRows, ReadOnlyAdmin):
    """Steps of the newest runs, or of one."""

    scope_to_view = "executions:read"
    list_display = ["badge", "said", "run", "kind", "used", "began"]
    list_display_links = ["said"]
    list_filter = ["kind", "state"]
    narrowed_by = ("execution",)
    ordering = ["-id"]
    actions = None
    change_list_template = "admin/executions/step/change_list.html"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request).select_related("execution__team").defer("request", "result")
        return rows.defer("request", "result", *(f"execution__{name}" for name in _RUN_HEAVY))

    def rows_listed(self, rows: Any, request: HttpRequest) -> Any:
        """There is no index of all of a tenant's steps, which every step of every run would pay for."""
        if "execution__id__exact" in request.GET:
            return rows
        newest = Execution.objects.order_by("-created_at", "id").values("pk")[:_RUNS_LISTED]
        return rows.filter(execution__in=newest)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"runs_listed": number(_RUNS_LISTED), **(extra_context or {})})

    @admin.display(description="state", ordering="state")
    def badge(self, step: Step) -> SafeString:
        return badge(step.get_state_display(), _STEP_LOOKS[StepState(step.state)])

    @admin.display(description="step")
    def said(self, step: Step) -> str:
        return f"#{step.seq} {step.key}"

    @admin.display(description="run")
    def run(self, step: Step) -> SafeString:
        address = reverse("admin:executions_execution_change", args=[step.execution_id])
        return format_html('<a href="{}#step-{}">{}</a>', address, step.seq, step.execution.team)

    @admin.display(description="used")
    def used(self, step: Step) -> str:
        tokens = (step.tokens_in or 0) + (step.tokens_out or 0)
        parts = [f"{number(tokens)} tokens" if tokens else "", usd(step.cost) if step.cost is not None else ""]
        return " · ".join(part for part in (*parts, duration(step.ms) if step.ms else "") if part) or "-"

    @admin.display(description="begun", ordering="created_at")
    def began(self, step: Step) -> str:
        return moment(step.created_at, seconds=True)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a step as it is on its run's page, with all that is shown of it."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise Forbidden
        step = self.found(request, object_id)
        entry = entry_of(step)
        context = {"step": step, "run": step.execution, "entry": entry, "shown": pretty(step.display)}
        context |= {"title": f"Step {step.seq}", "changed": moment(step.updated_at, seconds=True), "original": step}
        return self.page(request, "admin/executions/step/page.html", object=step, **context, **(extra_context or {}))


class TenantSlotsAdmin(ReadOnlyAdmin):
    """How much of its share the tenant uses."""

    scope_to_view = "executions:read"
    list_display = ["running", "limit", "virtual_time"]
    fields = ["running", "limit", "virtual_time"]
    actions = None


class WorkerAdmin(PlatformModelAdmin):
    """Worker processes as they last reported."""

    list_display = ["id", "state", "heartbeat_age", "load", "started", "host", "pid"]
    list_filter = ["draining"]
    actions = None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        queue = life.queue()
        more = {"queue": queue, "queue_numbers": _queue_numbers(queue), **(extra_context or {})}
        return super().changelist_view(request, more)

    @admin.display(description="state")
    def state(self, worker: Worker) -> SafeString:
        found = life.state(worker)
        return badge(found, _WORKER_LOOKS[found])

    @admin.display(description="last heartbeat", ordering="beat_at")
    def heartbeat_age(self, worker: Worker) -> str:
        return f"{(timezone.now() - worker.beat_at).total_seconds():.0f} s ago"

    @admin.display(description="slots taken", ordering="running")
    def load(self, worker: Worker) -> str:
        return f"{worker.running} of {worker.slots}"

    @admin.display(description="started", ordering="started_at")
    def started(self, worker: Worker) -> SafeString:
        return stamp(worker.started_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Workers report themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Workers report themselves."""
        return False


def _queue_numbers(queue: life.Queue) -> list[tuple[str, str, str]]:
    """The queue as (label, value, look)."""
    oldest = "-" if queue.oldest_seconds is None else duration(queue.oldest_seconds * 1000)
    rung = "-" if queue.rung_seconds is None else f"{duration(queue.rung_seconds * 1000)} ago"
    return [
        ("Queued", number(queue.queued), ""),
        ("Oldest queued", oldest, ""),
        ("Running", number(queue.running), ""),
        ("Waiting for people", number(queue.waiting), "warn" if queue.waiting else ""),
        ("Expired leases", number(queue.overdue), "bad" if queue.overdue else ""),
        ("Rung for, unheard", number(queue.unheard), "warn" if queue.unheard else ""),
        ("Last rung", rung, ""),
    ]


admin.site.register(Execution, ExecutionAdmin)
admin.site.register(Schedule, ScheduleAdmin)
admin.site.register(Step, StepAdmin)
admin.site.register(Approval, ApprovalAdmin)
admin.site.register(TenantSlots, TenantSlotsAdmin)
admin.site.register(TenantLimits, TenantLimitsAdmin)
admin.site.register(Webhook, WebhookAdmin)
admin.site.register(Delivery, DeliveryAdmin)
admin.site.register(Worker, WorkerAdmin)
