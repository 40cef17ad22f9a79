"""The Team Builder (TBA), all that needs no clock, no database and no model.

`plan_team` says what follows from a config and the tenant's templates alone; the same two always give the same plan.
`needs_of` says what has to come from elsewhere (a definition written before, a model), and `finish` puts it together.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypedDict
from uuid import UUID, uuid4

from agents.recommending import Answered
from agents.templates import DEFAULT_TEMPLATES, Template
from teams.building import Asking, Past
from teams.canonical import MAX_BYTES, size_problem
from teams.errors import Located
from teams.joining import joined, placed
from teams.spec import MAX_AGENTS, AgentSpec, TeamSpec, assign_ids, dump, flow_roles, unfilled_roles

ADDED_BY: Final = "team-builder"
FLOW: Final = "agent_team_flow"
SLOTS: Final = "allow_TBA_how_many_more"
_OTHER_ARROWS: Final = re.compile(r"[,;|>→⇒]")
_ROOM: Final = 1_000  # bytes for what is written into the config on save, such as the tenant's slug
_FLOW_REASON: Final = "the flow names this role and no agent had it"
_DEFAULT_REASON: Final = "the config names no agents: the default team"

Kind = Literal["default", "flow", "recommended", "model"]
"""Why something was done: the default team, a role of the flow, a recommendation, a model that cannot be called."""


class Addition(TypedDict):
    """What the builder did to a team, as it is stored with the version: who, what, why, from which source."""

    kind: Kind
    role: str
    agent_id: str
    added_by: str
    reason: str
    source: str
    place: int | None


class Proposed(Addition):
    """An addition that waits for approval, with the whole agent."""

    agent: dict[str, object]


@dataclass(frozen=True, slots=True)
class Joiner:
    """An agent about to join. `place` counts in the speaking order from 1."""

    agent: AgentSpec
    kind: Kind
    reason: str
    source: str
    place: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The deterministic part of building: immutable, and the same for the same config and templates."""

    spec: TeamSpec
    defaults: tuple[str, ...] = ()
    made: tuple[Joiner, ...] = ()
    unwritten: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    """(role, what its template's agent was made without)."""


@dataclass(frozen=True)
class Needs:
    """What is still to be had: agents written before, roles to be written, how many further agents to ask for."""

    known: tuple[Joiner, ...] = ()
    write: tuple[str, ...] = ()
    further: int = 0
    errors: tuple[Located, ...] = ()


@dataclass(frozen=True)
class FillResult:
    """The team with ids for all its agents, and what was done to it. With `errors` it must not be saved.

    `proposed` waits for approval and is not in `spec`. `model` is the one that was asked, "" for none.
    """

    spec: TeamSpec
    additions: tuple[Addition, ...] = ()
    warnings: tuple[Located, ...] = ()
    errors: tuple[Located, ...] = ()
    proposed: tuple[Proposed, ...] = ()
    model: str = ""


# --- the deterministic part -------------------------------------------------------------------------------------------


def plan_team(spec: TeamSpec, templates: Mapping[str, Template], off: Collection[str] = ()) -> Plan:
    """Give a team without agents the default four, and every role that only the flow names its template's agent.

    `templates` are the tenant's by role; `off` are the tools it has switched off.
    """
    notes: list[tuple[str, str]] = []

    def made(role: str, template: Template) -> AgentSpec:
        agent = template.as_agent(role)
        tools, missing = usable_tools(agent.agent_tools, spec, off)
        notes.extend((role, f"{role} was added without {why}") for why in missing)
        return agent.model_copy(update={"agent_tools": tools})

    defaults: tuple[str, ...] = ()
    if not spec.agents:
        defaults = tuple(DEFAULT_TEMPLATES)
        agents = tuple(made(role, templates.get(role) or DEFAULT_TEMPLATES[role]) for role in defaults)
        spec = spec.model_copy(update={"agents": agents})
    missing = unfilled_roles(spec)
    joiners = tuple(
        Joiner(made(role, templates[role]), "flow", _FLOW_REASON, f"template:{role}")
        for role in missing
        if role in templates
    )
    return Plan(spec, defaults, joiners, tuple(role for role in missing if role not in templates), tuple(notes))


def usable_tools(tools: Sequence[str], spec: TeamSpec, off: Collection[str]) -> tuple[tuple[str, ...], list[str]]:
    """Those of the tools the team may use, and for the others why it may not."""
    available = tools if spec.available_tools is None else spec.available_tools
    switched_off = [tool for tool in tools if tool in off]
    kept_away = [tool for tool in tools if tool not in available and tool not in off]
    why = [f"{', '.join(kept_away)}: not in available_tools"] if kept_away else []
    why += [f"{', '.join(switched_off)}: switched off for your tenant"] if switched_off else []
    return tuple(tool for tool in tools if tool in available and tool not in off), why


