"""Every table is isolated or named here with a reason: read from PostgreSQL's own catalog, so a new table is covered.

Each check returns the faults it finds; the tests at the end break a table in a transaction and see it reported.
"""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db.models import ForeignKey

from teams.tenancy import TenantModel

Connection = psycopg.Connection[Any]

GLOBAL = {
    "teams_tenant": "the directory of tenants: names only, read before any scope is open",
    "auth_user": "users are global; what they may do is in memberships, which are tenant rows",
    "auth_group": "Django's own; the product uses roles per membership instead, the table stays empty",
    "auth_group_permissions": "Django's own, empty (see auth_group)",
    "auth_user_groups": "Django's own, empty (see auth_group)",
    "auth_user_user_permissions": "Django's own, empty: permissions come from the membership",
    "auth_permission": "Django's own list of model permissions, the same for everybody",
    "django_content_type": "Django's own list of models",
    "django_session": "opened before a tenant is known; holds the chosen tenant's id",
    "django_migrations": "which migrations have run",
    "django_admin_log": "Django's own; nothing is written to it, changes go to teams_auditentry",
    "executions_worker": "worker processes belong to the platform and run every tenant's work",
}
"""Tables without a tenant, each with the reason why that is right."""

APPEND_ONLY = {"teams_auditentry", "teams_auditseal"}
"""Written for good. History tables are so too; they are told by their name."""

POLICIES = {
    ("tenant_app", "PERMISSIVE", "{atb_app}", "ALL", "(tenant_id = scope_tenant())", "(tenant_id = scope_tenant())"),
    ("tenant_system", "PERMISSIVE", "{atb_system}", "ALL", "true", "true"),
    ("tenant_mirror", "PERMISSIVE", "{atb_mirror}", "SELECT", "true", None),
}

_TABLES = """
SELECT c.relname, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner),
       (SELECT a.attnotnull FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY c.relname
"""

_GRANTS = """
SELECT c.relname, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END,
       array_agg(g.privilege_type::text)
FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relnamespace = 'public'::regnamespace
GROUP BY 1, 2
"""

_FOREIGN_KEYS = """
SELECT k.conname, k.conrelid::regclass::text, k.confrelid::regclass::text, k.condeferrable,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i)
FROM pg_constraint k WHERE k.contype = 'f'
"""


def _is_append_only(table: str) -> bool:
    return table in APPEND_ONLY or "_historical" in table


def isolation_faults(db: Connection) -> list[str]:
    """What is wrong with tables: no tenant and no reason, or not behind the second wall."""
    faults = []
    for table, kind, enabled, forced, owner, not_null in db.execute(_TABLES):
        if table in GLOBAL:
            continue
        wrong = {
            "is a view: it would read with its owner's rights": kind in "vm",
            "is neither a tenant's nor in GLOBAL with a reason": not_null is None,
            "has a tenant_id that may be null": not_null is False,
            "has no row level security": not enabled,
            "does not force row level security on its owner": not forced,
            "is not owned by atb_owner": owner != "atb_owner",
        }
        faults += [f"{table} {text}" for text, found in wrong.items() if found]
    return faults


def policy_faults(db: Connection) -> list[str]:
    """Tenant tables that have other policies than exactly the three."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    rows = db.execute("SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies")
    for table, *policy in rows:
        found.setdefault(table, set()).add(tuple(policy))
    tables = [row[0] for row in db.execute(_TABLES) if row[0] not in GLOBAL]
    return [f"{table} has the policies {found.get(table)}" for table in tables if found.get(table) != POLICIES]


def grant_faults(db: Connection) -> list[str]:
    """Rights on tables beyond (or below) what each role is to have."""
    rows = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    faults = []
    for table, grantee, privileges in db.execute(_GRANTS).fetchall():
        written = {"SELECT", "INSERT"} if _is_append_only(table) else rows
        wanted = {"atb_app": written, "atb_system": written, "atb_mirror": {"SELECT"}}.get(grantee)
        if grantee == "atb_owner":
            continue
        if set(privileges) != wanted:
            faults.append(f"{grantee} has {sorted(privileges)} on {table}")
    return faults


def foreign_key_faults(db: Connection) -> list[str]:
    """Foreign keys that would accept another tenant's parent."""
    faults = []
    for name, table, parent, deferrable, columns, keys in db.execute(_FOREIGN_KEYS):
        if parent in {"teams_tenant", "auth_user"} or (table in GLOBAL and parent in GLOBAL):
            continue
        pairs = list(zip(columns, keys, strict=True))
        if ("tenant_id", "tenant_id") not in pairs:
            faults.append(f"{name}: {table} -> {parent} without tenant_id")
        if not deferrable:
            faults.append(f"{name}: {table} -> {parent} is not deferrable")
    return faults


