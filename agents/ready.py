"""A stored team made ready to run: parsed, held against what can be called now, and kept for the next run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.accounts import Accounts
from agents.build_cache import CACHE, read_only
from agents.registry import ResolvedAgent, default_model_of, resolved_agents, revision
from teams.models import Tenant
from teams.services import stored_spec
from teams.spec import SPEC_VERSION, flow_roles


@dataclass(frozen=True)
class ReadyTeam:
    """All that a run takes from its team. Shared between runs, so nothing in it can be changed."""

    goal: str
    roles: tuple[str, ...]
    max_turns: int
    agents: tuple[ResolvedAgent, ...]


def ready_team(
    config: Callable[[], Mapping[str, Any]],
    config_hash: str,
    tenant: Tenant,
    off: frozenset[str],
    accounts: Accounts,
) -> ReadyTeam:
    """Return the team of a stored config, from the cache when this tenant ran the same one before.

    `config` is asked for only when the cache does not have the team; `off` are the tools the tenant has switched off,
    `accounts` those it has of its own.

    A version was validated when it was stored and its hash says that it is the same, so a repeated run neither parses
    nor checks it again; other providers, credentials, accounts, tools or another default model make it anew. Raises
    `Conflict` naming what keeps it from running, and `StoredConfigBroken`.
    """

    def make() -> ReadyTeam:
        spec = stored_spec(config())
        agents = [_unchangeable(agent) for agent in resolved_agents(spec, tenant, off, accounts)]
        return ReadyTeam(spec.agent_team_main_goal, tuple(flow_roles(spec)), spec.max_turns, tuple(agents))

    key = ("run", tenant.id, config_hash, SPEC_VERSION, revision(accounts), default_model_of(tenant), off)
    return CACHE.get(key, make)


def _unchangeable(agent: ResolvedAgent) -> ResolvedAgent:
    return replace(agent, parameters=read_only(agent.parameters))
