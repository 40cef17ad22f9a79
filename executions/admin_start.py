"""Starting a run in the admin: what it is given, what it may use, and what is to be known before it costs anything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from agents.llm import cost
from agents.ready import ready_team
from executions.admin_budgets import BudgetForm
from executions.budgets import Limits
from executions.facts import start_facts
from executions.models import Execution, Source
from executions.services import execution_start
from teams import strict_json
from teams.access import Actor
from teams.adminbase import required_actor
from teams.errors import Invalid, TeamBuilderError
from teams.modeladmin import ReadOnlyAdmin
from teams.models import Team
from teams.objectpages import sentence
from teams.picture import flow_svg, nodes_of
from teams.services import team_get


@dataclass(frozen=True)
class Readiness:
    """Whether a team can run now. `models`: who speaks with which model, and what is to be known of it."""

    problem: str = ""
    models: Sequence[tuple[str, str, str]] = field(default_factory=list)


class StartForm(BudgetForm):
    """What a run is given besides the team's goal, and what it may use."""

    field_order = ("input",)

    input = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 80, "data-grows": ""}),
        help_text="Optional: text that follows the goal, or a JSON object. Blank: the goal alone.",
    )

    def clean_input(self) -> Any:
        """Return text, the object written in JSON, or None for blank."""
        return read_input(self.cleaned_data["input"])

    @property
    def limits_given(self) -> bool:
        """Whether the limits should be open: something is written there or wrong with it."""
        names = [name for name in self.fields if name != "input"]
        return any(self[name].value() not in (None, "") or name in self.errors for name in names)


class StartPages(ReadOnlyAdmin):
    """The pages that start a run: now, or again with what an earlier one was given."""

    def get_urls(self) -> list[URLPattern]:
        start = self.admin_site.admin_view(self.start_page)
        return [path("start/<uuid:team_id>/", start, name="executions_execution_start"), *super().get_urls()]

    def start_page(self, request: HttpRequest, team_id: UUID) -> HttpResponse:
        """Ask for the input and start a run; `?again=<run>` fills in what that run was given."""
        actor = required_actor(request, "executions:run")
        team = team_get(actor=actor, team_id=team_id)
        form = StartForm(request.POST or None, initial=_given_before(request, team))
        if request.method == "POST" and form.is_valid():
            more: Any = {"input": form.cleaned_data["input"], "budget": form.limits, "source": Source.ADMIN}
            more["idempotency_key"] = _key(request, **more)
            if started := form.tried(lambda: execution_start(actor=actor, team_id=team.id, **more)):
                done = "had been started from that page before" if started.replayed else "was started"
                messages.success(request, f"A run of {team} {done}. This page follows it.")
                return self.back_to(started.execution.id)
        page = "admin/executions/execution/start.html"
        given: Any = {"ready": readiness(actor, team), "picture": _picture(team), "once": uuid4()}
        return self.page(request, page, title=f"Run {team}", team=team, form=form, **given)


def _key(request: HttpRequest, **given: Any) -> str | None:
    """The same for the same answers on the same page: sent twice, they start one run, which costs once."""
    try:
        page = UUID(request.POST.get("once", ""))
    except ValueError:
        return None
    return f"admin:{uuid5(page, repr(sorted(given.items())))}"


def readiness(actor: Actor, team: Team) -> Readiness:
    """What a run of the team would meet, asked the way a start asks; nothing is started."""
    facts = start_facts(actor.tenant_id, team.id)
    try:
        ready = ready_team(facts.config, facts.config_hash, facts.tenant, facts.off, facts.accounts)
    except TeamBuilderError as error:
        return Readiness(sentence(error))
    return Readiness(
        models=[(agent.role, f"{agent.provider} / {agent.model}", _noted(agent)) for agent in ready.agents]
    )


def _noted(agent: Any) -> str:
    notes = [
        f"in the place of {agent.swapped_from}, which is not available" if agent.swapped_from else "",
        f"its fallback {agent.lost_fallback} is not available" if agent.lost_fallback else "",
        "" if cost(agent.provider, agent.model, 1, 1) is not None else "its price is not known",
    ]
    return "; ".join(note for note in notes if note)


def _picture(team: Team) -> Any:
    nodes = nodes_of(team.config)
    rounds = int(team.config.get("max_turns") or 1)
    return flow_svg(nodes, rounds=rounds, title=f"Flow of {team}, version {team.version}") if nodes else ""


def _given_before(request: HttpRequest, team: Team) -> dict[str, Any]:
    """What an earlier run of the team was given; nothing for a run that is not the team's."""
    try:
        wanted = UUID(request.GET.get("again", ""))
    except ValueError:
        return {}
    run = Execution.objects.filter(id=wanted, team_id=team.id).only("input", "budget").first()
    if run is None:
        return {}
    limits = Limits.of(run.budget)
    return {"input": "" if run.input is None else written_input(run.input), **vars(limits)}


def read_input(text: str) -> Any:
    """Read a run's input as people type it: text, an object written in JSON, or None for blank."""
    if not text.strip().startswith("{"):
        return text if text.strip() else None
    try:
        return strict_json.read(text.encode())
    except Invalid:
        return text  # it only begins like JSON


def written_input(given: Any) -> str:
    """Write a run's input as people would type it."""
    return given if isinstance(given, str) else json.dumps(given, indent=2, ensure_ascii=False)
