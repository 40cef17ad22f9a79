"""`manage.py roles`: makes the roles once, again and again; shows no password; refuses logins of other names."""

import os
import secrets
from collections.abc import Iterator
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from psycopg import sql

from teams import roles

ADMIN = os.environ["DATABASE_ADMIN_URL"]


def _catalog() -> list[tuple[object, ...]]:
    """All that `roles` is about, as the server has it."""
    with psycopg.connect(ADMIN) as admin:
        return admin.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolreplication, rolcreatedb, rolcreaterole,"
            " rolpassword FROM pg_authid WHERE rolname LIKE 'atb%' ORDER BY 1"
        ).fetchall()


def _passwords() -> tuple[str, str]:
    return tuple(
        str(psycopg.conninfo.conninfo_to_dict(os.environ[name])["password"])
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL")
    )  # type: ignore[return-value]


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The name of a database that does not exist yet on this server."""
    name = f"roles_{secrets.token_hex(4)}"
    yield name
    with psycopg.connect(ADMIN, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _at(url: str, database: str) -> str:
    return psycopg.conninfo.make_conninfo(url, dbname=database)


def test_again_and_again_is_the_same(settings):
    # The verifiers of passwords are salted anew each time; everything else stays.
    before = [row[:-1] for row in _catalog()]
    for _round in range(2):
        out = StringIO()
        call_command("roles", stdout=out)
        assert "roles and grants are in place" in out.getvalue()
    assert [row[:-1] for row in _catalog()] == before
    for url in (os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"]):
        psycopg.connect(url).close()


def test_no_role_is_powerful():
    powers = {row[0]: row[1:7] for row in _catalog()}
    #                        super  bypass login  repl   db     role
    assert powers == {
        "atb_app": (False, False, True, False, False, False),
        "atb_mirror": (False, False, True, True, False, False),
        "atb_owner": (False, False, True, False, False, False),
        "atb_system": (False, False, False, False, False, False),
    }


def test_a_role_that_was_given_too_much_loses_it_again():
    with psycopg.connect(ADMIN, autocommit=True) as admin:
        admin.execute("ALTER ROLE atb_app BYPASSRLS CREATEDB CREATEROLE")
        admin.execute("GRANT atb_system TO atb_app WITH INHERIT TRUE")
    call_command("roles", stdout=StringIO())
    assert {row[0]: row[1:7] for row in _catalog()}["atb_app"] == (False, False, True, False, False, False)
    with psycopg.connect(ADMIN) as admin:
        inherits = admin.execute(
            "SELECT inherit_option, set_option FROM pg_auth_members"
            " WHERE roleid = 'atb_system'::regrole AND member = 'atb_app'::regrole"
        ).fetchall()
    assert inherits == [(False, True)]


def test_the_mirror_cannot_sign_in_until_it_is_given_a_password():
    assert {row[0]: row[7] for row in _catalog()}["atb_mirror"] is None


def test_a_dry_run_shows_the_statements_and_no_password():
    out = StringIO()
    call_command("roles", "--dry-run", stdout=out)
    shown = out.getvalue()
    assert "GRANT atb_system TO atb_app WITH INHERIT FALSE, SET TRUE;" in shown
    assert "PASSWORD '********'" in shown
    assert all(password not in shown for password in _passwords())
    assert all(line.endswith(";") for line in shown.splitlines())


def test_a_dry_run_changes_nothing(elsewhere):
    before = _catalog()
    shown = roles.plan(
        ADMIN, _at(os.environ["DATABASE_URL"], elsewhere), _at(os.environ["DATABASE_OWNER_URL"], elsewhere)
    )
    assert f'CREATE DATABASE "{elsewhere}" OWNER atb_owner;' in shown
    assert _catalog() == before
    with psycopg.connect(ADMIN) as admin:
        assert admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [elsewhere]).fetchone() is None


def test_makes_a_database_that_is_not_there(elsewhere):
    urls = (ADMIN, _at(os.environ["DATABASE_URL"], elsewhere), _at(os.environ["DATABASE_OWNER_URL"], elsewhere))
    assert roles.apply(*urls) > 0
    roles.apply(*urls)
    with psycopg.connect(urls[1]) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("CREATE TABLE mine (id int)")
    with psycopg.connect(urls[2]) as owner:
        owner.execute("CREATE TABLE theirs (id int)")
        owner.rollback()


@pytest.mark.parametrize(
    ("app", "owner", "named"),
    [
        ("postgresql://postgres@h/d", "postgresql://atb_owner@h/d", "DATABASE_URL must log in as atb_app"),
        ("postgresql://atb_owner@h/d", "postgresql://atb_owner@h/d", "DATABASE_URL must log in as atb_app"),
        ("postgresql://atb_app@h/d", "postgresql://atb_app@h/d", "DATABASE_OWNER_URL must log in as atb_owner"),
        ("postgresql://atb_app@h/d", "postgresql://atb_owner@h/other", "must name the same database"),
        ("postgresql://atb_app@h/d", "", "DATABASE_OWNER_URL must log in as atb_owner"),
    ],
)
def test_other_logins_are_refused(settings, app, owner, named):
    settings.DATABASE_URL, settings.DATABASE_OWNER_URL = app, owner
    with pytest.raises(CommandError, match=named):
        call_command("roles", stdout=StringIO())


def test_without_an_administrator_it_says_what_is_missing(settings):
    with pytest.raises(CommandError, match="DATABASE_ADMIN_URL"):
        call_command("roles", "--admin-url", "", stdout=StringIO())


def test_a_login_that_may_not_do_it_gets_the_servers_reason():
    with pytest.raises(CommandError, match="permission denied"):
        call_command("roles", "--admin-url", os.environ["DATABASE_URL"], stdout=StringIO())
