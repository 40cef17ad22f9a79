"""The list of runs: its columns, filters in the address, search, actions over ticked runs, and export."""
# ruff: noqa: ARG002 - the signatures are Django's

import csv
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions.admin_look import excerpt, number, run_badge, took, usd
from executions.admin_span import SpanFilter
from executions.approvals import execution_release
from executions.budgets import Limits
from executions.models import Execution, Source, Status
from executions.services import execution_cancel, execution_start
from teams.adminbase import required_actor
from teams.audit_words import who
from teams.badges import moment, stamp
from teams.changelists import MOST_COUNTED, WideRows
from teams.errors import Forbidden
from teams.modeladmin import ReadOnlyAdmin
from teams.models import Team
from teams.spreadsheet import harmless

_TEAMS_SEARCHED: Final = 50
_INPUTS_SEARCHED: Final = 2000
_EXCERPT: Final = 200
_HEAVY: Final = ("resolved_spec", "result", "idempotency_hash", "team__config", "team__pending_proposal")
_STATES: Final = {
    "running": ("Running or queued", [Status.QUEUED, Status.RUNNING, Status.RETRY_WAIT]),
    "waiting": ("Waiting for you", [Status.WAITING, Status.BUDGET_EXCEEDED]),
    "failed": ("Failed", [Status.FAILED]),
    "quarantined": ("Quarantined", [Status.QUARANTINED]),
    "succeeded": ("Succeeded", [Status.SUCCEEDED]),
    "cancelled": ("Cancelled", [Status.CANCELLED]),
}
_CANCELLING = (
    "Runs in a worker's hands stop before their next model call; the call in hand is still paid.",
    "Runs that have ended stay as they are.",
)
_AGAIN = (
    "A new run is started for each, with the same input and budget, of its team's current version.",
    "Every new run costs what a run costs; the earlier ones stay as they are.",
)
_RELEASING = ("Each quarantined run is queued once more; recorded answers are kept. Other runs stay as they are.",)


class Text(models.Func):
    """A JSON value as text."""

    template = "(%(expressions)s #>> '{}')"
    output_field = models.TextField()


