"""Runs in the admin: rows a machine writes; people look, start, cancel and try again through the services."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from executions.admin_budgets import BudgetForm, RaiseForm, limits_in_words
from executions.admin_waiting import ResolveForm, may_decide, questions_of
from executions.approvals import DECIDE, execution_release, step_resolve
from executions.budgets import Limits
from executions.models import OPEN, Execution, Source, Status, Step
from executions.services import execution_cancel, execution_raise_budget, execution_retry, execution_start
from teams import strict_json
from teams.adminbase import acting, required_actor
from teams.errors import Invalid
from teams.forms import ReasonForm
from teams.modeladmin import ReadOnlyAdmin, attempt, pretty
from teams.services import team_get

_BIG = ("resolved_spec", "result", "idempotency_hash")
_STEPS_SHOWN = 300
_FITTING = {
    "cancel": OPEN,
    "retry": [Status.FAILED, Status.CANCELLED],
    "release": [Status.QUARANTINED],
    "budget": [Status.BUDGET_EXCEEDED],
}
_ENDING = {
    "cancel": (
        "A run in a worker's hands stops before its next model call; the call in hand is still paid.",
        "Recorded steps stay, and the run can be tried again from where it stopped.",
    ),
    "retry": (
        "The run is queued again: recorded answers are used as they are and not paid twice.",
        "It keeps the team version it was started with.",
    ),
    "release": (
        "Three workers were lost while they held this run. It is queued once more; recorded answers are kept.",
        "If it takes down its workers again, it is quarantined again.",
    ),
    "resolve": (
        "A worker was lost in the middle of this call, and nobody knows whether it happened. Look in the other system.",
        "A failed run can be tried again once its lost calls are resolved.",
    ),
}


class StartForm(BudgetForm):
    """What a run is given besides the team's goal, and what it may use."""

    field_order = ("input",)

    input = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 80}),
        help_text="Optional: text that follows the goal, or a JSON object. Blank: the goal alone.",
    )

    def clean_input(self) -> Any:
        """Return text, the object written in JSON, or None for blank."""
        return read_input(self.cleaned_data["input"])


def read_input(text: str) -> Any:
    """Read a run's input as people type it: text, an object written in JSON, or None for blank."""
    if not text.strip().startswith("{"):
        return text if text.strip() else None
    try:
        return strict_json.read(text.encode())
    except Invalid:
        return text  # it only begins like JSON


def written_input(given: Any) -> str:
    """Write a run's input as people would type it."""
    return given if isinstance(given, str) else json.dumps(given, indent=2, ensure_ascii=False)


