"""Who may step around the scoped managers: a list of files with a reason each, held against the code.

`objects` and `history` are scoped; everything below sees rows without the first wall. Tests may do it to arrange rows.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("teams", "agents", "executions", "console", "config")

ALLOWED = {
    "teams/tenancy.py": "defines the scopes and managers",
    "teams/history.py": "defines the managers of history models",
    "teams/adminbase.py": "a superuser looks at all tenants, read-only, and at the platform's own pages",
    "teams/sealer.py": "finds the tenants with entries to seal, then works in each one's scope",
    "teams/reencrypting.py": "seals every tenant's secrets under another key",
}
"""Files that may look across tenants, each with its reason."""

RAW_SQL = {
    "teams/tenancy.py": "opens the scopes",
    "teams/adminbase.py": "makes the transaction read-only",
    "teams/access.py": "asks memberships_of_v1 before a scope is open",
    "teams/keys.py": "asks api_key_lookup_v1 before a scope is open",
    "teams/checks.py": "asks the catalog about the login's own role",
    "teams/sealer.py": "reads the horizon and locks, inside scopes",
    "teams/rls.py": "migration operations",
    "console/health.py": "asks whether the database answers, and what is still to migrate",
    "console/team_runs.py": "looks up the last runs of a page of teams inside its scope, joined by tenant and team",
    "console/figures.py": "counts runs inside the page's scope, naming the tenant at each table",
    "console/metrics.py": "asks metrics_v1 at each scrape",
    "executions/engine.py": "calls the engine's functions, which set the scope or are narrow",
    "executions/heartbeat.py": "calls heartbeat_v2 on its own connection",
    "executions/reaper.py": "calls reap_v3 and the advisory lock on its own connection",
    "executions/limits.py": "calls admit_run_v1 inside the scope that stores a run",
    "executions/usage.py": "sums up steps inside a scope, naming the tenant at each table",
    "executions/stream.py": "sends a Redis pipeline, no SQL",
    "executions/follow.py": "asks for a run's news through tenancy.ask, naming the tenant at each table",
    "executions/life.py": "calls queue_v1, which tells counts and ages alone",
    "executions/facts.py": "asks inside a scope what a run starts from, naming the tenant at each table",
    "executions/notify.py": "calls claim_notices_v1 on its thread's own connection",
    "executions/sending.py": "calls claim_deliveries_v1 on its thread's own connection",
    "executions/scheduling.py": "asks due_schedules_v1 which schedules are due, before a scope is open",
    "teams/onerow.py": "reads a row by its key through tenancy.ask, naming the tenant",
    "agents/registry.py": "asks inside a scope what teams are built with, and the directory of tenants",
    "teams/roles.py": "an administrator's statements, before there is a product",
}
"""Files that may speak SQL, each with its reason: row level security is the only wall there."""

_UNSCOPED = {"across_tenants", "_base_manager", "_raw_delete"}
_SQL = {"cursor", "raw", "execute", "executemany", "extra"}
_ROLES = ("SET ROLE", "SET LOCAL ROLE", "SET SESSION AUTHORIZATION", "row_security")


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/migrations/" not in name and not name.startswith("config/embedded/"):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def unscoped_uses(tree: ast.AST) -> list[int]:
    """Lines that use an unfiltered manager, or look across tenants."""
    return sorted(
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in _UNSCOPED and not _is_request(node))
        or (isinstance(node, ast.Name) and node.id in _UNSCOPED)
        or (isinstance(node, ast.ImportFrom) and any(name.name in _UNSCOPED for name in node.names))
    )


def _is_request(node: ast.Attribute) -> bool:
    # `request.across_tenants` is the admin's note of what its user has chosen, not a manager.
    return isinstance(node.value, ast.Name) and node.value.id == "request"


def sql_uses(tree: ast.AST) -> list[int]:
    """Lines that speak SQL themselves."""
    return sorted(
        node.lineno
        for node in ast.walk(tree)
        if _is_sql_call(node)
        or (isinstance(node, ast.ImportFrom) and node.module == "teams.tenancy" and _names(node, "ask"))
    )


def _names(node: ast.ImportFrom, wanted: str) -> bool:
    return any(name.name == wanted for name in node.names)


def _is_sql_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _SQL
        # `super().execute()` is a management command's.
        and not isinstance(node.func.value, ast.Call)
    )


def role_changes(tree: ast.AST) -> list[int]:
    """Lines with SQL that takes another role or turns row level security off."""
    return sorted(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(_ROLES)
    )


@pytest.mark.parametrize(
    ("uses", "allowed"), [(unscoped_uses, ALLOWED), (sql_uses, RAW_SQL)], ids=["unscoped managers", "SQL"]
)
def test_only_the_listed_files_do_it(uses, allowed):
    found = {name: lines for name, tree in _sources() if (lines := uses(tree))}
    strangers = {name: lines for name, lines in found.items() if name not in allowed}
    assert strangers == {}, "use the scoped managers, or add the file to the list above with its reason"
    assert set(allowed) - set(found) <= {"teams/rls.py"}, "these no longer need their place in the list"


def test_roles_are_changed_in_one_place():
    assert {name for name, tree in _sources() if role_changes(tree)} == {"teams/tenancy.py"}


def test_admin_classes_leave_the_default_manager_scoped():
    """An admin without its own `get_queryset` lists through the default manager, which must be the scoped one."""
    text = (ROOT / "teams/tenancy.py").read_text(encoding="utf-8")
    assert "base_manager_name" in text
    assert "default_manager_name" not in text


@pytest.mark.parametrize(
    "code",
    [
        "Team.across_tenants.all()",
        "Team._base_manager.count()",
        "Team.objects.all()._raw_delete('default')",
        "from teams.tenancy import across_tenants",
        "with tenancy.across_tenants('x'): pass",
    ],
)
def test_each_way_around_the_managers_is_seen(code):
    assert unscoped_uses(ast.parse(code)) == [1]


@pytest.mark.parametrize("code", ["Team.objects.raw('SELECT 1')", "connection.cursor()", "c.execute('SELECT 1')"])
def test_each_way_to_speak_sql_is_seen(code):
    assert sql_uses(ast.parse(code)) == [1]


def test_a_change_of_role_is_seen():
    assert role_changes(ast.parse("x = 'SET LOCAL ROLE atb_system'")) == [1]