class StateFilter(admin.SimpleListFilter):
    """Groups of statuses, as operators ask for them."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _statuses) in _STATES.items()]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        found = _STATES.get(self.value() or "")
        return queryset.filter(status__in=found[1]) if found else queryset


class TeamFilter(admin.SimpleListFilter):
    """The team whose runs are shown, and the way back to all; it is chosen by a link or by searching for its name."""

    title = "team"
    parameter_name = "team__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        wanted = _uuid(request.GET.get(self.parameter_name, ""))
        self.team = Team.objects.only("name", "tenant_id").filter(pk=wanted).first() if wanted else None
        return [(str(self.team.pk), self.team.name)] if self.team else []

    def has_output(self) -> bool:
        return self.value() is not None

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(tenant_id=self.team.tenant_id, team_id=self.team.pk) if self.team else queryset.none()


class RunList(WideRows, ReadOnlyAdmin):
    """What the list of runs shows, and what can be done to several at once."""

    list_display = ["badge", "asked", "shown_team", "started", "lasted", "tokens", "shown_cost", "by"]
    list_display_links = ["asked"]
    list_filter = [StateFilter, TeamFilter, SpanFilter, "source"]
    narrowed_by = ("status",)
    list_select_related = ["team"]
    search_fields = ["id"]
    search_help_text = (
        "A run's id or the beginning of it, a team's name, or words of the question (of the newest "
        f"{number(_INPUTS_SEARCHED)} runs that the filters leave)"
    )
    ordering = ["-created_at", "id"]
    not_listed = (*_HEAVY, "input", "display", "error")
    actions = ["cancel_runs", "run_again", "release_runs"]
    change_list_template = "admin/executions/execution/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export_page)
        return [path("export/", export, name="executions_execution_export"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = super().get_queryset(request).defer(*_HEAVY)
        shown: models.QuerySet[Any] = rows.annotate(excerpt=Left(Text("input"), _EXCERPT))
        return shown

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """By the beginning of an id, else by the team's name, both found by an index, and by what was asked: no index
        holds that, which every run would pay for, so the newest alone are read."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if bounds := _id_range(term):
            by_id = queryset.filter(id__range=bounds)
            if by_id.exists():  # else it is a word of those digits, such as "cafe" or "2026"
                return by_id, False
        named = Team.objects.filter(name__icontains=term).values_list("tenant_id", "id")[:_TEAMS_SEARCHED]
        tenants, teams = zip(*named, strict=True) if named else ((), ())
        newest = queryset.order_by(*self.ordering).values("pk")[:_INPUTS_SEARCHED]
        asked = Execution.objects.filter(pk__in=newest).annotate(text=Text("input")).filter(text__icontains=term)
        of_team = models.Q(tenant_id__in=set(tenants), team_id__in=teams)
        return queryset.filter(of_team | models.Q(pk__in=list(asked.values_list("pk", flat=True)))), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        export = f"{self.page_url('export')}?{request.GET.urlencode()}"
        more = {"title": "Runs", "export_url": export, "most_counted": number(MOST_COUNTED), **(extra_context or {})}
        return super().changelist_view(request, more)

    def told(self, obj: Any) -> str:
        """A run as operators know it."""
        return f"{obj.team} v{obj.version}: {self.asked(obj)} ({obj.get_status_display()}, {moment(obj.created_at)})"

    # --- columns ---

    @admin.display(description="status", ordering="status")
    def badge(self, run: Execution) -> SafeString:
        return run_badge(run.status)

    @admin.display(description="question")
    def asked(self, run: Any) -> str:
        return excerpt(run.excerpt or "") or "(the goal alone)"

    @admin.display(description="team", ordering="team__name")
    def shown_team(self, run: Execution) -> SafeString:
        address = reverse("admin:teams_team_change", args=[quote(run.team_id)])
        return format_html('<a href="{}">{}</a> <span class="tb-muted">v{}</span>', address, run.team, run.version)

    @admin.display(description="started", ordering="created_at")
    def started(self, run: Execution) -> SafeString:
        return stamp(run.started_at or run.created_at)

    @admin.display(description="took")
    def lasted(self, run: Execution) -> str:
        return took(run.started_at, run.finished_at)

    @admin.display(description="tokens")
    def tokens(self, run: Execution) -> str:
        return number(run.tokens_in + run.tokens_out)

    @admin.display(description="cost", ordering="cost")
    def shown_cost(self, run: Execution) -> str:
        return usd(run.cost)

    @admin.display(description="by")
    def by(self, run: Execution) -> str:
        return f"{who(run.actor) or '-'} ({run.get_source_display()})"

    # --- actions ---

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Whether this user may start and end runs; what the actions below ask."""
        return self._has(request, "executions:run")

    @admin.action(permissions=["run"], description="Cancel selected runs")
    def cancel_runs(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        def cancel(run: Execution, reason: str) -> Any:
            return execution_cancel(actor=required_actor(request, "executions:run"), execution_id=run.id, reason=reason)

        return self.ask_and_change_each(request, queryset, cancel, "Cancel", _CANCELLING, danger=True)

    @admin.action(permissions=["run"], description="Run selected again (new runs)")
    def run_again(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        def again(run: Execution, _reason: str) -> Any:
            more: Any = {"input": run.input, "budget": Limits.of(run.budget), "source": Source.ADMIN}
            actor = required_actor(request, "executions:run")
            return execution_start(actor=actor, team_id=run.team_id, **more)

        return self.ask_and_change_each(request, queryset, again, "Run again", _AGAIN)

    @admin.action(permissions=["run"], description="Release selected quarantined runs")
    def release_runs(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        def release(run: Execution, reason: str) -> Any:
            actor = required_actor(request, "executions:run")
            return execution_release(actor=actor, execution_id=run.id, reason=reason)

        return self.ask_and_change_each(request, queryset, release, "Release", _RELEASING)

    # --- export ---

    def export_page(self, request: HttpRequest) -> HttpResponse:
        """The filtered list as CSV: the newest rows, as many as a list counts."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise Forbidden
        rows = self.get_changelist_instance(request).get_queryset(request)[:MOST_COUNTED]
        # Not streamed: `config.serving` makes an answer whole in its thread anyhow, and the rows are read by one cursor
        # of this request's scope, which a streamed body would outlive. A line is kept as its bytes alone.
        lines = csv.writer(_Line())
        body = (lines.writerow(row) for row in _csv_rows(rows.iterator(chunk_size=1000)))
        response = HttpResponse(body, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="runs.csv"'
        response.headers["Cache-Control"] = "no-store"
        return response


class _Line:
    """What a csv writer writes to, to have each line back."""

    def write(self, text: str) -> str:
        """Return what is written."""
        return text


_COLUMNS: Final = (
    "id", "status", "team_id", "team", "version", "input", "source", "actor", "created_at", "started_at",
    "finished_at", "ms", "tokens_in", "tokens_out", "cost_usd",
)  # fmt: skip


def _csv_rows(runs: Iterator[Any]) -> Iterator[tuple[Any, ...]]:
    yield _COLUMNS
    for run in runs:
        moments = [moment and moment.isoformat() for moment in (run.created_at, run.started_at, run.finished_at)]
        texts = [harmless(text) for text in (str(run.team), run.version, run.excerpt or "", run.source, run.actor)]
        yield (run.id, run.status, run.team_id, *texts, *moments, run.ms, run.tokens_in, run.tokens_out, run.cost)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _id_range(term: str) -> tuple[UUID, UUID] | None:
    """The ids that begin so; None for what is no beginning of one: four digits at least, less may be a name."""
    digits = term.replace("-", "").lower()
    if not 4 <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
