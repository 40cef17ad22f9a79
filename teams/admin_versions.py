"""Versions of a team in the admin: who changed what, when and why, and the way back."""
# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from teams.errors import Forbidden, NotFound
from teams.forms import ReasonForm, differences, in_reading_order
from teams.modeladmin import TenantModelAdmin, attempt, pretty
from teams.models import Team
from teams.services import Saved, team_rollback

_HISTORY_ROWS = 50


class VersionPages(TenantModelAdmin):
    """A team's history, and a page for each version."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.version_page)
        return [path("<uuid:object_id>/versions/<int:version>/", view, name="teams_team_version"), *super().get_urls()]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """All versions with who, when, why and what changed; renames, deletes and restores between them."""
        if not self.has_view_permission(request):
            raise Forbidden
        team = self.found(request, object_id)
        rows = list(Team.history.filter(id=team.id).order_by("-history_id")[: _HISTORY_ROWS + 1])
        shown = [_history_row(row, former) for row, former in zip(rows, [*rows[1:], None], strict=True)]
        return self.page(
            request,
            "admin/teams/team/object_history.html",
            title=f"Versions of {team}",
            object=team,
            rows=shown[:_HISTORY_ROWS],
            more=len(shown) > _HISTORY_ROWS,
        )

    def version_page(self, request: HttpRequest, object_id: Any, version: int) -> HttpResponse:
        """One version, how it differs from the present one, and the way back to it (as a new version)."""
        if not self.has_view_permission(request):
            raise Forbidden
        team = self.found(request, object_id)
        row = Team.history.filter(id=team.id, makes_version=True, version=version).first()
        if row is None:
            raise NotFound(f"There is no version {version} of this team.")
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            given: Any = {"actor": self.writer(request), "team_id": team.id, "reason": form.cleaned_data["reason"]}
            saved = attempt(request, lambda: team_rollback(target_version=version, **given))
            if saved:
                tell(request, saved)
                messages.success(request, f"Rolled back to version {version}; it is now version {saved.team.version}.")
            return self.back_to(team.id)
        return self.page(
            request,
            "admin/teams/team/version.html",
            title=f"Version {version} of {team}",
            object=team,
            row=row,
            config=pretty(in_reading_order(row.config)),
            differences=differences(team.config, row.config),
            form=form,
            may_roll_back=self.has_change_permission(request, team) and version != team.version,
        )


def tell(request: HttpRequest, saved: Saved) -> None:
    """Say what the Team Builder added and what is doubtful."""
    for addition in saved.additions:
        role, reason = addition.get("role"), addition.get("reason") or "from a template"
        swapped = addition.get("kind") == "model"
        did = f"lets {role} speak with {addition.get('source')}" if swapped else f"added {role}"
        messages.info(request, f"The Team Builder {did}: {reason}")
    if saved.team.pending_proposal and saved.team.pending_proposal["version"] == saved.team.version:
        messages.info(
            request, "The Team Builder proposes agents, which wait for approval: see Proposal above the form."
        )
    for warning in saved.warnings:
        messages.warning(request, f"{warning['loc']}: {warning['msg']}" if warning["loc"] else warning["msg"])


def _history_row(row: Any, former: Any) -> dict[str, Any]:
    changes = differences(former.config, row.config) if former and row.makes_version else []
    if former and row.name != former.name:
        changes.append(f"Renamed from {former.name} to {row.name}.")
    if former and row.is_deleted != former.is_deleted:
        changes.append("Deleted." if row.is_deleted else "Restored.")
    if row.makes_version and row.version == 1:
        changes.append("Created.")
    return {"row": row, "changes": changes}