# --- what has to come from elsewhere ----------------------------------------------------------------------------------


def needs_of(plan: Plan, past: Past | None, asking: Asking, off: Collection[str] = ()) -> Needs:
    """What the plan lacks, or the errors for which it cannot be completed. `plan.spec` has its agents' ids."""
    spec = plan.spec
    missing = unfilled_roles(spec)
    used = past.used_by(spec) if past else 0
    slots = max(0, min(spec.allow_TBA_how_many_more - used, MAX_AGENTS - len(spec.agents)))
    if not spec.allow_TBA_to_recommend_agents:
        return Needs(errors=tuple(Located(loc=FLOW, msg=_not_allowed(role, spec)) for role in missing))
    if len(missing) > slots:
        wanted = [Located(loc=FLOW, msg=_no_slot(role, len(missing), used, spec)) for role in missing[slots:]]
        return Needs(errors=tuple(wanted))
    found = filter(None, (past.known(role) for role in missing)) if past else ()
    known = tuple(_kept(agent, source, spec, off) for agent, source in found)
    have = {joiner.agent.agent_role for joiner in known}
    write = tuple(role for role in plan.unwritten if role not in have)
    free = slots - len(missing)
    calls_for_more = asking is Asking.ON_REQUEST or (
        asking is not Asking.NEVER and not spec.agent_team_flow and (past is None or past.differs_in_what_matters(spec))
    )
    return Needs(known, write, free if calls_for_more else 0)


def _kept(agent: AgentSpec, source: str, spec: TeamSpec, off: Collection[str]) -> Joiner:
    """An agent added before, as it was but for tools that are gone since."""
    tools, _why = usable_tools(agent.agent_tools, spec, off)
    agent = agent.model_copy(update={"agent_tools": tools})
    return Joiner(agent, "flow", f"{_FLOW_REASON}; kept as it was before", source)


def _not_allowed(role: str, spec: TeamSpec) -> str:
    return (
        f'names "{role}", which is no agent\'s role{did_you_mean(role, spec, ())}: correct the name, add an agent with '
        "this role, or set allow_TBA_to_recommend_agents to true and allow_TBA_how_many_more to at least 1"
    )


def did_you_mean(role: str, spec: TeamSpec, templates: Collection[str]) -> str:
    """` (did you mean "Critic"?)`, or "" when nothing is close."""
    known = [*spec.roles, *templates]
    if any(part.strip() in known for part in _OTHER_ARROWS.split(role)):
        return ' (between two roles write "->")'
    close = difflib.get_close_matches(role, known, n=1)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _no_slot(role: str, wanted: int, used: int, spec: TeamSpec) -> str:
    if len(spec.agents) + wanted > MAX_AGENTS:
        return f'names "{role}", which is no agent\'s role, and a team has at most {MAX_AGENTS} agents'
    already = f", {used} of them added already" if used else ""
    return (
        f'names "{role}", which is no agent\'s role, and the builder may add only {spec.allow_TBA_how_many_more}'
        f"{already}: set allow_TBA_how_many_more to {wanted + used} or add an agent with this role"
    )


