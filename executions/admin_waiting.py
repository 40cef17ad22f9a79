"""What runs wait for, in the admin: approvals to decide, and lost tool calls of which a person says what became."""
# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from executions.approvals import DECIDE, approval_decide
from executions.models import Approval, Execution, Step, StepState
from teams.adminbase import acting, required_actor
from teams.forms import ReasonForm
from teams.modeladmin import ReadOnlyAdmin, attempt, pretty

_CONSEQUENCES = {
    "approve": ("The call is made with exactly these arguments.", "The run goes on once all that it asked is decided."),
    "reject": ("The agent is told, with your reason, and goes on without the call.",),
}
_OUTCOMES = [
    ("happened", "It happened: go on without making the call again"),
    ("did_not", "It did not happen: make the call again, under a new idempotency key"),
    ("fail", "Fail the run"),
]


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


class ApprovalAdmin(ReadOnlyAdmin):
    """Decisions runs wait for, or waited for."""

    scope_to_view = "executions:read"
    object_pages = {"approve": "Approve", "reject": "Reject"}
    list_display = ["tool", "role", "execution", "asked_at", "expires_at", "decision", "decided_by"]
    list_filter = [WaitingFilter, "decision"]
    list_select_related = ["execution"]
    ordering = ["-asked_at"]
    actions = None
    fields = [
        "execution", "tool", "role", "step_key", "shown_args", "asked_at", "expires_at", "decision", "decided_by",
        "decided_at", "note",
    ]  # fmt: skip

    @admin.display(description="arguments")
    def shown_args(self, approval: Approval) -> SafeString | str:
        return pretty(approval.args)

    def offers(self, request: HttpRequest, obj: Approval, name: str) -> bool:
        return not obj.decision and may_decide(request)

    def approve_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and approve."""
        return self._decide(request, object_id, "approve")

    def reject_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and reject."""
        return self._decide(request, object_id, "reject")

    def _decide(self, request: HttpRequest, object_id: UUID, name: str) -> HttpResponse:
        actor, approval = required_actor(request, DECIDE), self.found(request, object_id)
        form, button = ReasonForm(request.POST or None), self.object_pages[name]
        if request.method == "POST" and form.is_valid():
            note, approve = form.cleaned_data["reason"], name == "approve"
            decided = attempt(
                request, lambda: approval_decide(actor=actor, approval_id=approval.id, approve=approve, note=note)
            )
            if decided:
                messages.success(request, f"The call of {approval.tool} is {decided.decision}.")
            return self.back_to(approval.id)
        title = f"{button}: {approval.tool} for {approval.role}"
        consequences = (*_CONSEQUENCES[name], f"Arguments: {approval.args}")
        return self.confirm(request, approval, title=title, consequences=consequences, button=button, form=form)


class ResolveForm(forms.Form):
    """What became of a tool call of which nobody knew."""

    step = forms.ChoiceField(label="Tool call")
    outcome = forms.ChoiceField(choices=_OUTCOMES, widget=forms.RadioSelect)
    note = forms.CharField(label="Why", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, keys: list[str], data: Any = None) -> None:
        super().__init__(data)
        step = self.fields["step"]
        assert isinstance(step, forms.ChoiceField)  # noqa: S101 - for the type checker
        step.choices = [(key, key) for key in keys]


def may_decide(request: HttpRequest) -> bool:
    """Whether this user may answer what a run waits for."""
    actor = acting(request)
    return actor is not None and DECIDE in actor.scopes


def questions_of(run: Execution) -> dict[str, Any]:
    """What a run waits for, for its page."""
    return {
        "waiting_approvals": Approval.objects.filter(execution_id=run.pk, decision="").order_by("step_key"),
        "unknown_steps": Step.objects.filter(execution_id=run.pk, state=StepState.UNKNOWN).defer("request", "result"),
    }
