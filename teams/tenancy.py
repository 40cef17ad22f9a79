"""The first wall between tenants: a scope that every query needs.

``tenant(id)`` is a **short** transaction in which the product sees one tenant; ``across_tenants(reason)`` one in
which it sees all, logged, for the few parts that are the platform's (reaper, admin internals, migrations).
``TenantModel.objects`` raises outside a scope and filters inside it *when the query is evaluated*, so a queryset
built early (a form field at import) does no harm. The second wall, row level security, reads the same scope from
the transaction-local setting ``app.tenant_id`` (see teams/rls.py); neither wall trusts the other.

Only transaction-local settings are used: a session-level one would leak to other threads through the pool.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.models import sql
from django.db.models.sql.compiler import SQLCompiler

logger = logging.getLogger(__name__)


class TenancyError(Exception):
    """A query or write would cross, or might cross, the border between tenants. Always a programming error."""


class NoTenantScope(TenancyError):
    """A tenant's rows were asked for outside `tenant()` and `across_tenants()`."""


class WrongTenant(TenancyError):
    """A row of one tenant was to be written in the scope of another."""


class ScopeRefused(TenancyError):
    """A scope was opened inside another tenant's scope, or inside a transaction that is not a scope's own."""


@dataclass(frozen=True)
class Scope:
    """What the open transaction of this thread's connection may see: one tenant, or (None) all of them."""

    tenant_id: UUID | None


def current_scope(using: str = DEFAULT_DB_ALIAS) -> Scope | None:
    """Return the scope open on this thread's connection, or None. A scope ends with its transaction."""
    connection = connections[using]
    if not connection.in_atomic_block:
        return None
    scope: Scope | None = getattr(connection, "tenant_scope", None)
    return scope


def required_scope(using: str = DEFAULT_DB_ALIAS) -> Scope:
    """Return the open scope; raise `NoTenantScope` when there is none."""
    scope = current_scope(using)
    if scope is None:
        raise NoTenantScope(
            "open tenancy.tenant(id) around this query, or across_tenants(reason) for the platform's own work"
        )
    return scope


@contextmanager
def tenant(tenant_id: UUID) -> Iterator[None]:
    """Open a short transaction that sees exactly this tenant.

    Nesting the same tenant is a savepoint; another tenant, or a transaction opened elsewhere, raises `ScopeRefused`.
    Keep it short: never across a model call, a tool or a whole request.
    """
    outer = _outer_scope()
    if outer is not None and outer.tenant_id != tenant_id:
        raise ScopeRefused(f"already in the scope of {_name(outer)}; close it before opening tenant {tenant_id}")
    inside = connections[DEFAULT_DB_ALIAS].in_atomic_block
    with transaction.atomic():
        if outer is None:
            _set_local("app.tenant_id", str(tenant_id))
        with _entered(Scope(tenant_id), outer):
            yield
        # A database error swallowed inside must not pass for success: Django would roll back in silence.
        connections[DEFAULT_DB_ALIAS].validate_no_broken_transaction()
        # Our own COMMIT ends the setting; a test's transaction goes on. Reached only on success: after an error
        # ROLLBACK (TO) restores it, and doing it in a `finally` would raise in the aborted transaction and hide the
        # true error.
        if outer is None and inside:
            _set_local("app.tenant_id", "")


@contextmanager
def across_tenants(reason: str) -> Iterator[None]:
    """Open a short transaction that sees every tenant, as the role atb_system. `reason` goes to the log."""
    outer = _outer_scope()
    if outer is not None and outer.tenant_id is not None:
        raise ScopeRefused(f"already in the scope of {_name(outer)}; close it before looking across tenants")
    logger.debug("across tenants: %s", reason)
    inside = connections[DEFAULT_DB_ALIAS].in_atomic_block
    with transaction.atomic():
        if outer is None:
            _execute("SET LOCAL ROLE atb_system")
        with _entered(Scope(None), outer):
            yield
        connections[DEFAULT_DB_ALIAS].validate_no_broken_transaction()
        if outer is None and inside:
            _execute("SET LOCAL ROLE NONE")


def ask(tenant_id: UUID, *questions: tuple[str, list[Any]]) -> list[list[tuple[Any, ...]]]:
    """Ask several questions in SQL in the scope of a tenant, all in one round trip: the rows of each.

    PostgreSQL runs statements that come together as one transaction, which the setting and its end are part of. For
    what is asked very often; row level security stands as ever, and the SQL names the tenant at each table.
    """
    outer = _outer_scope()
    if outer is not None and outer.tenant_id != tenant_id:
        raise ScopeRefused(f"already in the scope of {_name(outer)}; close it before asking as tenant {tenant_id}")
    scope = "SELECT set_config('app.tenant_id', %s, true)"
    # Our own transaction ends the setting; a test's, or an open scope's, goes on with what it had.
    after = [] if not connections[DEFAULT_DB_ALIAS].in_atomic_block else [(scope, [str(tenant_id) if outer else ""])]
    asked = [(scope, [str(tenant_id)]), *questions, *after]
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("; ".join(sql for sql, _ in asked), [value for _, values in asked for value in values])
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
    return found[1 : 1 + len(questions)]


