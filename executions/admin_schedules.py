"""Schedules in the admin: made, changed, paused, run and deleted through the services."""
# ruff: noqa: ARG002 - the signatures are Django's

from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions import schedules
from executions.admin_fields import TeamField
from executions.admin_start import read_input, written_input
from executions.schedule_models import Outcome, Schedule
from teams.audit_words import who
from teams.badges import Look, badge, stamp
from teams.forms import ServiceForm
from teams.modeladmin import TenantModelAdmin
from teams.objectpages import attempt
from teams.services import MAX_REASON

_FIELDS = ["name", "team", "cron", "time_zone", "overlap", "input", "enabled"]
_NOTED = ["shown_next", "last_slot", "last_at", "last_outcome", "last_error", "last_run", "creator"]

_OUTCOME_LOOKS: dict[Outcome, Look] = {Outcome.STARTED: "is-good", Outcome.SKIPPED: "is-warn", Outcome.FAILED: "is-bad"}


class ScheduleForm(ServiceForm):
    """A schedule, with the reason for the change."""

    team = TeamField()
    input = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80}),
        help_text="Optional: text that follows the goal, or a JSON object.",
    )
    reason = forms.CharField(
        label="Why this change", required=False, max_length=MAX_REASON, widget=forms.TextInput(attrs={"size": 80})
    )

    class Meta:
        model = Schedule
        fields = _FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.input is not None:
            self.initial["input"] = written_input(self.instance.input)

    def clean_input(self) -> Any:
        """Return text, the object written in JSON, or None for blank."""
        return read_input(self.cleaned_data["input"])

    def field_of(self, loc: str) -> str | None:
        return "team" if loc == "team_id" else super().field_of(loc)

    def store(self) -> None:
        values = self.cleaned_data
        given = {name: values[name] for name in _FIELDS if name != "team"} | {"team_id": values["team"].pk}
        more: Any = {"actor": self.actor, "reason": values["reason"]}
        if self.instance._state.adding:
            self.instance.pk = schedules.schedule_create(fields=given, **more).pk
        else:
            if given["team_id"] == self.initial["team"]:
                del given["team_id"]
            schedules.schedule_change(schedule_id=self.instance.pk, fields=given, **more)


class ScheduleAdmin(TenantModelAdmin):
    """The tenant's schedules."""

    scope_to_view = "executions:read"
    scope_to_change = "schedules:write"
    form = ScheduleForm
    object_pages = {"run": "Run now", "pause": "Pause", "resume": "Resume"}
    list_display = ["name", "state", "team", "times", "next", "last", "last_error"]
    list_filter = ["enabled", "last_outcome"]
    list_select_related = ["team"]
    search_fields = ["name"]
    actions = None
    readonly_fields = _NOTED
    change_list_template = "admin/executions/schedule/change_list.html"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).select_related("team").defer("team__config", "team__pending_proposal")

    @admin.display(description="state", ordering="enabled")
    def state(self, row: Schedule) -> SafeString:
        return badge("on", "is-good") if row.enabled else badge("paused", "is-quiet")

    @admin.display(description="times", ordering="cron")
    def times(self, row: Schedule) -> str:
        return f"{row.cron} ({row.time_zone})"

    @admin.display(description="next", ordering="next_at")
    def next(self, row: Schedule) -> SafeString:
        return stamp(row.next_at)

    @admin.display(description="latest slot", ordering="last_outcome")
    def last(self, row: Schedule) -> SafeString | str:
        return badge(row.last_outcome, _OUTCOME_LOOKS[Outcome(row.last_outcome)]) if row.last_outcome else "-"

    @admin.display(description="last run")
    def last_run(self, row: Schedule) -> SafeString | str:
        if row.last_execution_id is None:
            return "-"
        address = reverse("admin:executions_execution_change", args=[row.last_execution_id])
        return format_html('<a class="tb-link" href="{}">{}</a>', address, row.last_execution_id)

    @admin.display(description="created by")
    def creator(self, row: Schedule) -> str:
        return who(row.created_by)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        reason = ["reason"] if self.has_change_permission(request, obj) else []
        return [*_FIELDS, *reason, *(_NOTED if obj else [])]

    def shown_next(self, row: Schedule) -> str:
        """The next five times."""
        return ", ".join(f"{moment:%a %d %b %Y %H:%M} UTC" for moment in schedules.next_times(row)) or "-"

    shown_next.short_description = "next five times"  # type: ignore[attr-defined]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def offers(self, request: HttpRequest, obj: Schedule, name: str) -> bool:
        fits = {"run": True, "pause": obj.enabled, "resume": not obj.enabled}[name]
        return fits and self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        """The form has stored the schedule."""

    def run_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm, start a run and go to it."""
        actor, row = self.writer(request), self.found(request, object_id)
        if request.method == "POST":
            started = attempt(request, lambda: schedules.schedule_run(actor=actor, schedule_id=row.id))
            if started is None:
                return self.back_to(row.id)
            messages.success(request, f"A run of {row.team} is queued.")
            return HttpResponseRedirect(reverse("admin:executions_execution_change", args=[started.execution.id]))
        lines = ["Its team runs once with its input, now.", "Its own times stay as they are."]
        return self.confirm(request, row, title=f"Run {row} now?", consequences=lines, button="Run now")

    def pause_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and pause."""
        return self._switch(request, object_id, "Pause", "No slot is fired until it is resumed.", enabled=False)

    def resume_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and resume."""
        return self._switch(request, object_id, "Resume", "It goes on from its next time; missed slots do not run.",
                            enabled=True)  # fmt: skip

    def _switch(self, request: HttpRequest, object_id: UUID, button: str, line: str, *, enabled: bool) -> HttpResponse:
        actor, row = self.writer(request), self.found(request, object_id)
        switch = partial(schedules.schedule_change, actor=actor, schedule_id=row.id, fields={"enabled": enabled})
        return self.ask_and_change(
            request, row, switch, done=f"{button}: {row} - done.", back=self.back_to(row.id),
            title=f"{button} {row}?", consequences=[line], button=button,
        )  # fmt: skip

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Confirm and delete."""
        actor, row = self.writer(request), self.found(request, object_id)
        delete = partial(schedules.schedule_delete, actor=actor, schedule_id=row.id)
        return self.ask_and_change(
            request, row, delete, done=f"Delete: {row} - done.", back=self.back_to_list(),
            title=f"Delete {row}?", consequences=["Its runs and its history stay."], button="Delete", danger=True,
        )  # fmt: skip
