"""All that accepting a run has to know, in one question to the database.

By hand, since this is asked for each run: the ORM would ask four times, and take longer to write the questions than
PostgreSQL to answer them. Both walls stand: row level security, and the tenant named at each table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from agents.accounts import ACCOUNTS_SQL, Accounts, just_read
from agents.registry import known_tools
from teams.models import Tenant
from teams.tenancy import required_scope

_FACTS = f"""
SELECT o.slug, o.name, o.is_active, o.default_model, t.version, t.config, t.config_hash,
       ARRAY(SELECT u.name::text FROM agents_tenanttool u WHERE u.tenant_id = o.id AND NOT u.enabled),
       EXISTS(SELECT FROM executions_tenantslots s WHERE s.tenant_id = o.id),
       EXISTS(SELECT FROM executions_webhook w WHERE w.tenant_id = o.id AND w.enabled AND w.execution_id IS NULL),
       o.platform_keys, {ACCOUNTS_SQL},
       (SELECT ARRAY[coalesce(l.tokens_per_day, l.most_tokens_per_day) IS NOT NULL,
                     coalesce(l.usd_per_day, l.most_usd_per_day) IS NOT NULL,
                     coalesce(l.runs_per_day, l.most_runs_per_day) IS NOT NULL]
        FROM executions_tenantlimits l WHERE l.tenant_id = o.id)
FROM teams_tenant o LEFT JOIN teams_team t ON t.tenant_id = o.id AND t.id = %s AND NOT t.is_deleted
WHERE o.id = %s
"""  # noqa: S608 - all of it is written here and there by us


@dataclass(frozen=True)
class Limited:
    """Of what the tenant has a limit by day."""

    tokens: bool = False
    usd: bool = False
    runs: bool = False


@dataclass(frozen=True)
class StartFacts:
    """What a run of a team starts from. `version` is None without such a team; `off`: the tools switched off."""

    tenant: Tenant
    team_id: UUID
    version: int | None
    config_text: str
    config_hash: str
    off: frozenset[str]
    accounts: Accounts
    has_slots: bool
    has_webhooks: bool
    limited: Limited

    def config(self) -> Mapping[str, Any]:
        """The team's config: read only when asked for, because a team that ran before is ready without it."""
        config: Mapping[str, Any] = orjson.loads(self.config_text)
        return config


def start_facts(tenant_id: UUID, team_id: UUID) -> StartFacts:
    """Ask. Raises `NoTenantScope` outside of a scope."""
    required_scope()
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, [team_id, tenant_id])
        slug, name, is_active, default_model, *team, off, slots, hooks, platform_keys, rows, limited = cursor.fetchone()
    owner = Tenant(id=tenant_id, slug=slug, name=name, is_active=is_active, default_model=default_model)
    version, config, config_hash = team
    accounts = just_read(tenant_id, platform_keys, rows)
    read = (version, config or "", config_hash or "", known_tools(off))
    return StartFacts(owner, team_id, *read, accounts, slots, hooks, Limited(*(limited or ())))
