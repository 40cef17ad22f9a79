"""The second wall alone: SQL without a filter, over the product's own login, outside every manager."""

import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from executions.models import Execution, Step
from teams.models import Tenant
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

Connection = psycopg.Connection[Any]


@pytest.fixture
def login() -> Iterator[Connection]:
    """The product's login with nothing of ours between it and PostgreSQL."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def filled(alice: Any, charlie: Any) -> tuple[Tenant, Tenant]:
    """A row in each tenant table that the product's own login may write, for both tenants."""
    for who in (alice, charlie):
        who.key()
        team = factories.team(who)
        with tenant(who.tenant.id):
            run = Execution.objects.create(team=team, version=1, resolved_spec={}, actor="test")
            Step.objects.create(execution=run, seq=1, event_seq=1, key="k", kind="note", state="done", fence=1)
    return alice.tenant, charlie.tenant


def _enter(login: Connection, tenant_id: UUID) -> None:
    login.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id)])


def _run_as(login: Connection, tenant_id: UUID, statement: str, *params: Any) -> psycopg.Cursor[Any]:
    """Run one statement in a transaction with this scope."""
    with login.transaction():
        _enter(login, tenant_id)
        return login.execute(statement, params)


def _tenant_tables(login: Connection) -> list[str]:
    return [
        row[0]
        for row in login.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id'"
        )
    ]


_UPSERT = """
INSERT INTO teams_team (id, tenant_id, name, config, config_hash, version, is_deleted, created_at, updated_at)
VALUES (%s, %s, 'mine', '{}', '', 1, false, now(), now())
ON CONFLICT (id) DO UPDATE SET name = 'stolen'
"""


def test_without_a_scope_no_table_shows_a_row(login, filled):
    seen = {table: login.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _tenant_tables(login)}
    assert len(seen) >= 12
    assert set(seen.values()) == {0}


def test_in_a_scope_every_table_shows_the_own_rows_alone(login, filled):
    acme, _globex = filled
    with login.transaction():
        _enter(login, acme.id)
        for table in _tenant_tables(login):
            tenants = {row[0] for row in login.execute(f"SELECT tenant_id FROM {table}")}
            assert tenants <= {acme.id}, table


@pytest.mark.parametrize("value", ["", "00000000-0000-0000-0000-000000000000"])
def test_an_empty_or_unknown_scope_shows_nothing(login, filled, value):
    with login.transaction():
        login.execute("SELECT set_config('app.tenant_id', %s, true)", [value])
        assert login.execute("SELECT count(*) FROM teams_team").fetchone()[0] == 0


def test_a_scope_that_is_no_id_raises(login, filled):
    login.execute("SET app.tenant_id = 'acme'")
    with pytest.raises(errors.InvalidTextRepresentation):
        login.execute("SELECT count(*) FROM teams_team")


def test_a_filter_for_another_tenant_finds_nothing(login, filled):
    acme, globex = filled
    with login.transaction():
        _enter(login, acme.id)
        assert login.execute("SELECT * FROM teams_team WHERE tenant_id = %s OR true", [globex.id]).rowcount == 1


def test_update_and_delete_without_a_filter_reach_the_own_rows_alone(login, filled):
    acme, _globex = filled
    with login.transaction():
        _enter(login, acme.id)
        assert login.execute("UPDATE executions_execution SET priority = 9").rowcount == 1
        assert login.execute("DELETE FROM executions_step").rowcount == 1


def test_insert_for_another_tenant_is_refused(login, filled):
    acme, globex = filled
    made = "INSERT INTO agents_tenanttool (id, tenant_id, name, enabled, updated_at) VALUES (%s, %s, 'x', true, now())"
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        _run_as(login, acme.id, made, uuid4(), globex.id)


def test_a_row_cannot_be_moved_to_another_tenant(login, filled):
    acme, globex = filled
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        _run_as(login, acme.id, "UPDATE executions_execution SET tenant_id = %s", globex.id)


