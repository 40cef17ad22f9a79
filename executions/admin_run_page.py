"""The page of one run, which keeps itself up to date: who speaks, what was said and done, what a person has to answer.

The page and what it asks for while the run goes on are one template, so a reload shows the same.
"""
# ruff: noqa: ARG002 - the signatures are Django's

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from executions.admin_asks import asks_of
from executions.admin_look import duration, number, run_badge, usd
from executions.admin_start import written_input
from executions.admin_timeline import entry_of, flow_nodes
from executions.budgets import Limits
from executions.follow import AT_REST
from executions.models import Execution, Status, Step, StepKind
from teams.adminbase import acting
from teams.audit_words import who
from teams.badges import moment
from teams.errors import Forbidden, NotFound
from teams.modeladmin import ReadOnlyAdmin
from teams.picture import flow_svg

STEPS_SHOWN = 300
"""The newest steps of a run that its page shows."""

_NOT_SHOWN = ("result", "idempotency_hash")


class LivePages(ReadOnlyAdmin):
    """A run as a page, and the part of it that is asked for again while the run goes on."""

    def get_urls(self) -> list[URLPattern]:
        live = path(
            "<uuid:object_id>/live/", self.admin_site.admin_view(self.live_page), name="executions_execution_live"
        )
        return [live, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a run. Nothing of it is edited."""
        run = self._shown_run(request, object_id)
        context = {**self._live(request, run), "tools": self.tools(request, run), **(extra_context or {})}
        return self.page(request, "admin/executions/execution/run.html", object=run, original=run, **context)

    def live_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The part of the page that changes; 204 when the asker has seen all of it (`seen`)."""
        run = self._shown_run(request, object_id)
        if request.GET.get("seen") == _state_of(run):
            return HttpResponse(status=204)
        context = {**self._live(request, run), "tools": self.tools(request, run)}
        response = self.page(request, "admin/executions/execution/live.html", object=run, original=run, **context)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _shown_run(self, request: HttpRequest, object_id: object) -> Execution:
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise Forbidden("A run is written by its worker: nobody edits it.")
        try:
            wanted = UUID(str(object_id))
        except ValueError:
            wanted = None
        rows = self.get_queryset(request).defer(None).defer(*_NOT_SHOWN, "team__config", "team__pending_proposal")
        run: Execution | None = rows.select_related("team").filter(pk=wanted).first() if wanted else None
        if run is None:
            raise NotFound(f"There is no such {self.opts.verbose_name} here.")
        return run

    def _live(self, request: HttpRequest, run: Execution) -> dict[str, Any]:
        newest = Step.objects.filter(execution_id=run.pk).defer("request", "result").order_by("-seq")[:STEPS_SHOWN]
        steps = list(newest)[::-1]
        asks, at_rest = asks_of(request, run, steps), run.status in AT_REST
        return {
            "title": f"Run of {run.team}",
            "tab_title": f"{'(!) ' if asks else ''}{Status(run.status).label}: {run.team}",
            "run": run,
            "badge": run_badge(run.status),
            "mode": "ended" if at_rest else "sse" if isinstance(request, ASGIRequest) else "poll",
            "state": _state_of(run),
            "goal": str((run.resolved_spec or {}).get("goal") or ""),
            "question": "" if run.input is None else written_input(run.input),
            "picture": _picture(run, steps),
            "entries": [entry_of(step, goes_on=not at_rest) for step in steps],
            "earlier": run.step_seq - len(steps) if len(steps) == STEPS_SHOWN else 0,
            "answer": str((run.display or {}).get("final_answer") or ""),
            "stopped_by": _STOPPED_BY.get((run.display or {}).get("stopped_by", ""), ""),
            "error": run.error if isinstance(run.error, dict) and run.status != Status.BUDGET_EXCEEDED else {},
            "next_try": moment(run.not_before, seconds=True) if run.status == Status.RETRY_WAIT else "",
            "facts": _facts(run),
            "used": _used(run, steps),
            "asks": asks,
            "sees_versions": _sees(request, "teams:read"),
            "has_history": self.has_history(request),
        }


_STOPPED_BY = {
    "final_answer": "An agent gave the final answer.",
    "concluded": "The team agreed that it was done.",
    "max_turns": "The last turn was over: this is what was said last.",
}


def _state_of(run: Execution) -> str:
    """Changes with everything the page shows."""
    return f"{run.event_seq}.{run.status}.{run.attempt}.{run.owner}.{int(run.cancel_requested)}"


def _sees(request: HttpRequest, scope: str) -> bool:
    actor = acting(request)
    return actor is None or scope in actor.scopes


def _picture(run: Execution, steps: Sequence[Step]) -> SafeString | str:
    nodes = flow_nodes(run, steps)
    if not nodes:
        return ""
    rounds = int(run.resolved_spec.get("max_turns") or 1)
    return flow_svg(nodes, rounds=rounds, title=f"Flow of {run.team}, version {run.version}")


def _facts(run: Execution) -> list[tuple[str, str]]:
    """What stands beside the timeline, as (label, value); what is not known of this run is left out."""
    counted = Step.objects.filter(execution_id=run.pk).aggregate(
        turns=Max("turn"), tools=Count("id", filter=Q(kind=StepKind.TOOL))
    )
    facts = [
        ("Turns", number(counted["turns"] or 0)),
        ("Tool calls", number(counted["tools"])),
        ("Tokens in / out", f"{number(run.tokens_in)} / {number(run.tokens_out)}"),
        ("Cost", usd(run.cost)),
        ("Time in models and tools", duration(run.ms)),
        ("Started by", who(run.actor) or "-"),
        ("Came through", run.get_source_display()),
        ("Queued", moment(run.created_at, seconds=True)),
        ("Started", moment(run.started_at, seconds=True)),
        ("Ended", moment(run.finished_at, seconds=True)),
        ("Deadline", "-" if run.status in AT_REST else moment(run.deadline_at, seconds=True)),
        ("Worker", run.owner or "-"),
        ("Attempt", str(run.attempt)),
        ("Tries of this attempt", str(run.tries) if run.tries else "-"),
        ("Workers lost", str(run.recovery_count) if run.recovery_count else "-"),
    ]
    return [(label, value) for label, value in facts if value != "-"]


def _used(run: Execution, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """How much of its budget the run has used, limit by limit."""
    limits = Limits.of(run.budget)
    spent = sum(step.kind in {StepKind.LLM, StepKind.TOOL} for step in steps)
    rows: list[tuple[str, float | None, float, str]] = [
        ("tokens", limits.tokens, run.tokens_in + run.tokens_out, ",.0f"),
        ("USD", None if limits.usd is None else float(limits.usd), float(run.cost or 0), ",.4f"),
        ("steps", limits.steps, spent, ",.0f"),
        ("seconds", limits.seconds, run.ms / 1000, ",.1f"),
    ]
    return [
        {
            "name": name,
            "limit": limit,
            "high": limit * 0.8,
            "used": used,
            "told": f"{used:{form}} of {limit:{form}} {name}",
        }
        for name, limit, used, form in rows
        if limit is not None
    ]
