"""The Team Builder (TBA): completes a team from templates. The same spec and templates always give the same team."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID, uuid4

from agents.templates import DEFAULT_TEMPLATES, Template
from teams.canonical import MAX_BYTES, size_problem
from teams.errors import Located
from teams.spec import MAX_AGENTS, AgentSpec, TeamSpec, assign_ids, dump, unfilled_roles

ADDED_BY = "team-builder"
_FLOW = "agent_team_flow"
_ROOM = 1_000  # bytes for what is written into the config on save, such as the tenant's slug


class Addition(TypedDict):
    """An agent the builder added, as it is stored with the version."""

    role: str
    agent_id: str
    added_by: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class FillResult:
    """The team with ids for all its agents, and what was done to it. With `errors` it must not be saved."""

    spec: TeamSpec
    additions: tuple[Addition, ...] = ()
    warnings: tuple[Located, ...] = ()
    errors: tuple[Located, ...] = ()


def fill_roles(
    spec: TeamSpec,
    templates: Mapping[str, Template],
    *,
    previous: TeamSpec | None = None,
    new_id: Callable[[], UUID] = uuid4,
) -> FillResult:
    """Give a team without agents the default four, then every role that only the flow names an agent.

    `templates` are the tenant's by role; `previous` is the version before, whose agents keep their ids.
    """
    complete = with_defaults(spec, templates)
    reasons = dict.fromkeys(complete.roles, "the config names no agents: the default team") if not spec.agents else {}
    missing = unfilled_roles(complete)
    errors = _refusals(complete, missing, templates)
    if not errors:
        added = tuple(_made(role, templates[role], complete) for role in missing)
        complete = complete.model_copy(update={"agents": complete.agents + added})
        reasons |= dict.fromkeys(missing, "the flow names this role and no agent had it")
    complete = assign_ids(complete, previous, new_id=new_id)
    # Defaults, ids and added agents make the config longer than what was sent; a stored one must load again.
    if too_large := size_problem(dump(complete), MAX_BYTES - _ROOM):
        errors.append(Located(loc="", msg=f"the completed config {too_large}"))
    return FillResult(
        spec=complete,
        additions=tuple(_addition(agent, reasons) for agent in complete.agents if agent.agent_role in reasons),
        warnings=tuple(_dropped_tools(complete, reasons, templates)),
        errors=tuple(errors),
    )


def with_defaults(spec: TeamSpec, templates: Mapping[str, Template]) -> TeamSpec:
    """The spec itself, or with the four default roles when it names no agents."""
    if spec.agents:
        return spec
    agents = tuple(_made(role, _template(role, templates), spec) for role in DEFAULT_TEMPLATES)
    return spec.model_copy(update={"agents": agents})


def _template(role: str, templates: Mapping[str, Template]) -> Template:
    return templates.get(role) or DEFAULT_TEMPLATES[role]


def _made(role: str, template: Template, spec: TeamSpec) -> AgentSpec:
    """An agent with those of its template's tools that the team may use."""
    agent = template.as_agent(role)
    if spec.available_tools is None:
        return agent
    tools = tuple(tool for tool in agent.agent_tools if tool in spec.available_tools)
    return agent.model_copy(update={"agent_tools": tools})


def _refusals(spec: TeamSpec, missing: list[str], templates: Mapping[str, Template]) -> list[Located]:
    """Why the missing roles may or can not be filled."""
    if not missing:
        return []
    if not spec.allow_TBA_to_recommend_agents:
        return [Located(loc=_FLOW, msg=_not_allowed(role, spec)) for role in missing]
    if spec.should_TBA_ask_caller_approval:
        return [Located(loc="should_TBA_ask_caller_approval", msg=_no_approval(missing))]
    unknown = [role for role in missing if role not in templates]
    errors = [Located(loc=_FLOW, msg=_no_template(role, spec, templates)) for role in unknown]
    known = [role for role in missing if role in templates]
    # A role without a template will need a slot too, once an agent for it can be written.
    slots = max(0, min(spec.allow_TBA_how_many_more, MAX_AGENTS - len(spec.agents)))
    if len(missing) > slots:
        errors += [Located(loc=_FLOW, msg=_no_slot(role, len(missing), spec)) for role in known[slots:]]
    return errors


def _not_allowed(role: str, spec: TeamSpec) -> str:
    close = difflib.get_close_matches(role, spec.roles, n=1)
    meant = f' (did you mean "{close[0]}"?)' if close else ""
    return (
        f'names "{role}", which is no agent\'s role{meant}: correct the name, add an agent with this role, '
        "or set allow_TBA_to_recommend_agents to true and allow_TBA_how_many_more to at least 1"
    )


def _no_approval(missing: list[str]) -> str:
    return (
        f"the builder would add {_listed(missing)}, but additions cannot wait for approval yet: set this to false, "
        "or add an agent for each of these roles yourself"
    )


def _no_template(role: str, spec: TeamSpec, templates: Mapping[str, Template]) -> str:
    close = difflib.get_close_matches(role, [*spec.roles, *templates], n=1)
    meant = f' (did you mean "{close[0]}"?)' if close else ""
    return (
        f'names "{role}", which is no agent\'s role and has no template{meant}: correct the name, add an agent with '
        "this role, or add a template for it"
    )


def _no_slot(role: str, wanted: int, spec: TeamSpec) -> str:
    if len(spec.agents) + wanted > MAX_AGENTS:
        return f'names "{role}", which is no agent\'s role, and a team has at most {MAX_AGENTS} agents'
    return (
        f'names "{role}", which is no agent\'s role, and the builder may add only {spec.allow_TBA_how_many_more}: '
        f"set allow_TBA_how_many_more to {wanted} or add an agent with this role"
    )


def _addition(agent: AgentSpec, reasons: Mapping[str, str]) -> Addition:
    role = agent.agent_role
    return Addition(
        role=role, agent_id=str(agent.agent_id), added_by=ADDED_BY, reason=reasons[role], source=f"template:{role}"
    )


def _dropped_tools(spec: TeamSpec, reasons: Mapping[str, str], templates: Mapping[str, Template]) -> list[Located]:
    """One warning for each added agent that got fewer tools than its template has."""
    warnings = []
    for index, agent in enumerate(spec.agents):
        if agent.agent_role not in reasons:
            continue
        dropped = [tool for tool in _template(agent.agent_role, templates).tools if tool not in agent.agent_tools]
        if dropped:
            msg = f"{agent.agent_role} was added without {_listed(dropped)}: not in available_tools"
            warnings.append(Located(loc=f"agents.{index}.agent_tools", msg=msg))
    return warnings


def _listed(names: list[str]) -> str:
    return ", ".join(names)