def test_on_conflict_does_not_reach_another_tenants_row(login, filled):
    acme, globex = filled
    their_id = _run_as(login, globex.id, "SELECT id FROM teams_team").fetchone()[0]
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        _run_as(login, acme.id, _UPSERT, their_id, acme.id)


def test_truncate_is_not_allowed(login, filled):
    with pytest.raises(errors.InsufficientPrivilege):
        login.execute("TRUNCATE executions_step")


def test_copy_in_is_refused(login, filled):
    with pytest.raises(errors.FeatureNotSupported, match="row-level security"):
        login.execute("COPY teams_team FROM STDIN")


def test_copy_out_shows_the_own_rows_alone(login, filled):
    acme, globex = filled
    with login.transaction(), login.cursor() as cursor:
        _enter(login, acme.id)
        with cursor.copy("COPY teams_team TO STDOUT") as copy:
            text = b"".join(bytes(part) for part in copy)
    assert str(acme.id).encode() in text
    assert str(globex.id).encode() not in text


def test_the_wall_cannot_be_taken_down_by_the_products_login(login, filled):
    for statement in (
        "ALTER TABLE teams_team DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_app ON teams_team",
        "CREATE POLICY mine ON teams_team USING (true)",
        "CREATE OR REPLACE FUNCTION scope_tenant() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid'",
        "CREATE TABLE mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "SET ROLE atb_owner",
        "SET SESSION AUTHORIZATION atb_owner",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            login.execute(statement)


def test_row_security_off_raises_and_shows_nothing(login, filled):
    login.execute("SET row_security = off")
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        login.execute("SELECT * FROM teams_team")


def test_also_the_owner_of_the_tables_obeys(filled):
    """A data migration that forgets `migration_scope` sees nothing rather than everything."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        assert owner.execute("SELECT count(*) FROM teams_team").fetchone() == (0,)


def test_the_owner_takes_the_system_role_to_see_all(filled):
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        owner.execute("SET LOCAL ROLE atb_system")
        assert owner.execute("SELECT count(*) FROM teams_team").fetchone() == (2,)


def test_the_system_role_is_taken_and_not_inherited(login, filled):
    assert login.execute("SELECT count(*) FROM teams_team").fetchone() == (0,)
    with login.transaction():
        login.execute("SET LOCAL ROLE atb_system")
        assert login.execute("SELECT count(*) FROM teams_team").fetchone() == (2,)
    assert login.execute("SELECT count(*) FROM teams_team").fetchone() == (0,)


def test_foreign_parents_are_refused_at_commit(login, filled):
    """PostgreSQL's own check of a plain foreign key bypasses row level security and would accept this."""
    acme, globex = filled
    their_run = _run_as(login, globex.id, "SELECT id FROM executions_execution").fetchone()[0]
    move = "UPDATE executions_step SET execution_id = %s, key = 'other', seq = 2"
    with pytest.raises(errors.ForeignKeyViolation, match="tenant_fk"):
        _run_as(login, acme.id, move, their_run)


def test_deleting_a_parent_does_not_cascade_into_another_tenant(login, filled):
    acme, _globex = filled
    with login.transaction():
        _enter(login, acme.id)
        login.execute("DELETE FROM executions_step")
        login.execute("DELETE FROM executions_execution")
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        other.execute("SET LOCAL ROLE atb_system")
        assert other.execute("SELECT count(*) FROM executions_step").fetchone() == (1,)


@pytest.mark.parametrize("table", ["teams_auditentry", "teams_auditseal", "teams_historicalteam"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}"])
@pytest.mark.parametrize("role", ["atb_app", "atb_system"])
def test_what_is_written_for_good_cannot_be_changed(login, filled, table, statement, role):
    login.execute(f"SET ROLE {role}")
    with pytest.raises(errors.InsufficientPrivilege):
        login.execute(statement.format(table))