class ExecutionAdmin(ReadOnlyAdmin):
    """Runs with their steps. Only `display` is shown: `result` is for replays and not redacted."""

    scope_to_view = "executions:read"
    object_pages = {
        "cancel": "Cancel",
        "retry": "Try again",
        "release": "Release",
        "budget": "Raise the budget",
        "resolve": "Say what became of a lost call",
    }
    list_display = ["id", "team", "version", "status", "source", "actor", "created_at", "finished_at", "cost"]
    list_filter = ["status", "source"]
    list_select_related = ["team"]
    search_fields = ["team__name", "actor"]
    date_hierarchy = None
    actions = None
    fields = [
        "team", "version", "status", "final_answer", "shown_error", "shown_input", "budget_shown", "source", "actor",
        "attempt", "tries", "recovery_count", "tokens_in", "tokens_out", "cost", "ms", "shown_display", "created_at",
        "started_at", "finished_at", "deadline_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).defer(*_BIG)

    @admin.display(description="final answer")
    def final_answer(self, run: Execution) -> str:
        return str((run.display or {}).get("final_answer") or "-")

    @admin.display(description="error")
    def shown_error(self, run: Execution) -> SafeString | str:
        return pretty(run.error)

    @admin.display(description="input")
    def shown_input(self, run: Execution) -> SafeString | str:
        return run.input if isinstance(run.input, str) else pretty(run.input)

    @admin.display(description="budget")
    def budget_shown(self, run: Execution) -> str:
        return limits_in_words(Limits.of(run.budget))

    @admin.display(description="result")
    def shown_display(self, run: Execution) -> SafeString | str:
        return pretty(run.display)

    def get_urls(self) -> list[URLPattern]:
        start = self.admin_site.admin_view(self.start_page)
        return [path("start/<uuid:team_id>/", start, name="executions_execution_start"), *super().get_urls()]

    def offers(self, request: HttpRequest, obj: Execution, name: str) -> bool:
        actor = acting(request)
        if name == "resolve":
            return may_decide(request) and questions_of(obj)["unknown_steps"].exists()
        return actor is not None and "executions:run" in actor.scopes and obj.status in _FITTING[name]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        steps = Step.objects.none()
        if run := self.get_object(request, object_id):
            steps = Step.objects.filter(execution_id=run.pk).defer("request", "result").order_by("seq")
            extra_context = {**questions_of(run), "may_decide": may_decide(request), **(extra_context or {})}
        shown = [{"row": step, "text": _text_of(step)} for step in steps[: _STEPS_SHOWN + 1]]
        context = {"steps": shown[:_STEPS_SHOWN], "more_steps": len(shown) > _STEPS_SHOWN, **(extra_context or {})}
        context["is_open"] = run is not None and run.status in OPEN
        return super().change_view(request, object_id, form_url, context)

    def start_page(self, request: HttpRequest, team_id: UUID) -> HttpResponse:
        """Ask for the input and start a run."""
        actor = required_actor(request, "executions:run")
        team = team_get(actor=actor, team_id=team_id)
        form = StartForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data["input"]
            more: Any = {"input": given, "budget": form.limits, "source": Source.ADMIN}
            if started := form.tried(lambda: execution_start(actor=actor, team_id=team.id, **more)):
                messages.success(request, f"A run of {team} is queued.")
                return self.back_to(started.execution.id)
        return self.page(request, "admin/executions/execution/start.html", title=f"Run {team}", team=team, form=form)

    def cancel_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and cancel."""
        return self._end(request, object_id, "cancel", execution_cancel, "The run is being cancelled.")

    def retry_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and queue again."""
        return self._end(request, object_id, "retry", execution_retry, "The run is queued again.")

    def release_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and queue a quarantined run."""
        return self._end(request, object_id, "release", execution_release, "The run is queued again.")

    def budget_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask for higher limits and queue a run that stopped for its budget."""
        actor, run = required_actor(request, "executions:run"), self.found(request, object_id)
        form, button = RaiseForm(request.POST or None), self.object_pages["budget"]
        if request.method == "POST" and form.is_valid():
            more: Any = {"limits": form.limits, "reason": form.cleaned_data["reason"]}
            if form.tried(lambda: execution_raise_budget(actor=actor, execution_id=run.id, **more)):
                messages.success(request, "The run goes on with its new budget.")
                return self.back_to(run.id)
        lines = [
            f"Its budget now: {limits_in_words(Limits.of(run.budget))}.",
            *([str(run.error["message"])] if run.error and "message" in run.error else []),
            "It goes on from where it stopped; recorded answers are not paid twice.",
            "Write only what is to be higher. Where the tenant's limit had no room, leave all blank to try again.",
        ]
        return self.confirm(
            request, run, title=f"{button}: run of {run.team}", consequences=lines, button=button, form=form
        )

    def resolve_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask what became of a tool call whose worker was lost."""
        actor, run = required_actor(request, DECIDE), self.found(request, object_id)
        keys, button = [step.key for step in questions_of(run)["unknown_steps"]], self.object_pages["resolve"]
        form = ResolveForm(keys, request.POST or None)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            said = {"key": given["step"], "outcome": given["outcome"], "note": given["note"]}
            if attempt(request, lambda: step_resolve(actor=actor, execution_id=run.id, **said)):
                messages.success(request, "What became of the call is recorded.")
            return self.back_to(run.id)
        return self.confirm(request, run, title=button, consequences=_ENDING["resolve"], button="Record", form=form)

    def _end(self, request: HttpRequest, object_id: UUID, name: str, service: Any, done: str) -> HttpResponse:
        actor, run = required_actor(request, "executions:run"), self.found(request, object_id)
        form, button = ReasonForm(request.POST or None), self.object_pages[name]
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            if attempt(request, lambda: service(actor=actor, execution_id=run.id, reason=reason)):
                messages.success(request, done)
            return self.back_to(run.id)
        return self.confirm(
            request, run, title=f"{button}: run of {run.team}", consequences=_ENDING[name], button=button, form=form
        )


def _text_of(step: Step) -> SafeString | str:
    """What a step shows: its message, or for other kinds all of its `display`."""
    message = (step.display or {}).get("message")
    return message if isinstance(message, str) and message else pretty(step.display)