def _outer_scope() -> Scope | None:
    connection = connections[DEFAULT_DB_ALIAS]
    outer = current_scope()
    if outer is None and connection.in_atomic_block and not settings.TENANCY_ALLOW_OUTER_ATOMIC:
        raise ScopeRefused("a scope must be the outermost transaction: it would otherwise outlive its end")
    return outer


@contextmanager
def _entered(scope: Scope, outer: Scope | None) -> Iterator[None]:
    connection = connections[DEFAULT_DB_ALIAS]
    connection.tenant_scope = scope  # type: ignore[attr-defined]
    try:
        yield
    finally:
        connection.tenant_scope = outer  # type: ignore[attr-defined]


def _set_local(name: str, value: str) -> None:
    _execute("SELECT set_config(%s, %s, true)", [name, value])


def _execute(statement: str, params: list[Any] | None = None) -> None:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(statement, params)


def _name(scope: Scope) -> str:
    return "all tenants" if scope.tenant_id is None else f"tenant {scope.tenant_id}"


# --- models -----------------------------------------------------------------------------------------------------------


class TenantQuery(sql.Query):
    """A query that takes on the scope when it is compiled, also as a subquery of another one."""

    def get_compiler(self, using: str | None = None, connection: Any = None, elide_empty: bool = True) -> SQLCompiler:
        scope = required_scope(using or connection.alias)
        scoped: sql.Query = self
        # A combined query (UNION ...) cannot be filtered itself; each of its parts comes through here on its own.
        if scope.tenant_id is not None and not self.combinator:
            scoped = self.chain()
            scoped.add_q(models.Q(tenant_id=scope.tenant_id))
        compiler: SQLCompiler = sql.Query.get_compiler(scoped, using, connection, elide_empty)
        return compiler


_M = TypeVar("_M", bound=models.Model)


class TenantQuerySet(models.QuerySet[_M]):
    """Querysets of tenant rows: refuse to be evaluated outside a scope, see only its tenant inside."""

    def __init__(self, model: type[_M] | None = None, query: Any = None, using: Any = None, hints: Any = None) -> None:
        if query is None and model is not None:
            query = TenantQuery(model)
        super().__init__(model, query, using, hints)

    def update(self, **kwargs: Any) -> int:
        if hasattr(self.model, "history"):
            # It would change rows without a history record, so a version would be lost without a trace.
            raise TypeError(f"{self.model.__name__} is versioned: change rows one by one with save()")
        return models.QuerySet.update(self._in_scope(), **kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        return models.QuerySet.delete(self._in_scope())

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[_M]:
        rows = list(objs)
        for row in rows:
            adopt(row, self.db)
        return super().bulk_create(rows, *args, **kwargs)

    def _in_scope(self) -> Self:
        scope = required_scope(self.db)
        return self if scope.tenant_id is None else self.filter(tenant_id=scope.tenant_id)


def adopt(row: models.Model, using: str = DEFAULT_DB_ALIAS) -> None:
    """Give a new row the scope's tenant; raise `WrongTenant` when it already has another one."""
    scope = required_scope(using)
    if scope.tenant_id is None:
        return
    if row.tenant_id is None:  # type: ignore[attr-defined]
        row.tenant_id = scope.tenant_id  # type: ignore[attr-defined]
    if row.tenant_id != scope.tenant_id:  # type: ignore[attr-defined]
        raise WrongTenant(f"{type(row).__name__} of another tenant cannot be written in the scope of {_name(scope)}")


TenantManager = models.Manager.from_queryset(TenantQuerySet, class_name="TenantManager")


class TenantModel(models.Model):
    """Base of every row a tenant owns. `objects` is scoped; `across_tenants` is not and is for the few places
    listed in tests/contracts/test_unscoped_managers.py. Django's own machinery (saves, cascades, related lookups)
    goes through `across_tenants` too and is held by row level security."""

    tenant = models.ForeignKey("teams.Tenant", on_delete=models.PROTECT, related_name="+", editable=False)

    objects = TenantManager()
    across_tenants = models.Manager()  # noqa: DJ012 - a manager, whatever the rule takes it for

    class Meta:
        abstract = True
        base_manager_name = "across_tenants"

    def save(self, *args: Any, **kwargs: Any) -> None:
        adopt(self, kwargs.get("using") or DEFAULT_DB_ALIAS)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        adopt(self, kwargs.get("using") or DEFAULT_DB_ALIAS)
        return super().delete(*args, **kwargs)
