"""Teams in the admin: the list, versions, delete and restore. The editor is console's, which registers the pages."""
# ruff: noqa: ARG002 - the signatures are Django's

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse

from teams.admin_proposals import ProposalPages
from teams.admin_transfer import TransferPages
from teams.admin_versions import VersionPages
from teams.adminbase import acting
from teams.models import Team
from teams.services import team_delete, team_restore

DELETING = (
    "The team leaves the list and new runs of it are refused; the API answers 404 for it.",
    "Its schedules start nothing until it is restored.",
    "Runs in hand go on to their end, and past runs stay readable.",
    "Nothing is lost: all versions stay, and the team can be restored at any time.",
)
RESTORING = ("The team is as it was when it was deleted, with all its versions, and can be run again.",)


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
    """The operator's list of teams; every change is a service's."""

    scope_to_change = "teams:write"
    object_pages = {"restore": "Restore"}
    list_filter = [StateFilter]
    ordering = ["-updated_at"]
    actions = ["export_selected", "delete_teams", "restore_teams"]

    @admin.display(description="agents")
    def agents(self, team: Team) -> int:
        return len(team.config.get("agents") or [])

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

    # --- delete and restore ---

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Confirm and delete softly."""
        actor, team = self.writer(request), self.found(request, object_id)
        done = f"{team} is deleted. It can be restored: filter the list by Deleted."
        return self.ask_and_change(
            request, team, partial(team_delete, actor=actor, team_id=team.id), done=done, back=self.back_to_list(),
            title=f"Delete {team}?", consequences=DELETING, button="Delete", danger=True,
        )  # fmt: skip

    def restore_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Confirm and restore."""
        actor, team = self.writer(request), self.found(request, object_id)
        return self.ask_and_change(
            request, team, partial(team_restore, actor=actor, team_id=team.id), done=f"{team} is back.",
            back=self.back_to(team.id), title=f"Restore {team}?", consequences=RESTORING, button="Restore",
        )  # fmt: skip

    @admin.action(permissions=["change"], description="Delete selected teams (they can be restored)")
    def delete_teams(self, request: HttpRequest, queryset: QuerySet[Team]) -> HttpResponse | None:
        actor = self.writer(request)
        return self.ask_and_change_each(
            request,
            queryset,
            lambda team, reason: team_delete(actor=actor, team_id=team.id, reason=reason),
            "Delete",
            DELETING,
            danger=True,
        )

    @admin.action(permissions=["change"], description="Restore selected teams")
    def restore_teams(self, request: HttpRequest, queryset: QuerySet[Team]) -> HttpResponse | None:
        actor = self.writer(request)
        return self.ask_and_change_each(
            request,
            queryset,
            lambda team, reason: team_restore(actor=actor, team_id=team.id, reason=reason),
            "Restore",
            RESTORING,
        )
