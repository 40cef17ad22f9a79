"""Versions of a team in the admin: who changed what, when and why, any two side by side, and the way back."""
# ruff: noqa: ARG002 - the signatures are Django's

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from teams.audit_words import who
from teams.badges import moment
from teams.errors import Forbidden, NotFound
from teams.forms import ReasonForm, in_reading_order
from teams.modeladmin import TenantModelAdmin, pretty
from teams.models import Team
from teams.objectpages import attempt
from teams.picture import flow_svg, nodes_of, rounds_of
from teams.services import Saved, team_rollback
from teams.version_cards import cards, side_by_side

_CARDS: Final = 20
_CHOICES: Final = 200


class RollbackForm(ReasonForm):
    """Why somebody rolls back, and which version was the present one on the page they decided on."""

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)


class VersionPages(TenantModelAdmin):
    """A team's history, a page for each version, and any two of them compared."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:object_id>/versions/<int:version>/", view(self.version_page), name="teams_team_version"),
            path("<uuid:object_id>/compare/", view(self.compare_page), name="teams_team_compare"),
            *super().get_urls(),
        ]

    def version_facts(self, team: Team, versions: Sequence[int]) -> Mapping[int, str]:
        """What is known of these versions besides their text; a subclass above the runs tells how they went."""
        return {}

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """A card for each version, newest first; renames, deletes and restores between them."""
        if not self.has_view_permission(request):
            raise Forbidden
        team = self.found(request, object_id)
        older = request.GET.get("before", "")
        found = Team.history.filter(id=team.id).order_by("-history_id")
        if older.isdecimal() and len(older) < 19:
            found = found.filter(history_id__lt=int(older))
        rows = list(found[: _CARDS + 1])
        shown, former = rows[:_CARDS], rows[_CARDS] if len(rows) > _CARDS else None
        facts = self.version_facts(team, [row.version for row in shown if row.makes_version])
        return self.page(
            request,
            "admin/teams/team/object_history.html",
            title=f"Versions of {team}",
            object=team,
            cards=cards(team, shown, former, facts),
            is_newest=not older,
            older=shown[-1].history_id if former is not None else None,
            may_roll_back=self.has_change_permission(request, team),
        )

    def version_page(self, request: HttpRequest, object_id: Any, version: int) -> HttpResponse:
        """One version beside the present one, and the way back to it (as a new version)."""
        if not self.has_view_permission(request):
            raise Forbidden
        team = self.found(request, object_id)
        row = _version(team, version)
        form = RollbackForm(request.POST or None, initial={"seen_version": team.version})
        if request.method == "POST" and form.is_valid():
            return self._rolled_back(request, team, version, form.cleaned_data)
        is_present = version == team.version
        titles = f"Version {team.version}, the present one", f"Version {version}"
        return self.page(
            request,
            "admin/teams/team/version.html",
            title=f"Version {version} of {team}",
            object=team,
            row=row,
            who=who(row.actor),
            at=moment(row.history_date),
            picture=flow_svg(nodes_of(row.config), rounds=rounds_of(row.config), title=titles[1]),
            config=pretty(in_reading_order(row.config)),
            comparison=None if is_present else side_by_side(team.config, row.config, titles),
            facts=self.version_facts(team, [version]).get(version, ""),
            form=form,
            may_roll_back=self.has_change_permission(request, team) and not is_present,
        )

    def _rolled_back(self, request: HttpRequest, team: Team, version: int, values: Mapping[str, Any]) -> HttpResponse:
        given: Any = {"actor": self.writer(request), "team_id": team.id, "reason": values["reason"]}
        given["expected_version"] = values["seen_version"]
        saved = attempt(request, lambda: team_rollback(target_version=version, **given))
        if saved:
            tell(request, saved)
            messages.success(request, f"Rolled back to version {version}; it is now version {saved.team.version}.")
        return self.back_to(team.id)

    def compare_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Any two versions, `?a=` and `?b=`; without them the present one and the one before."""
        if not self.has_view_permission(request):
            raise Forbidden
        team = self.found(request, object_id)
        b = _number(request, "b", team.version)
        a = _number(request, "a", max(1, b - 1))
        before, after = _version(team, a), _version(team, b)
        titles = f"Version {a}", f"Version {b}"
        return self.page(
            request,
            "admin/teams/team/compare.html",
            title=f"Versions {a} and {b} of {team}",
            object=team,
            versions=_choices(team, {a, b}),
            a=a,
            b=b,
            sides=[(row, who(row.actor), moment(row.history_date)) for row in (before, after)],
            comparison=side_by_side(before.config, after.config, titles),
            may_roll_back=self.has_change_permission(request, team),
        )


def _version(team: Team, version: int) -> Any:
    row = Team.history.filter(id=team.id, makes_version=True, version=version).first() if version < 2**31 else None
    if row is None:
        raise NotFound(f"There is no version {version} of this team.")
    return row


def _number(request: HttpRequest, name: str, without: int) -> int:
    given = request.GET.get(name, "")
    if not given:
        return without
    if not given.isdecimal() or len(given) > 9:
        raise NotFound(f"{name}: there is no such version of this team; write a number, for example {without}.")
    return int(given)


def _choices(team: Team, chosen: set[int]) -> list[tuple[int, str]]:
    """The versions to choose from, newest first, with their reasons; of very many the newest."""
    told = Team.history.filter(id=team.id, makes_version=True).order_by("-version")
    reasons = dict(told.values_list("version", "history_change_reason")[:_CHOICES])
    numbers = sorted({*reasons, *chosen}, reverse=True)
    return [
        (number, f"Version {number}" + (f": {reasons[number]}" if reasons.get(number) else "")) for number in numbers
    ]


def tell(request: HttpRequest, saved: Saved) -> None:
    """Say what the Team Builder added and what is doubtful."""
    for addition in saved.additions:
        role, reason = addition.get("role"), addition.get("reason") or "from a template"
        swapped = addition.get("kind") == "model"
        speaks = str(addition.get("source")).removeprefix("model:")
        did = f"lets {role} speak with {speaks}" if swapped else f"added {role}"
        messages.info(request, f"The Team Builder {did}: {reason}")
    if saved.team.pending_proposal and saved.team.pending_proposal["version"] == saved.team.version:
        messages.info(
            request, "The Team Builder proposes agents, which wait for approval: see Proposal above the form."
        )
    for warning in saved.warnings:
        place = _place(warning["loc"], saved.team.config)
        messages.warning(request, f"{place}: {warning['msg']}" if place else warning["msg"])


def _place(loc: str, config: Mapping[str, Any]) -> str:
    """Where in a config something is, an agent by its number and role: `Agent 1 (Writer), LLM_model.provider`."""
    name, _dot, rest = loc.partition(".")
    index, _dot, field = rest.partition(".")
    agents = config.get("agents") or []
    if name != "agents" or not index.isdecimal() or int(index) >= len(agents):
        return loc
    agent = f"Agent {int(index) + 1} ({agents[int(index)].get('agent_role', '')})"
    return f"{agent}, {field}" if field else agent
