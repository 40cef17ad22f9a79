"""Functions that run with atb_system's rights: few, narrow, versioned, and safe to call."""

import os
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]

KNOWN = {
    "api_key_lookup_v1": "whose key is this: asked before a tenant is known",
    "memberships_of_v1": "where is this user a member: asked at login",
    "claim_v1": "the fairest run of all tenants, for workers of the version before",
    "claim_v2": "the fairest runs of all tenants, for workers of the version before",
    "claim_v3": "the fairest runs of all tenants",
    "metrics_v1": "counts the open runs of all tenants for /metrics",
    "heartbeat_v1": "renews the leases of a worker, for workers of the version before",
    "heartbeat_v2": "renews the leases of a worker, whatever tenants they are of",
    "reap_v1": "what the reaper does for all tenants each second, without approvals",
    "reap_v2": "what the reaper does for all tenants each second, but for cancels",
    "reap_v3": "what the reaper does for all tenants each second",
    "queue_v1": "counts and ages of the open runs of all tenants, for operators and /health",
    "claim_notices_v1": "which decisions people are to be told of, of whatever tenant",
    "claim_deliveries_v1": "which deliveries to webhooks are due, of whatever tenant",
    "due_schedules_v1": "which schedules are due, of whatever tenant",
}
"""Each SECURITY DEFINER function with the reason why it must look across tenants."""

_FUNCTIONS = """
SELECT p.proname::text, p.prosecdef, pg_get_userbyid(p.proowner)::text, p.proconfig, l.lanname::text,
       ARRAY(SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END::text
             FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
             WHERE g.privilege_type = 'EXECUTE' AND g.grantee <> p.proowner),
       p.prosrc
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


def definer_faults(db: Connection) -> list[str]:
    """What is wrong with each SECURITY DEFINER function."""
    faults = []
    for name, definer, owner, config, _language, callers, source in db.execute(_FUNCTIONS):
        if not definer:
            continue
        wrong = {
            "has no reason in KNOWN": name not in KNOWN,
            f"is owned by {owner}": owner != "atb_system",
            f"has the settings {config}": config != ["search_path=pg_catalog, public, pg_temp"],
            f"may be called by {callers}": callers != ["atb_app"],
            "has no version in its name": re.search(r"_v\d+$", name) is None,
            "builds SQL from text": re.search(r"\bEXECUTE\b", source) is not None,
        }
        faults += [f"{name} {text}" for text, found in wrong.items() if found]
    return faults


@pytest.fixture
def owner(django_db_setup: None) -> Iterator[Connection]:
    """The owner's login in a transaction that is always rolled back."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
        yield connection
        connection.rollback()


def test_definer_functions_are_safe(owner):
    assert definer_faults(owner) == []


def test_no_reason_is_left_for_a_function_that_is_gone(owner):
    assert set(KNOWN) == {row[0] for row in owner.execute(_FUNCTIONS) if row[1]}


def test_what_runs_under_row_level_security_is_not_handed_over(owner):
    invokers = {row[0]: row[2] for row in owner.execute(_FUNCTIONS) if not row[1]}
    assert {"record_v1", "finish_v4", "scope_tenant"} <= set(invokers)
    assert set(invokers.values()) == {"atb_owner"}


def test_only_known_languages(owner):
    assert {row[4] for row in owner.execute(_FUNCTIONS)} <= {"sql", "plpgsql"}


_MADE = "CREATE FUNCTION made_v1() RETURNS int LANGUAGE sql SECURITY DEFINER {} AS 'SELECT 1'"


@pytest.mark.parametrize(
    "search_path", ["", "SET search_path = public", "SET search_path = pg_temp, pg_catalog, public"]
)
def test_a_careless_function_is_reported(owner, search_path):
    owner.execute(_MADE.format(search_path))
    texts = "\n".join(definer_faults(owner))
    for fault in ("has no reason in KNOWN", "is owned by atb_owner", "has the settings", "may be called by ['PUBLIC']"):
        assert f"made_v1 {fault}" in texts


def test_a_function_opened_to_everybody_is_reported(owner):
    owner.execute("SET LOCAL ROLE atb_system")
    owner.execute("GRANT EXECUTE ON FUNCTION claim_v1(text, interval) TO PUBLIC")
    assert any(fault.startswith("claim_v1 may be called by") for fault in definer_faults(owner))


@pytest.mark.parametrize("call", ["api_key_lookup_v1('x')", "memberships_of_v1(1)", "claim_v1('w', '15 s')"])
def test_the_mirror_may_not_call_them(owner, call):
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], dbname=owner.info.dbname) as admin:
        admin.execute("SET LOCAL ROLE atb_mirror")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute(f"SELECT * FROM {call}")


def test_a_temporary_object_does_not_stand_in_for_a_table(django_db_setup):
    """The reason for pg_temp at the end: a caller's own `teams_apikey` must not be read with atb_system's rights."""
    database = psycopg.conninfo.conninfo_to_dict(os.environ["DATABASE_URL"])["dbname"]
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], dbname=str(database)) as admin:
        admin.execute("CREATE TEMP TABLE teams_apikey (LIKE public.teams_apikey)")
        admin.execute("GRANT ALL ON teams_apikey TO PUBLIC")
        admin.execute(
            "INSERT INTO teams_apikey (id, tenant_id, name, prefix, digest, scopes, created_by, created_at)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), '', 'forged', '', '[]', '', now())"
        )
        admin.execute("SET LOCAL ROLE atb_app")
        assert admin.execute("SELECT count(*) FROM api_key_lookup_v1('forged')").fetchone() == (0,)
        admin.rollback()
