"""Teams in the admin: the list, the JSON editor, versions, delete and restore."""
# ruff: noqa: ARG002 - the signatures are Django's

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from teams.admin_proposals import ProposalPages
from teams.admin_transfer import TransferPages
from teams.admin_versions import VersionPages, tell
from teams.adminbase import acting
from teams.forms import ReasonForm, TeamForm, in_reading_order
from teams.modeladmin import attempt, pretty
from teams.models import Team
from teams.services import team_delete, team_restore

DELETING = (
    "The team leaves the list and new runs of it are refused; the API answers 404 for it.",
    "Runs in hand go on to their end, and past runs stay readable.",
    "Nothing is lost: all versions stay, and the team can be restored at any time.",
)
RESTORING = ("The team is as it was when it was deleted, with all its versions, and can be run again.",)
_BULK = 200


class StateFilter(admin.SimpleListFilter):
    """Live (unless told otherwise), deleted or all teams."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("deleted", "Deleted"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        live, *others = super().choices(changelist)
        yield {**live, "display": "Live"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> QuerySet[Team]:
        return queryset if self.value() == "all" else queryset.filter(is_deleted=self.value() == "deleted")


class TeamAdmin(TransferPages, ProposalPages, VersionPages):
    """The operator's list and editor of teams; every change is a service's."""

    scope_to_change = "teams:write"
    form = TeamForm
    object_pages = {"restore": "Restore"}
    list_display = ["name", "shown_flow", "agents", "version", "updated_at", "state"]
    list_filter = [StateFilter]
    search_fields = ["name"]
    ordering = ["-updated_at"]
    actions = ["export_selected", "delete_teams", "restore_teams"]
    _derived = ["version", "state", "shown_flow", "shown_agents", "config_hash", "created_at", "updated_at"]
    readonly_fields = [*_derived, "shown_config"]

    @admin.display(description="flow")
    def shown_flow(self, team: Team) -> str:
        return " → ".join(team.flow) or "-"

    @admin.display(description="agents")
    def agents(self, team: Team) -> int:
        return len(team.config.get("agents") or [])

    @admin.display(description="state")
    def state(self, team: Team) -> str:
        return "deleted" if team.is_deleted else "live"

    @admin.display(description="agents")
    def shown_agents(self, team: Team) -> SafeString | str:
        return pretty([
            {key: agent.get(key) for key in ("agent_role", "agent_name", "LLM_model", "agent_tools") if agent.get(key)}
            for agent in team.config.get("agents") or []
        ])  # fmt: skip

    @admin.display(description="config")
    def shown_config(self, team: Team) -> SafeString | str:
        return pretty(in_reading_order(team.config))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["name", "config", "reason", "seen_version"]})]
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": ["name", *self._derived, "shown_config"]})]
        return [
            (None, {"fields": ["name", "config", "reason", "seen_version"]}),
            ("As stored", {"fields": self._derived}),
        ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and obj.is_deleted)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def offers(self, request: HttpRequest, obj: Any, name: str) -> bool:
        return bool(obj.is_deleted) and self.has_change_permission(request)

    def tools(self, request: HttpRequest, obj: Team) -> list[tuple[str, str]]:
        actor = acting(request)
        may_run = actor is not None and "executions:run" in actor.scopes and not obj.is_deleted
        try:
            run = [("Run now", reverse("admin:executions_execution_start", args=[obj.pk]))] if may_run else []
        except NoReverseMatch:  # the app above may be left out
            run = []
        return run + super().tools(request, obj)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().changeform_view(request, *args, **kwargs)
        shown = (getattr(response, "context_data", None) or {}).get("adminform")
        if shown and getattr(shown.form, "moved", False):
            response.status_code = 409
        return response

    def save_model(self, request: HttpRequest, obj: Team, form: TeamForm, change: bool) -> None:
        """The form has stored the team; here is only what the answer says of it."""
        obj.name, obj.version = form.saved.team.name, form.saved.team.version
        tell(request, form.saved)

    # --- delete and restore ---

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Confirm and delete softly."""
        actor, team = self.writer(request), self.found(request, object_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            if attempt(request, lambda: team_delete(actor=actor, team_id=team.id, reason=reason)):
                messages.success(request, f"{team} is deleted. It can be restored: filter the list by Deleted.")
            return self.back_to_list()
        return self.confirm(
            request, team, title=f"Delete {team}?", consequences=DELETING, button="Delete", form=form, danger=True
        )

    def restore_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Confirm and restore."""
        actor, team = self.writer(request), self.found(request, object_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            if attempt(request, lambda: team_restore(actor=actor, team_id=team.id, reason=reason)):
                messages.success(request, f"{team} is back.")
            return self.back_to(team.id)
        return self.confirm(
            request, team, title=f"Restore {team}?", consequences=RESTORING, button="Restore", form=form
        )

    @admin.action(permissions=["change"], description="Delete selected teams (they can be restored)")
    def delete_teams(self, request: HttpRequest, queryset: QuerySet[Team]) -> HttpResponse | None:
        return self._bulk(request, queryset, team_delete, "Delete", DELETING)

    @admin.action(permissions=["change"], description="Restore selected teams")
    def restore_teams(self, request: HttpRequest, queryset: QuerySet[Team]) -> HttpResponse | None:
        return self._bulk(request, queryset, team_restore, "Restore", RESTORING)

    def _bulk(
        self, request: HttpRequest, queryset: QuerySet[Team], service: Any, verb: str, consequences: Any
    ) -> HttpResponse | None:
        actor, teams = self.writer(request), list(queryset[: _BULK + 1])
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if len(teams) > _BULK:
            messages.error(request, f"At most {_BULK} teams at once.")
            return None
        if form.is_valid():
            given = {"actor": actor, "reason": form.cleaned_data["reason"]}
            done = [attempt(request, partial(service, team_id=team.id, **given)) for team in teams]
            messages.success(request, f"{verb}d: {sum(map(bool, done))} of {len(teams)}.")
            return None
        return self.page(
            request,
            "admin/confirm.html",
            title=f"{verb} {len(teams)} team{'s' if len(teams) != 1 else ''}?",
            consequences=consequences,
            button=verb,
            form=form,
            objects=teams,
            action=request.POST.get("action", ""),
        )