def missing_foreign_keys(db: Connection) -> list[str]:
    """Relations between tenants' models that the database does not hold together."""
    held = {(row[1], column) for row in db.execute(_FOREIGN_KEYS) for column in row[4]}
    return [
        f"{model._meta.db_table}.{field.column} has no foreign key (TenantForeignKey)"
        for model in apps.get_models()
        if issubclass(model, TenantModel)
        for field in model._meta.local_fields
        if isinstance(field, ForeignKey) and (model._meta.db_table, field.column) not in held
    ]


def role_faults(db: Connection) -> list[str]:
    """Roles that could step around the second wall."""
    faults = [
        f"{name} has too much power"
        for name, superuser, bypass, createrole in db.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname LIKE 'atb%'"
        )
        if superuser or bypass or createrole
    ]
    memberships = set(
        db.execute(
            "SELECT pg_get_userbyid(member), pg_get_userbyid(roleid), inherit_option, set_option, admin_option"
            " FROM pg_auth_members WHERE pg_get_userbyid(roleid) LIKE 'atb%' OR pg_get_userbyid(member) LIKE 'atb%'"
        )
    )
    wanted = {("atb_app", "atb_system", False, True, False), ("atb_owner", "atb_system", False, True, False)}
    return faults + [f"membership {row}" for row in memberships ^ wanted]


def public_faults(db: Connection) -> list[str]:
    """What anybody who can connect could make."""
    row = db.execute(
        "SELECT has_schema_privilege('public', 'public', 'CREATE'),"
        " has_database_privilege('public', current_database(), 'TEMP'),"
        " has_database_privilege('public', current_database(), 'CONNECT'),"
        " has_schema_privilege('atb_app', 'public', 'CREATE'), has_schema_privilege('atb_system', 'public', 'CREATE')"
    ).fetchone()
    texts = ("PUBLIC may create", "PUBLIC may make temporary tables", "PUBLIC may connect")
    return [
        text
        for text, found in zip((*texts, "atb_app may create", "atb_system may create"), row or (), strict=True)
        if found
    ]


CHECKS = [
    isolation_faults,
    policy_faults,
    grant_faults,
    foreign_key_faults,
    missing_foreign_keys,
    role_faults,
    public_faults,
]


@pytest.fixture
def owner(django_db_setup: None) -> Iterator[Connection]:
    """The owner's login in a transaction that is always rolled back."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("check", CHECKS)
def test_the_catalog_has_no_fault(owner, check):
    assert check(owner) == []


def test_no_reason_is_left_for_a_table_that_is_gone(owner):
    assert set(GLOBAL) - {row[0] for row in owner.execute(_TABLES)} == set()


_MADE = "CREATE TABLE made (id int PRIMARY KEY, tenant_id uuid NOT NULL)"
_WALLED = f"{_MADE}; ALTER TABLE made ENABLE ROW LEVEL SECURITY; ALTER TABLE made FORCE ROW LEVEL SECURITY"
BROKEN = {
    "a table without a tenant": (isolation_faults, "CREATE TABLE made (id int)"),
    "a table that allows no tenant": (isolation_faults, "CREATE TABLE made (id int, tenant_id uuid)"),
    "a table without row level security": (isolation_faults, _MADE),
    "a table whose owner sees all": (isolation_faults, f"{_MADE}; ALTER TABLE made ENABLE ROW LEVEL SECURITY"),
    "a view": (isolation_faults, "CREATE VIEW made AS SELECT * FROM teams_team"),
    "a table in another schema": (isolation_faults, "CREATE TEMP TABLE made (id int)"),
    "no policy": (policy_faults, _WALLED),
    "a policy that sees all": (policy_faults, "CREATE POLICY made ON teams_team TO atb_app USING (true)"),
    "a policy of the wrong role": (policy_faults, "ALTER POLICY tenant_system ON teams_team TO PUBLIC"),
    "a policy gone": (policy_faults, "DROP POLICY tenant_app ON teams_team"),
    "TRUNCATE for the product": (grant_faults, "GRANT TRUNCATE ON teams_team TO atb_app"),
    "rights for everybody": (grant_faults, "GRANT SELECT ON teams_team TO PUBLIC"),
    "an audit trail that can change": (grant_faults, "GRANT UPDATE ON teams_auditentry TO atb_app"),
    "a history that can change": (grant_faults, "GRANT DELETE ON teams_historicalteam TO atb_system"),
    "a plain foreign key": (
        foreign_key_faults,
        "ALTER TABLE executions_step ADD CONSTRAINT made"
        " FOREIGN KEY (execution_id) REFERENCES executions_execution (id)",
    ),
    "a relation nobody holds": (
        missing_foreign_keys,
        "ALTER TABLE executions_step DROP CONSTRAINT executions_step_execution_id_tenant_fk",
    ),
    "a schema open to all": (public_faults, "GRANT CREATE ON SCHEMA public TO PUBLIC"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_fault_is_reported(owner, what):
    check, statement = BROKEN[what]
    before = check(owner)
    for part in statement.split("; "):
        owner.execute(part)
    assert len(check(owner)) > len(before)