# --- putting it together ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What came of asking a model: its answer, or `why_not` (a clause) when it was not asked or did not answer.

    `later`: it is not asked now, but saving will ask it.
    """

    model: str = ""
    answered: Answered | None = None
    why_not: str = ""
    later: bool = False


def finish(
    plan: Plan,
    needs: Needs,
    outcome: Outcome,
    templates: Collection[str],
    *,
    propose: bool,
    previous: TeamSpec | None = None,
    new_id: Callable[[], UUID] = uuid4,
) -> FillResult:
    """The team as it is to be saved. With `propose` what would be added is handed out apart, to wait for approval."""
    spec = assign_ids(plan.spec, previous, new_id=new_id)
    if needs.errors:
        return FillResult(spec, _default_additions(spec, plan), errors=needs.errors)
    joiners = _joiners(plan, needs, outcome)
    whole = assign_ids(joined(spec, joiners), previous, new_id=new_id)
    joiners = _identified(joiners, whole)
    result = spec if propose else whole
    warnings = _warnings(plan, needs, outcome, templates, joiners if propose else [])
    errors: list[Located] = []
    for role in unfilled_roles(whole):
        (warnings if propose or outcome.later else errors).append(_unfilled(role, outcome, whole, templates, propose))
    # Defaults, ids and added agents make the config longer than what was sent; a stored one must load again.
    if too_large := size_problem(dump(whole), MAX_BYTES - _ROOM):
        errors.append(Located(loc="", msg=f"the completed config {too_large}"))
    rows = tuple(_addition(joiner) for joiner in joiners)
    return FillResult(
        spec=result,
        additions=_default_additions(spec, plan) + (() if propose else rows),
        warnings=(*_located_notes(plan, joiners, result), *warnings),
        errors=tuple(errors),
        proposed=tuple(
            Proposed(**row, agent=joiner.agent.model_dump(mode="json"))
            for row, joiner in zip(rows, joiners, strict=True)
            if propose
        ),
        model=outcome.model if outcome.answered else "",
    )


def _joiners(plan: Plan, needs: Needs, outcome: Outcome) -> list[Joiner]:
    """Everybody who joins, by place: known from before, from templates, written, recommended."""
    known = {joiner.agent.agent_role for joiner in needs.known}
    joiners = [*needs.known, *(joiner for joiner in plan.made if joiner.agent.agent_role not in known)]
    source, wishes = f"model:{outcome.model}", {}
    if outcome.answered:
        written = outcome.answered.written.values()
        joiners += [Joiner(one.agent, "flow", f"{_FLOW_REASON}. {one.reason}", source) for one in written]
        for suggestion in outcome.answered.further:
            joiners.append(Joiner(suggestion.agent, "recommended", suggestion.reason, source))
            wishes[suggestion.agent.agent_role] = suggestion.place
    places = placed(plan.spec, [(role, wishes.get(role)) for role in (joiner.agent.agent_role for joiner in joiners)])
    return sorted(
        (replace(joiner, place=places[joiner.agent.agent_role]) for joiner in joiners), key=lambda one: one.place
    )


def _identified(joiners: list[Joiner], whole: TeamSpec) -> list[Joiner]:
    by_role = {agent.agent_role: agent for agent in whole.agents}
    return [replace(joiner, agent=by_role[joiner.agent.agent_role]) for joiner in joiners]


def _addition(joiner: Joiner) -> Addition:
    return Addition(
        kind=joiner.kind,
        role=joiner.agent.agent_role,
        agent_id=str(joiner.agent.agent_id),
        added_by=ADDED_BY,
        reason=joiner.reason,
        source=joiner.source,
        place=joiner.place,
    )


def _default_additions(spec: TeamSpec, plan: Plan) -> tuple[Addition, ...]:
    order = flow_roles(spec)
    return tuple(
        Addition(
            kind="default",
            role=agent.agent_role,
            agent_id=str(agent.agent_id),
            added_by=ADDED_BY,
            reason=_DEFAULT_REASON,
            source=f"template:{agent.agent_role}",
            place=order.index(agent.agent_role) + 1 if agent.agent_role in order else None,
        )
        for agent in spec.agents
        if agent.agent_role in plan.defaults
    )


def _located_notes(plan: Plan, joiners: Sequence[Joiner], spec: TeamSpec) -> list[Located]:
    """The notes about agents made from templates, as far as those agents are used."""
    known = {joiner.agent.agent_role for joiner in joiners if not joiner.source.startswith("template:")}
    return [
        Located(
            loc=f"agents.{spec.roles.index(role)}.agent_tools" if role in spec.roles else "pending_proposal", msg=msg
        )
        for role, msg in plan.notes
        if role not in known
    ]


def _unfilled(role: str, outcome: Outcome, spec: TeamSpec, templates: Collection[str], saved: bool) -> Located:
    meant = did_you_mean(role, spec, templates)
    named = f'names "{role}", which is no agent\'s role and has no template{meant}'
    if outcome.later:
        return Located(loc=FLOW, msg=f"{named}; on saving, {outcome.model} is asked to write an agent for it")
    return Located(
        loc=FLOW,
        msg=f"{named}, and the Team Builder could not write an agent for it: {outcome.why_not or 'none was written'}. "
        f"{'Ask for recommendations, correct' if saved else 'Correct'} the name, add an agent with this role, or add a "
        "template for it",
    )


def _warnings(
    plan: Plan, needs: Needs, outcome: Outcome, templates: Collection[str], waiting: Sequence[Joiner]
) -> list[Located]:
    found = []
    if needs.further and outcome.later:
        msg = f"on saving, {outcome.model} is asked to recommend up to {needs.further} further agents"
        found.append(Located(loc=SLOTS, msg=msg))
    elif needs.further and outcome.why_not:
        found.append(Located(loc=SLOTS, msg=f"nobody was recommended: {outcome.why_not}"))
    if outcome.answered:
        found += [Located(loc="", msg=f"of what {outcome.model} wrote, this was left out: {line}")
                  for line in outcome.answered.dropped]  # fmt: skip
        for role in outcome.answered.written:
            if meant := did_you_mean(role, plan.spec, templates):
                found.append(Located(loc=FLOW, msg=f'an agent was written for "{role}"{meant}'))
    if waiting:
        names = ", ".join(joiner.agent.agent_role for joiner in waiting)
        found.append(Located(loc="pending_proposal", msg=f"waits for approval: {names}"))
    return found
