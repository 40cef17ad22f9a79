"""Approvals in the admin: tool calls that wait for a person, or waited."""
# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions.admin_asks import BACK, arguments_of, may
from executions.admin_look import excerpt
from executions.approvals import DECIDE, approval_decide
from executions.models import Approval, Decision, Status
from teams.adminbase import required_actor
from teams.badges import Look, badge, moment, stamp
from teams.changelists import WideRows
from teams.errors import Forbidden
from teams.modeladmin import ReadOnlyAdmin

_CONSEQUENCES = {
    "approve": ("The call is made with exactly these arguments.", "The run goes on once all that it asked is decided."),
    "reject": ("The agent is told, with your reason, and goes on without the call.",),
}
_LOOKS: dict[Decision, Look] = {Decision.APPROVED: "is-good", Decision.REJECTED: "is-bad", Decision.EXPIRED: "is-quiet"}
_RUN_HEAVY = ("resolved_spec", "result", "display", "input", "team__config", "team__pending_proposal")


class WaitingFilter(admin.SimpleListFilter):
    """Approvals that wait for a person, or are decided."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting for you"), ("decided", "Decided")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.value() == "waiting":
            return queryset.filter(decision="")
        return queryset.exclude(decision="") if self.value() == "decided" else queryset


class ApprovalAdmin(WideRows, ReadOnlyAdmin):
    """Decisions runs wait for, or waited for."""

    scope_to_view = "executions:read"
    object_pages = {"approve": "Approve", "reject": "Reject"}
    list_display = ["badge", "call", "run", "asked", "expires", "decided"]
    list_display_links = ["call"]
    list_filter = [WaitingFilter, "decision"]
    list_select_related = ["execution__team"]
    ordering = ["-asked_at", "id"]
    actions = None
    change_list_template = "admin/executions/approval/change_list.html"
    says_when_empty = True
    """An empty list of what waits says so, whatever the filter."""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        heavy = [name if name.startswith("execution__") else f"execution__{name}" for name in _RUN_HEAVY]
        return super().get_queryset(request).select_related("execution__team").defer(*heavy)

    @admin.display(description="state", ordering="decision")
    def badge(self, approval: Approval) -> SafeString:
        return decision_badge(approval)

    @admin.display(description="call")
    def call(self, approval: Approval) -> str:
        args = ", ".join(f"{name}: {value}" for name, value in arguments_of(approval))
        return excerpt(f"{approval.role or 'An agent'}: {approval.tool} ({args})")

    @admin.display(description="run")
    def run(self, approval: Approval) -> SafeString:
        address = reverse("admin:executions_execution_change", args=[approval.execution_id])
        return format_html('<a href="{}">{}</a>', address, approval.execution.team)

    @admin.display(description="asked", ordering="asked_at")
    def asked(self, approval: Approval) -> SafeString:
        return stamp(approval.asked_at)

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, approval: Approval) -> SafeString | str:
        return "-" if approval.decision else stamp(approval.expires_at)

    @admin.display(description="decided by")
    def decided(self, approval: Approval) -> str:
        return approval.decided_by or "-"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the call, and the decision or the way to it."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise Forbidden
        row = self.found(request, object_id)
        waits = not row.decision and row.execution.status == Status.WAITING
        context = {
            "title": f"{row.role or 'An agent'} wants to call {row.tool}",
            "approval": row,
            "run": row.execution,
            "badge": decision_badge(row),
            "arguments": arguments_of(row),
            "may_decide": waits and may(request, DECIDE),
            "waits": waits,
            "asked": moment(row.asked_at, seconds=True),
            "expires": moment(row.expires_at, seconds=True),
            "decided": moment(row.decided_at, seconds=True),
            **(extra_context or {}),
        }
        return self.page(request, "admin/executions/approval/page.html", object=row, original=row, **context)

    def offers(self, request: HttpRequest, obj: Approval, name: str) -> bool:
        return not obj.decision and may(request, DECIDE)

    def approve_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and approve."""
        return self._decide(request, object_id, "approve")

    def reject_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and reject."""
        return self._decide(request, object_id, "reject")

    def _decide(self, request: HttpRequest, object_id: UUID, name: str) -> HttpResponse:
        actor, approval = required_actor(request, DECIDE), self.found(request, object_id)
        approve, button = name == "approve", self.object_pages[name]
        decided = Decision.APPROVED if approve else Decision.REJECTED
        run = reverse("admin:executions_execution_change", args=[approval.execution_id])
        return self.ask_and_change(
            request,
            approval,
            lambda reason: approval_decide(actor=actor, approval_id=approval.id, approve=approve, note=reason),
            done=f"The call of {approval.tool} is {decided}.",
            back=HttpResponseRedirect(run) if request.POST.get(BACK) == "run" else self.back_to(approval.id),
            title=f"{button}: {approval.tool} for {approval.role}",
            consequences=(*_CONSEQUENCES[name], f"Arguments: {approval.args}"),
            button=button,
        )


def decision_badge(approval: Approval) -> SafeString:
    """Waiting, or what was decided; withdrawn where the run no longer waits."""
    if approval.decision:
        decision = Decision(approval.decision)
        return badge(decision.label, _LOOKS[decision])
    return badge("Waiting for you", "is-warn")
