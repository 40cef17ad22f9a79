"""What a team config says of models and tools, held against what there is (settings.TEAM_SPEC_CHECKS).

Each check returns (errors, warnings): errors keep the config from being saved, warnings are told and saved over.
"""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from agents import providers
from agents.accounts import accounts_of
from agents.registry import default_model_of, disabled_tools, known_providers, tenant_defaults, unavailable
from agents.tools import CATALOGUE
from teams.errors import Conflict, Located
from teams.located import closest
from teams.spec import TeamSpec

Found = tuple[list[Located], list[Located]]


def check_providers(spec: TeamSpec, tenant_id: UUID) -> Found:
    """Every provider an agent names is known (else an error), can be called and takes the agent's parameters (else a
    warning)."""
    errors, warnings = [], []
    for index, agent in enumerate(spec.agents):
        name = agent.LLM_model.provider if agent.LLM_model else None
        if name is None:
            continue
        loc = f"agents.{index}.LLM_model.provider"
        if name not in providers.providers():
            errors.append(Located(loc=loc, msg=_unknown_provider(name)))
            continue
        if why := unavailable(name, accounts_of(tenant_id)):
            warnings.append(Located(loc=loc, msg=_not_available(name, why, agent.allow_team_builder_to_override_model)))
        parameters = agent.LLM_configuration.parameters() if agent.LLM_configuration else {}
        for refused in providers.provider(name).refused(parameters):
            msg = f'"{name}" does not take {refused}: runs fail until it is removed'
            warnings.append(Located(loc=f"agents.{index}.LLM_configuration.{refused}", msg=msg))
    fallback_errors, fallback_warnings = _fallbacks(spec, tenant_id)
    return errors + fallback_errors, warnings + fallback_warnings + _default_model(spec, tenant_id)


def _fallbacks(spec: TeamSpec, tenant_id: UUID) -> Found:
    """Every fallback's provider is known (else an error), and it can be called and may be used (else a warning)."""
    errors, warnings = [], []
    for index, agent in enumerate(spec.agents):
        if agent.fallback_model is None:
            continue
        loc, name = f"agents.{index}.fallback_model", agent.fallback_model.provider
        if not agent.allow_team_builder_to_override_model:
            msg = "is not used while allow_team_builder_to_override_model is false"
            warnings.append(Located(loc=loc, msg=msg))
        if name is not None and name not in providers.providers():
            errors.append(Located(loc=f"{loc}.provider", msg=_unknown_provider(name)))
        elif name is not None and (why := unavailable(name, accounts_of(tenant_id))):
            msg = f'"{name}" {why}; until that is done nothing stands in for the agent\'s model'
            warnings.append(Located(loc=f"{loc}.provider", msg=msg))
    return errors, warnings


def check_tools(spec: TeamSpec, tenant_id: UUID) -> Found:
    """Every tool is in the catalogue and enabled for the tenant (else an error); runs go without one that has nothing
    behind it yet (a warning)."""
    lists: list[tuple[str, Sequence[str]]] = [("available_tools", spec.available_tools or ())]
    lists += [(f"agents.{index}.agent_tools", agent.agent_tools) for index, agent in enumerate(spec.agents)]
    off = disabled_tools(tenant_id) if any(names for _, names in lists) else frozenset()
    errors = [error for loc, names in lists for error in _tools(loc, names, off)]
    warnings = [
        Located(loc=f"agents.{index}.agent_tools.{place}", msg=f'"{name}" is not available yet: runs go without it')
        for index, agent in enumerate(spec.agents)
        for place, name in enumerate(agent.agent_tools)
        if name in CATALOGUE and not CATALOGUE[name].available
    ]
    return errors, warnings


def _unknown_provider(name: str) -> str:
    close = closest(name.lower(), providers.providers())
    meant = f' (did you mean "{close}"?)' if close else ""
    return f'"{name}" is not a known provider{meant}; {known_providers()}; null: the default model\'s provider'


def _not_available(name: str, why: str, swap_allowed: bool) -> str:
    then = "the default model speaks instead" if swap_allowed else "runs answer 409"
    return f'"{name}" {why}; until that is done {then}'


def _default_model(spec: TeamSpec, tenant_id: UUID) -> list[Located]:
    """One warning when agents leave their model open and the default cannot be called."""
    users = [agent.agent_role for agent in spec.agents if agent.LLM_model is None or agent.LLM_model.provider is None]
    if not users:
        return []
    try:
        name, _model = default_model_of(tenant_defaults(tenant_id))
        why = unavailable(name, accounts_of(tenant_id))
    except Conflict as error:
        return [Located(loc="agents", msg=error.detail)]
    msg = f'the default model\'s provider "{name}" {why}; without it {", ".join(users)} cannot speak'
    return [Located(loc="agents", msg=msg)] if why else []


def _tools(loc: str, names: Iterable[str], off: frozenset[str]) -> Iterator[Located]:
    for index, name in enumerate(names):
        if problem := tool_problem(name, off):
            yield Located(loc=f"{loc}.{index}", msg=problem)


def tool_problem(name: str, off: frozenset[str]) -> str:
    """Return why agents may not be given this tool; "" when they may. `off` are the tools the tenant switched off."""
    if name not in CATALOGUE:
        close = closest(name, CATALOGUE)
        meant = f'did you mean "{close}"? ' if close else ""
        return f'"{name}" is not a known tool: {meant}there are {", ".join(CATALOGUE)}'
    if name in off:
        return (
            f'"{name}" is switched off for your tenant: remove it here, or let an admin enable it '
            f"(PATCH /api/v1/tools/{name}, or Tools in the admin)"
        )
    return ""
