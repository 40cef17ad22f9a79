"""Runs in the admin: rows a machine writes; people look, start, cancel and try again through the services."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from executions.admin_asks import ResolveForm, may, unknown_steps_of
from executions.admin_budgets import RaiseForm, limits_in_words
from executions.admin_run_list import RunList
from executions.admin_run_page import LivePages
from executions.admin_start import StartPages
from executions.approvals import DECIDE, execution_release, step_resolve
from executions.budgets import Limits
from executions.models import OPEN, Execution, Status
from executions.services import execution_cancel, execution_raise_budget, execution_retry
from teams.adminbase import acting, required_actor

_FITTING = {
    "cancel": OPEN,
    "retry": [Status.FAILED, Status.CANCELLED],
    "release": [Status.QUARANTINED],
    "budget": [Status.BUDGET_EXCEEDED],
}
_ENDING = {
    "cancel": (
        "A run in a worker's hands stops before its next model call; the call in hand is still paid.",
        "Recorded steps stay, and the run can be resumed from where it stopped.",
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
        "A failed run can be resumed once its lost calls are resolved.",
    ),
}


class ExecutionAdmin(RunList, LivePages, StartPages):
    """Runs with their steps. Only `display` is shown: `result` is for replays and not redacted."""

    scope_to_view = "executions:read"
    object_pages = {
        "cancel": "Cancel run",
        "retry": "Resume",
        "release": "Release",
        "budget": "Raise the budget",
        "resolve": "Say what became of a lost call",
    }

    def offers(self, request: HttpRequest, obj: Execution, name: str) -> bool:
        actor = acting(request)
        if name == "resolve":
            return may(request, DECIDE) and unknown_steps_of(obj).exists()
        over = name == "cancel" and obj.cancel_requested
        return actor is not None and "executions:run" in actor.scopes and obj.status in _FITTING[name] and not over

    def tools(self, request: HttpRequest, obj: Execution) -> list[tuple[str, str]]:
        """The buttons of the head; what a run waits for is answered in boxes of its own."""
        found = [(name, self.object_pages[name]) for name in ("cancel", "retry") if self.offers(request, obj, name)]
        tools = [(text, self.page_url(name, obj.pk)) for name, text in found]
        if may(request, "executions:run") and not obj.team.is_deleted:
            address = reverse("admin:executions_execution_start", args=[obj.team_id])
            tools.append(("Run again", f"{address}?again={obj.pk}"))
        return tools

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
        return self.confirm(request, run, title=f"{button}: {run.team}", consequences=lines, button=button, form=form)

    def resolve_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask what became of a tool call whose worker was lost."""
        actor, run = required_actor(request, DECIDE), self.found(request, object_id)
        form = ResolveForm([step.key for step in unknown_steps_of(run)], request.POST or None)
        return self.ask_and_change(
            request,
            run,
            lambda step, **said: step_resolve(actor=actor, execution_id=run.id, key=step, **said),
            form=form,
            done="What became of the call is recorded.",
            back=self.back_to(run.id),
            title=self.object_pages["resolve"],
            consequences=_ENDING["resolve"],
            button="Record",
        )

    def _end(self, request: HttpRequest, object_id: UUID, name: str, service: Any, done: str) -> HttpResponse:
        actor, run = required_actor(request, "executions:run"), self.found(request, object_id)
        button = self.object_pages[name]
        return self.ask_and_change(
            request, run, partial(service, actor=actor, execution_id=run.id), done=done, back=self.back_to(run.id),
            title=f"{button}: {run.team}", consequences=_ENDING[name], button=button, danger=name == "cancel",
        )  # fmt: skip
