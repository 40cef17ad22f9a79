"""The Team Builder in the admin: ask it for recommendations, and say yes or no to what it proposes.

It may ask a model, which takes seconds. A page's scope is a transaction, so whatever may ask is done before the page's
scope is opened (`before_scope`) and only stored inside of it.
"""
# ruff: noqa: ARG002 - the signatures are Django's

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from teams.audit_words import who
from teams.building import Prepared
from teams.canonical import canonical_json
from teams.errors import Forbidden, TeamBuilderError
from teams.forms import ReasonForm, in_reading_order, prepared_for
from teams.modeladmin import TenantModelAdmin
from teams.models import Team
from teams.objectpages import attempt
from teams.picture import flow_svg, nodes_of, rounds_of
from teams.proposals import (
    Recommended,
    proposal_approve,
    proposal_reject,
    recommend_prepare,
    shown_proposal,
    team_recommend,
)
from teams.services import MAX_REASON, team_get, team_prepare

RECOMMENDING = (
    "The team's default model is asked which further agents the goal needs, at most as many as the team allows.",
    "The team stays as it is: what is proposed waits until somebody approves it.",
    "This takes up to some seconds.",
)


class ProposalForm(forms.Form):
    """Which of the proposed agents to take, and why. It carries the id of the proposal that was looked at."""

    roles = forms.MultipleChoiceField(
        label="Agents", required=False, widget=forms.CheckboxSelectMultiple, help_text="Those left out are dropped."
    )
    reason = forms.CharField(
        label="Why", required=False, max_length=MAX_REASON, widget=forms.Textarea(attrs={"rows": 2, "cols": 80})
    )
    proposal_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, proposal: Mapping[str, Any], data: Any = None) -> None:
        roles = [addition["role"] for addition in proposal["additions"]]
        super().__init__(data, initial={"roles": roles, "proposal_id": proposal["id"]})
        self.fields["roles"].choices = [(role, role) for role in roles]  # type: ignore[attr-defined]


