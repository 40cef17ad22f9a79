"""What a tenant's agents may use: role templates, tools and models. Reads only.

Each question that needs the database opens its own short scope, so it can be asked before any transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import connection

from agents import accounts as own_accounts
from agents import providers
from agents.accounts import ACCOUNTS_SQL, Accounts
from agents.models import RoleTemplate, TenantTool
from agents.templates import DEFAULT_TEMPLATES, Template
from agents.tools import CATALOGUE
from teams.canonical import sha256_of
from teams.errors import Conflict
from teams.models import Tenant
from teams.proposals import UnfilledRoles
from teams.spec import AgentSpec, ModelRef, TeamSpec, flow_roles, unfilled_roles
from teams.tenancy import ask
from teams.tenancy import tenant as scope

ModelName = tuple[str, str]
"""(provider, the provider's name of the model)."""


# --- templates and tools ----------------------------------------------------------------------------------------------


# By hand, since every save of a team asks this: the ORM would ask three times, in two transactions. Both walls stand:
# row level security, and the tenant named at each table.
_OWN = f"""
SELECT o.slug, o.name, o.is_active, o.default_model,
       ARRAY(SELECT u.name::text FROM agents_tenanttool u WHERE u.tenant_id = o.id AND NOT u.enabled),
       (SELECT json_agg(json_build_array(r.role, r.name, r.personality, r.prompt, r.tools) ORDER BY r.role)
        FROM agents_roletemplate r WHERE r.tenant_id = o.id),
       o.platform_keys, {ACCOUNTS_SQL}
FROM teams_tenant o WHERE o.id = %s
"""  # noqa: S608 - all of it is written here and there by us


@dataclass(frozen=True)
class Own:
    """What a tenant's teams are built with. `off`: the catalogue's tools it has switched off."""

    tenant: Tenant
    templates: Mapping[str, Template]
    off: frozenset[str]
    accounts: Accounts


def own_of(tenant_id: UUID) -> Own:
    """Return the tenant and its switches, and its templates by role: the defaults first, then its own, which win."""
    ((found,),) = ask(tenant_id, (_OWN, [tenant_id]))
    slug, name, is_active, default_model, off, templates, platform_keys, rows = found
    tenant = Tenant(id=tenant_id, slug=slug, name=name, is_active=is_active, default_model=default_model)
    accounts = own_accounts.just_read(tenant_id, platform_keys, rows)
    if not templates:
        return Own(tenant, DEFAULT_TEMPLATES, known_tools(off), accounts)
    written = {
        role: Template(role, name, personality, prompt, tuple(tools))
        for role, name, personality, prompt, tools in templates
    }
    return Own(tenant, {**DEFAULT_TEMPLATES, **written}, known_tools(off), accounts)


def as_template(row: RoleTemplate) -> Template:
    """Return a stored template in the shape agents are made from."""
    return Template(row.role, row.name, row.personality, row.prompt, tuple(row.tools))


def disabled_tools(tenant_id: UUID) -> frozenset[str]:
    """Return the names of the catalogue's tools that the tenant has switched off."""
    with scope(tenant_id):
        return known_tools(TenantTool.objects.filter(enabled=False).values_list("name", flat=True))


def known_tools(names: Iterable[str]) -> frozenset[str]:
    """Return those of the names that are tools of the catalogue."""
    return frozenset(name for name in names if name in CATALOGUE)


def enabled_tools(tenant_id: UUID) -> tuple[str, ...]:
    """Return the names of the tools agents of this tenant may be given, in the catalogue's order."""
    off = disabled_tools(tenant_id)
    return tuple(name for name in CATALOGUE if name not in off)


def tenant_defaults(tenant_id: UUID) -> Tenant:
    """Return the tenant with what its models are chosen by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT default_model FROM teams_tenant WHERE id = %s", [tenant_id])
        return Tenant(id=tenant_id, default_model=cursor.fetchone()[0])


# --- models -----------------------------------------------------------------------------------------------------------


def default_model_of(tenant: Tenant) -> ModelName:
    """Return the model of agents that name none: the tenant's, else the platform's. Raises `Conflict` for a tenant's
    default that cannot be read."""
    if not tenant.default_model:
        return providers.default_model()
    name, _colon, model = tenant.default_model.partition(":")
    if not (name.strip() and model.strip()):
        raise Conflict(
            f"the tenant's default model is {tenant.default_model!r}: it is written provider:model, "
            "for example openai:gpt-4o-mini; correct it in the tenant's settings"
        )
    return name.strip(), model.strip()


def resolve_model(ref: ModelRef | None, default: ModelName) -> ModelName:
    """Return which model an agent's `LLM_model` means: what it leaves open is the default model's."""
    if ref is None:
        return default
    return ref.provider or default[0], ref.model


def unavailable(provider: str, accounts: Accounts) -> str:
    """Return why a tenant with these accounts cannot call a provider, as the end of a sentence about it; "" when it
    can."""
    if provider not in providers.providers():
        return f"is not a known provider ({known_providers()})"
    return accounts.unavailable(providers.provider(provider))


def known_providers() -> str:
    """Return the names of all configured providers, as text for people."""
    return f"known: {', '.join(providers.providers())}"


# The revision of the table of providers that settings held last.
_known_revision: tuple[object, str] = (None, "")


def revision(accounts: Accounts) -> tuple[str, Accounts]:
    """Return what changes with the providers, their credentials being there, what their models read, and the tenant's
    accounts."""
    global _known_revision  # noqa: PLW0603 - replaced as a whole, so threads see the old pair or the new one
    table = providers.providers()
    seen, known = _known_revision
    if seen is not table:
        known = sha256_of({name: _revision_of(entry) for name, entry in table.items()})
        _known_revision = (table, known)
    return known, accounts


def _revision_of(entry: providers.Provider) -> list[Any]:
    return [
        entry.missing,
        sorted(entry.parameters or ()),
        entry.context_tokens,
        {name: facts.context_tokens for name, facts in entry.models.items()},
    ]


# --- agents of a run --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ResolvedAgent:
    """An agent with all that a run needs and nothing left open. `tools` are those enabled now."""

    agent_id: str
    role: str
    name: str
    personality: str
    prompt: str
    provider: str
    model: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    context_tokens: int = providers.DEFAULT_CONTEXT_TOKENS
    tools: tuple[str, ...] = ()
    asks_before_writes: bool = False
    swapped_from: str | None = None
    """`provider:model` the agent asked for, when the default model took its place."""
    fallback: ModelName | None = None
    """What is asked once for an answer that the model does not give."""
    lost_fallback: str | None = None
    """`provider:model` of a fallback that cannot be called now."""


def resolved_agents(
    spec: TeamSpec, tenant: Tenant, off: frozenset[str] | None = None, accounts: Accounts | None = None
) -> list[ResolvedAgent]:
    """Return every agent that speaks, in list order, with the model it will really use.

    An agent that allows it gets the default model when its own cannot be called; `swapped_from` says so. `off` are the
    tools switched off; they and the tenant's accounts are looked up when left out. Raises `Conflict` naming everything
    that keeps the team from running, as `UnfilledRoles` where agents are missing.
    """
    if unfilled := unfilled_roles(spec):
        raise UnfilledRoles(unfilled)
    speaking = set(flow_roles(spec))
    default, off = default_model_of(tenant), disabled_tools(tenant.id) if off is None else off
    accounts = own_accounts.accounts_of(tenant.id) if accounts is None else accounts
    resolved, missing = [], []
    for agent in (agent for agent in spec.agents if agent.agent_role in speaking):
        wanted = resolve_model(agent.LLM_model, default)
        model, problem = callable_model(agent, wanted, default, accounts)
        if problem:
            missing.append(f"{agent.agent_role}: {problem}")
        else:
            resolved.append(_with_fallback(_resolved(agent, model, wanted, off), agent, default, accounts))
    if missing:
        raise Conflict(f"The team cannot run now. {'; '.join(dict.fromkeys(missing))}")
    return resolved


def callable_model(
    agent: AgentSpec, wanted: ModelName, default: ModelName, accounts: Accounts
) -> tuple[ModelName, str]:
    """Return the model the agent speaks with, and why it cannot be called ("" when it can)."""
    why = unavailable(wanted[0], accounts)
    if not why:
        return wanted, ""
    problem = f"{wanted[0]} {why}"
    if wanted[0] == default[0]:
        return wanted, problem
    if not agent.allow_team_builder_to_override_model:
        return wanted, f"{problem}, and allow_team_builder_to_override_model is false"
    default_why = unavailable(default[0], accounts)
    return (
        default,
        f"{problem}, and the default model cannot stand in: {default[0]} {default_why}" if default_why else "",
    )


def _resolved(agent: AgentSpec, model: ModelName, wanted: ModelName, off: frozenset[str]) -> ResolvedAgent:
    return ResolvedAgent(
        agent_id=str(agent.agent_id or ""),
        role=agent.agent_role,
        name=agent.shown_name,
        personality=agent.agent_personality,
        prompt=agent.agent_goal_based_prompt,
        provider=model[0],
        model=model[1],
        parameters=agent.LLM_configuration.parameters() if agent.LLM_configuration else {},
        context_tokens=providers.provider(model[0]).facts(model[1]).context_tokens,
        tools=tuple(tool for tool in agent.agent_tools if tool in CATALOGUE and tool not in off),
        asks_before_writes=agent.agent_asks_before_writes,
        swapped_from=":".join(wanted) if model != wanted else None,
    )


def _with_fallback(resolved: ResolvedAgent, agent: AgentSpec, default: ModelName, accounts: Accounts) -> ResolvedAgent:
    """The agent with the model that stands in for its own: none where the model may not be overridden."""
    if agent.fallback_model is None or not agent.allow_team_builder_to_override_model:
        return resolved
    fallback = resolve_model(agent.fallback_model, default)
    if fallback == (resolved.provider, resolved.model):
        return resolved
    if unavailable(fallback[0], accounts):
        return replace(resolved, lost_fallback=":".join(fallback))
    return replace(resolved, fallback=fallback)
