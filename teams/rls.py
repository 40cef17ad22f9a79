"""The second wall between tenants: row level security, as migration operations.

Each tenant table gets ENABLE + FORCE (also its owner obeys) and two policies: atb_app sees the tenant of the open
scope, atb_system and atb_mirror see all. No role has BYPASSRLS, because a managed server will not create one.
https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

from pathlib import Path
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

SCOPE_FUNCTION = """
CREATE OR REPLACE FUNCTION scope_tenant() RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid $$;
"""

_ENABLE = """
ALTER TABLE {table} ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_app ON {table} TO atb_app
    USING (tenant_id = scope_tenant()) WITH CHECK (tenant_id = scope_tenant());
CREATE POLICY tenant_system ON {table} TO atb_system USING (true) WITH CHECK (true);
CREATE POLICY tenant_mirror ON {table} FOR SELECT TO atb_mirror USING (true);
"""

_DISABLE = """
DROP POLICY tenant_mirror ON {table};
DROP POLICY tenant_system ON {table};
DROP POLICY tenant_app ON {table};
ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
"""


class IsolateTenants(migrations.RunSQL):
    """Put row level security on tenant tables; give them in the order they were created."""

    def __init__(self, *tables: str) -> None:
        self.tables = tables
        super().__init__(
            sql="\n".join(_ENABLE.format(table=table) for table in tables),
            reverse_sql="\n".join(_DISABLE.format(table=table) for table in reversed(tables)),
        )

    def deconstruct(self) -> tuple[str, Any, Any]:
        return self.__class__.__name__, self.tables, {}


class AppendOnly(migrations.RunSQL):
    """Take UPDATE and DELETE on a table away from the login role: what is written stays."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=f"REVOKE UPDATE, DELETE ON {table} FROM atb_app, atb_system;",
            reverse_sql=f"GRANT UPDATE, DELETE ON {table} TO atb_app, atb_system;",
        )

    def deconstruct(self) -> tuple[str, Any, Any]:
        return self.__class__.__name__, (self.table,), {}


class TenantForeignKey(migrations.RunSQL):
    """Make (tenant_id, column) of `table` point at (tenant_id, key) of `parent`.

    A plain foreign key accepts another tenant's parent and cascades into other tenants, because PostgreSQL's own
    checks of foreign keys bypass row level security. The model's field has `db_constraint=False` beside this.
    """

    def __init__(self, table: str, column: str, parent: str, key: str = "id") -> None:
        self.args = (table, column, parent, key)
        unique, name = f"{parent}_tenant_{key}", f"{table}_{column}_tenant_fk"
        super().__init__(
            # The names come from migrations alone.
            sql=f"""
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = '{unique}') THEN
                    ALTER TABLE {parent} ADD CONSTRAINT {unique} UNIQUE (tenant_id, {key});
                END IF;
            END $$;
            ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column})
                REFERENCES {parent} (tenant_id, {key}) DEFERRABLE INITIALLY DEFERRED;
            """,  # noqa: S608
            reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name};",
        )

    def deconstruct(self) -> tuple[str, Any, Any]:
        return self.__class__.__name__, self.args, {}


class SqlFile(migrations.RunSQL):
    """Run a reviewed SQL file; `reverse` names the file (or statement) that undoes it."""

    def __init__(self, path: str, reverse: str) -> None:
        self.args = (path, reverse)
        super().__init__(sql=_text(path), reverse_sql=reverse)

    def deconstruct(self) -> tuple[str, Any, Any]:
        return self.__class__.__name__, self.args, {}


def _text(path: str) -> str:
    return (Path(__file__).resolve().parent.parent / path).read_text(encoding="utf-8")


class DefinerFunction(Operation):
    """Hand functions to atb_system and let the login role call them, and nobody else.

    `signatures` are like ``claim(text, interval)``. SECURITY DEFINER without a fixed search_path or with EXECUTE for
    PUBLIC is a hole; the catalog test (tests/contracts) checks every such function.
    """

    reversible = True

    def __init__(self, *signatures: str) -> None:
        self.signatures = signatures

    def deconstruct(self) -> tuple[str, Any, Any]:
        return self.__class__.__name__, self.signatures, {}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Functions are no part of Django's state."""

    def database_forwards(
        self,
        app_label: str,  # noqa: ARG002 - Django's signature
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,  # noqa: ARG002
        to_state: ProjectState,  # noqa: ARG002
    ) -> None:
        # The new owner needs CREATE on the schema for the hand-over only.
        schema_editor.execute("GRANT CREATE ON SCHEMA public TO atb_system")
        for signature in self.signatures:
            schema_editor.execute(f"ALTER FUNCTION {signature} SET search_path = pg_catalog, public, pg_temp")
            schema_editor.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
            schema_editor.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO atb_app")
            schema_editor.execute(f"ALTER FUNCTION {signature} OWNER TO atb_system")
        schema_editor.execute("REVOKE CREATE ON SCHEMA public FROM atb_system")

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Nothing to undo: the functions are dropped by the operation that made them."""

    def describe(self) -> str:
        return f"Hand {', '.join(self.signatures)} to atb_system"
