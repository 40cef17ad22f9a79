"""The four database roles, made by an administrator once: `manage.py roles`. Needs no Django settings.

atb_owner   owns tables and runs migrations
atb_app     the product's login; a member of atb_system WITH INHERIT FALSE, SET TRUE: inheriting would show it all
atb_system  NOLOGIN; what crosses tenants runs as it
atb_mirror  REPLICATION and SELECT for change data capture
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

_ROLES = ("atb_owner", "atb_app", "atb_system", "atb_mirror")


@dataclass(frozen=True)
class Logins:
    """Where the database is and what the two login roles' passwords are, taken from the product's own URLs."""

    database: str
    owner_password: str | None
    app_password: str | None

    @classmethod
    def from_urls(cls, app_url: str, owner_url: str) -> "Logins":
        """Read both URLs; raise ValueError when they do not name the roles this product needs."""
        app, owner = psycopg.conninfo.conninfo_to_dict(app_url), psycopg.conninfo.conninfo_to_dict(owner_url)
        for given, needed, name in ((app, "atb_app", "DATABASE_URL"), (owner, "atb_owner", "DATABASE_OWNER_URL")):
            if given.get("user") != needed:
                raise ValueError(f"{name} must log in as {needed}, not {given.get('user')}")
        if app.get("dbname") != owner.get("dbname"):
            raise ValueError("DATABASE_URL and DATABASE_OWNER_URL must name the same database")
        return cls(str(app["dbname"]), _password(owner), _password(app))


def _password(info: Mapping[str, object]) -> str | None:
    value = info.get("password")
    return None if value is None else str(value)


def server_statements(logins: Logins, existing: set[str], databases: set[str]) -> list[sql.Composed]:
    """Return what makes the roles and the database, on any database of the server."""
    missing = [role for role in _ROLES if role not in existing]
    statements = [sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)) for role in missing]
    statements += [
        _alter("atb_owner", "LOGIN NOSUPERUSER NOBYPASSRLS NOREPLICATION", logins.owner_password),
        _alter("atb_app", "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION", logins.app_password),
        _alter("atb_system", "NOLOGIN NOSUPERUSER NOBYPASSRLS", None),
        _alter("atb_mirror", "LOGIN REPLICATION NOSUPERUSER NOBYPASSRLS", None),
        sql.SQL("GRANT atb_system TO atb_app WITH INHERIT FALSE, SET TRUE").format(),
        sql.SQL("GRANT atb_system TO atb_owner WITH INHERIT FALSE, SET TRUE").format(),
        # A process that is paused or cut off in the middle of a change would keep what it has locked. The product's own
        # transactions are short; none is open while a model, a tool or a person is waited for.
        sql.SQL("ALTER ROLE atb_app SET idle_in_transaction_session_timeout = '60s'").format(),
    ]
    if logins.database not in databases:
        statements.append(sql.SQL("CREATE DATABASE {} OWNER atb_owner").format(sql.Identifier(logins.database)))
    return statements


def _alter(role: str, options: str, password: str | None) -> sql.Composed:
    text = sql.SQL("ALTER ROLE {} ").format(sql.Identifier(role)) + sql.SQL(options)
    return text if password is None else text + sql.SQL(" PASSWORD {}").format(sql.Literal(password))


def database_statements(database: str) -> list[sql.Composed]:
    """Return the grants inside the product's database: rows for the app, never TRUNCATE, nothing for PUBLIC."""
    name = sql.Identifier(database)
    plain = [
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE, CREATE ON SCHEMA public TO atb_owner",
        "GRANT USAGE ON SCHEMA public TO atb_app, atb_system, atb_mirror",
        "ALTER DEFAULT PRIVILEGES FOR ROLE atb_owner IN SCHEMA public "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO atb_app, atb_system",
        "ALTER DEFAULT PRIVILEGES FOR ROLE atb_owner IN SCHEMA public "
        "GRANT USAGE, SELECT ON SEQUENCES TO atb_app, atb_system",
        "ALTER DEFAULT PRIVILEGES FOR ROLE atb_owner IN SCHEMA public GRANT SELECT ON TABLES TO atb_mirror",
    ]
    grants = [
        sql.SQL("ALTER DATABASE {} OWNER TO atb_owner").format(name),
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO atb_app, atb_mirror").format(name),
    ]
    return grants + [sql.SQL(text).format() for text in plain]


def plan(admin_url: str, app_url: str, owner_url: str) -> list[str]:
    """Return the statements `apply` would run, passwords hidden, for `--dry-run`."""
    logins = Logins.from_urls(app_url, owner_url)
    shown = Logins(logins.database, _hidden(logins.owner_password), _hidden(logins.app_password))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        statements = server_statements(shown, *_present(connection)) + database_statements(shown.database)
        return [statement.as_string(connection) + ";" for statement in statements]


def _hidden(password: str | None) -> str | None:
    return None if password is None else "********"


def apply(admin_url: str, app_url: str, owner_url: str) -> int:
    """Make roles, database and grants; safe to run again. Returns the number of statements run.

    Raises psycopg.Error when the administrator's login may not do it, ValueError when the URLs name other roles.
    """
    logins = Logins.from_urls(app_url, owner_url)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        server = server_statements(logins, *_present(connection))
        for statement in server:
            connection.execute(statement)
    inside = database_statements(logins.database)
    with psycopg.connect(
        psycopg.conninfo.make_conninfo(admin_url, dbname=logins.database), autocommit=True
    ) as connection:
        for statement in inside:
            connection.execute(statement)
    return len(server) + len(inside)


def _present(connection: psycopg.Connection[tuple[str]]) -> tuple[set[str], set[str]]:
    roles = connection.execute("SELECT rolname FROM pg_roles").fetchall()
    databases = connection.execute("SELECT datname FROM pg_database").fetchall()
    return {row[0] for row in roles}, {row[0] for row in databases}
