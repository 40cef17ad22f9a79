"""The pages of a team in the admin, put together from their parts; the list, with how each team's runs went."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.editor.admin import EditorPages
from console.team_runs import RATED, TeamRuns, facts_of_versions, runs_of
from executions.admin_look import run_badge
from teams.admin_teams import TeamAdmin
from teams.badges import badge, moment, stamp
from teams.changelists import LooksUp
from teams.models import Team


class TeamList(LooksUp, TeamAdmin):
    """The list of teams with their last runs, and versions with theirs."""

    list_display = ["name", "shown_flow", "agents", "versions", "last_run", "succeeded", "updated"]
    search_fields = ["name", "config__agent_team_main_goal"]
    search_help_text = "Search names and goals."

    def look_up(self, rows: list[Any]) -> None:
        known = runs_of([row.pk for row in rows])
        for row in rows:
            row.runs = known.get(row.pk, TeamRuns())

    def tools(self, request: HttpRequest, obj: Team) -> list[tuple[str, str]]:
        """Its runs are one step away, as is a new one."""
        tools = super().tools(request, obj)
        if self._has(request, "executions:read"):
            runs = f"{reverse('admin:executions_execution_changelist')}?team__id__exact={obj.pk}"
            tools.insert(1 if tools[:1] and tools[0][0] == "Run now" else 0, ("Runs", runs))
        return tools

    def version_facts(self, team: Team, versions: Sequence[int]) -> Mapping[int, str]:
        return facts_of_versions(team.id, versions)

    @admin.display(description="flow")
    def shown_flow(self, team: Team) -> str:
        return " → ".join(_short(team.flow)) or "nobody yet"

    @admin.display(description="version", ordering="version")
    def versions(self, team: Team) -> SafeString:
        address = self.page_url("history", team.pk)
        shown = format_html('<a class="tb-link" href="{}" title="All versions">{}</a>', address, team.version)
        if team.is_deleted:
            return format_html("{} {}", shown, badge("deleted", "is-bad"))
        if team.pending_proposal is None:
            return shown
        waiting = badge("proposal waiting", "is-warn")
        return format_html('{} <a href="{}">{}</a>', shown, self.page_url("proposal", team.pk), waiting)

    @admin.display(description="last run")
    def last_run(self, team: Any) -> SafeString:
        runs: TeamRuns = team.runs
        if runs.last_id is None:
            return format_html('<span class="tb-muted">{}</span>', "never run")
        address = reverse("admin:executions_execution_change", args=[runs.last_id])
        return format_html(
            '<a class="tb-link tb-nowrap" href="{}">{}</a> {}',
            address,
            moment(runs.last_at),
            run_badge(runs.last_status),
        )

    @admin.display(description=f"succeeded of last {RATED}")
    def succeeded(self, team: Any) -> str:
        return str(team.runs.rate)

    @admin.display(description="updated", ordering="updated_at")
    def updated(self, team: Team) -> SafeString:
        return stamp(team.updated_at)


class TeamPages(EditorPages, TeamList):
    """A team: the list, the editor, versions, proposals, import and export."""


def _short(roles: Sequence[str]) -> list[str]:
    """The first roles of a long flow, and how many more there are."""
    return list(roles) if len(roles) <= 8 else [*roles[:7], f"{len(roles) - 7} more turns"]
