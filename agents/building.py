"""The Team Builder as the teams app asks for it (settings.TEAM_BUILDER): plan, ask a model if need be, put together."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from django.db import connection

from agents.build_cache import CACHE, exact_hash, frozen, thawed
from agents.builder import ADDED_BY, Addition, FillResult, Needs, Outcome, Plan, finish, needs_of, plan_team
from agents.recommending import Question, ask
from agents.registry import ModelName, Own, callable_model, default_model_of, own_of, resolve_model
from agents.registry import unavailable as unavailable_provider
from agents.templates import templates_revision
from agents.tools import CATALOGUE
from teams.building import Asking, Past
from teams.errors import Conflict
from teams.spec import SPEC_VERSION, TeamSpec, assign_ids

NOT_HERE = "no model is asked in this place"


def fill(config: object, tenant_id: UUID, past: Past | None = None, asking: Asking = Asking.NOW) -> FillResult:
    """Complete a team: the default team, roles of the flow, further agents. Raises `Invalid` for an unreadable config.

    Agents come from the tenant's templates and, where there is none, from its default model; they get only tools that
    are enabled. With `should_TBA_ask_caller_approval`, or on request, all of it is proposed instead of done. Call
    outside every transaction unless `asking` is NEVER or WHEN_SAVED.
    """
    own = own_of(tenant_id)
    previous = past.spec if past else None
    plan = planned(config, own)
    plan = replace(plan, spec=assign_ids(plan.spec, previous))
    needs = needs_of(plan, past, asking, own.off)
    outcome = _outcome(plan, needs, own, asking)
    propose = asking is Asking.ON_REQUEST or plan.spec.should_TBA_ask_caller_approval
    filled = finish(plan, needs, outcome, own.templates, propose=propose, previous=previous)
    return replace(filled, additions=(*filled.additions, *_swaps(filled.spec, own)))


def planned(config: object, own: Own) -> Plan:
    """The deterministic part, from the cache when this tenant built the same config before under the same revisions."""

    def make() -> Plan:
        plan = plan_team(TeamSpec.load(config), own.templates, own.off)
        return replace(plan, spec=frozen(plan.spec), made=tuple(plan.made))

    digest = exact_hash(config)
    if digest is None:
        plan = make()
    else:
        revision = (SPEC_VERSION, templates_revision(own.templates), tuple(CATALOGUE), own.off)
        plan = CACHE.get(("plan", own.tenant.id, digest, revision), make)
    made = tuple(
        replace(joiner, agent=joiner.agent.model_copy(update={"metadata": {}, "LLM_configuration": None}))
        for joiner in plan.made
    )
    return replace(plan, spec=thawed(plan.spec), made=made)


def _outcome(plan: Plan, needs: Needs, own: Own, asking: Asking) -> Outcome:
    if needs.errors or not (needs.write or needs.further):
        return Outcome()
    if asking is Asking.NEVER:
        return Outcome(why_not=NOT_HERE)
    try:
        model = default_model_of(own.tenant)
        why = unavailable_provider(model[0], own.accounts)
    except Conflict as error:
        return Outcome(why_not=error.detail)
    name = ":".join(model)
    if why:
        return Outcome(name, why_not=f"the default model's provider {model[0]} {why}")
    if asking is Asking.WHEN_SAVED:
        return Outcome(name, later=True)
    return _asked(plan, needs, own, model)


def _asked(plan: Plan, needs: Needs, own: Own, model: ModelName) -> Outcome:
    spec, name = plan.spec, ":".join(model)
    available = CATALOGUE if spec.available_tools is None else spec.available_tools
    tools = [tool for tool in CATALOGUE if tool in available and tool not in own.off]
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: a model takes seconds, and others need it meanwhile
    answered = ask(Question(_to_be_shown(plan, needs), needs.write, needs.further, tools), model, own.tenant.id)
    why = f"{name} {answered.failure}" if answered.failure else ""
    return Outcome(name, answered, why)


def _to_be_shown(plan: Plan, needs: Needs) -> TeamSpec:
    """The team as the model should see it: with those who join anyway."""
    known = {joiner.agent.agent_role: joiner.agent for joiner in (*plan.made, *needs.known)}
    return plan.spec.model_copy(update={"agents": (*plan.spec.agents, *known.values())})


def _swaps(spec: TeamSpec, own: Own) -> Iterator[Addition]:
    """Models that cannot be called and whose agents allow another: who speaks instead, recorded with the version.

    The config keeps the model that was asked for, so that it speaks again once it can be called.
    """
    try:
        default = default_model_of(own.tenant)
    except Conflict:
        return  # a check tells of it
    for agent in spec.agents:
        wanted = resolve_model(agent.LLM_model, default)
        model, problem = callable_model(agent, wanted, default, own.accounts)
        if problem or model == wanted:
            continue
        why = f"{':'.join(wanted)} cannot be called: {wanted[0]} {unavailable_provider(wanted[0], own.accounts)}"
        yield Addition(
            kind="model",
            role=agent.agent_role,
            agent_id=str(agent.agent_id),
            added_by=ADDED_BY,
            reason=why,
            source=f"model:{':'.join(model)}",
            place=None,
        )