class ProposalPages(TenantModelAdmin):
    """Two pages of a team, and what its editor does before its scope is opened."""

    before_scope: ClassVar[Mapping[str, str]] = {
        "add_view": "prepare_add",
        "change_view": "prepare_change",
        "recommend_page": "prepare_recommend",
    }

    def get_urls(self) -> list[URLPattern]:
        pages = {"proposal": self.proposal_page, "recommend": self.recommend_page}
        own = [
            path(f"<uuid:object_id>/{name}/", self.admin_site.admin_view(view), name=f"teams_team_{name}")
            for name, view in pages.items()
        ]
        return own + super().get_urls()

    def tools(self, request: HttpRequest, obj: Team) -> list[tuple[str, str]]:
        found = super().tools(request, obj)
        if obj.is_deleted:
            return found
        if obj.pending_proposal is not None:
            found.append(("Proposal", self.page_url("proposal", obj.pk)))
        if self.has_change_permission(request, obj) and obj.config.get("allow_TBA_to_recommend_agents"):
            found.append(("Recommend agents", self.page_url("recommend", obj.pk)))
        return found

    # --- before the scope is opened ---

    def prepare_add(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Prepared | TeamBuilderError | None:
        """Prepare the new team that was typed."""
        return self._prepared(request, None)

    def prepare_change(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> Prepared | TeamBuilderError | None:
        """Prepare the change that was typed, unless the form will refuse it or there is none."""
        actor = self.writer(request)
        try:
            team = team_get(actor=actor, team_id=UUID(object_id))
        except (ValueError, TeamBuilderError):
            return None
        config = self.typed_config(request, team)
        if config is None or request.POST.get("seen_version") != str(team.version):
            return None
        if canonical_json(in_reading_order(config)) == canonical_json(in_reading_order(team.config)):
            return None
        return self._prepared(request, team)

    def typed_config(self, request: HttpRequest, team: Team | None) -> Any:
        """Return the config as it was typed; None when the form will refuse it, or only shows it."""
        raise NotImplementedError

    def _prepared(self, request: HttpRequest, team: Team | None) -> Prepared | TeamBuilderError | None:
        actor, config = self.writer(request), self.typed_config(request, team)
        if config is None:
            return None
        try:
            return team_prepare(actor=actor, config=config, team_id=team.id if team else None)
        except TeamBuilderError as error:
            return error  # told at its place in the form

    def prepare_recommend(self, request: HttpRequest, object_id: UUID) -> Prepared | TeamBuilderError:
        """Ask for recommendations."""
        try:
            return recommend_prepare(actor=self.writer(request), team_id=object_id)
        except TeamBuilderError as error:
            return error

    # --- pages ---

    def recommend_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm, and keep what the Team Builder proposes."""
        actor, team = self.writer(request), self.found(request, object_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]

            def keep() -> Recommended:
                return team_recommend(actor=actor, team_id=team.id, reason=reason, prepared=prepared_for(request))

            found = attempt(request, keep)
            for warning in found.warnings if found else ():
                messages.warning(request, warning["msg"])
            if found and found.proposal:
                return self._to_proposal(team)
            return self.back_to(team.id)
        return self.confirm(
            request,
            team,
            title=f"Ask for agents to add to {team}?",
            consequences=RECOMMENDING,
            button="Recommend agents",
            form=form,
        )

    def proposal_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show what waits for approval; approve all or some of it, or throw it away."""
        if not self.has_view_permission(request):
            raise Forbidden
        if request.method == "POST":
            self.writer(request)
        team = self.found(request, object_id)
        proposal = shown_proposal(team)
        form = ProposalForm(proposal, request.POST or None) if proposal else None
        if request.method == "POST" and (form is None or form.is_valid()):
            return self._decided(request, team, form)
        return self.page(
            request,
            "admin/teams/team/proposal.html",
            title=f"What the Team Builder proposes for {team}",
            object=team,
            proposal=proposal,
            asked_by=who(proposal["asked_by"]) if proposal else "",
            picture=_as_it_would_be(team, proposal) if proposal else "",
            agents=zip(proposal["additions"], form["roles"], strict=True) if proposal and form else (),
            form=form,
            may_decide=self.has_change_permission(request, team),
        )

    def _decided(self, request: HttpRequest, team: Team, form: ProposalForm | None) -> HttpResponse:
        values = form.cleaned_data if form else {"roles": None, "proposal_id": None, "reason": ""}
        given: Any = {"actor": self.writer(request), "team_id": team.id}
        given |= {"proposal_id": values["proposal_id"], "reason": values["reason"]}
        if "reject" in request.POST:
            if attempt(request, lambda: proposal_reject(**given)):
                messages.success(request, "The proposal is thrown away; the team stays as it is.")
            return self.back_to(team.id)
        saved = attempt(request, lambda: proposal_approve(roles=values["roles"], **given))
        if saved:
            names = ", ".join(addition["role"] for addition in saved.additions)
            messages.success(request, f"{names} joined the team, which is now version {saved.team.version}.")
            return self.back_to(team.id)
        return self._to_proposal(team)

    def _to_proposal(self, team: Team) -> HttpResponse:
        return HttpResponseRedirect(self.page_url("proposal", team.pk))


def _as_it_would_be(team: Team, proposal: Mapping[str, Any]) -> SafeString:
    """The flow with the proposed agents in their places, marked as added."""
    nodes = nodes_of(team.config)
    for addition in sorted(proposal["additions"], key=lambda addition: addition["place"]):
        config = {"agents": [addition["agent"]]}
        (added,) = nodes_of(config, {addition["role"]: "added"})
        if any(node.role == added.role for node in nodes):  # the flow names it already
            nodes = [added if node.role == added.role else node for node in nodes]
        else:
            nodes.insert(addition["place"] - 1, added)
    return flow_svg(nodes, rounds=rounds_of(team.config), title=f"{team} with the proposed agents")
