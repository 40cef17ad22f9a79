"""Lists in pages that stay right while rows come and go: a cursor is the place of a row in the order, not a count."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Model, Q, QuerySet
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from teams.errors import Invalid, Located

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_CURSOR: Final = 500

_BAD_CURSOR: Final = (
    "is not a cursor of this list: follow the links `next` and `previous`, or leave it out for the first page"
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: just after (or, backward, just before) the row with these values of the order's fields."""

    values: tuple[Any, ...]
    backward: bool = False

    def __str__(self) -> str:
        plain = [value.isoformat() if isinstance(value, datetime) else _plain(value) for value in self.values]
        return base64.urlsafe_b64encode(json.dumps([int(self.backward), *plain]).encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of rows, and the cursors of the pages beside it."""

    rows: list[Any]
    next: Cursor | None
    previous: Cursor | None


def page(
    queryset: QuerySet[Any],
    ordering: Sequence[str],
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    *,
    wide: bool = False,
) -> Rows:
    """Read one page. `ordering` names fields that together are unique, "-" before one for falling.

    Evaluates the queryset: call it inside the tenant's scope. Raises `Invalid` at "cursor". Of `wide` rows an index
    says first which are on the page, so that those that a filter leaves out are not read.
    """
    at = _read_cursor(queryset.model, ordering, cursor) if cursor else None
    backward = at is not None and at.backward
    order = [_turned(name) for name in ordering] if backward else list(ordering)
    selected = queryset.filter(_after(order, at.values)) if at else queryset
    ordered = selected.order_by(*(_order_by(name) for name in order))
    if wide:
        found = list(ordered.filter(pk__in=list(ordered.values_list("pk", flat=True)[: limit + 1])))
    else:
        found = list(ordered[: limit + 1])
    more, rows = len(found) > limit, found[:limit]
    if backward:
        rows.reverse()
    before, after = (more, True) if backward else (at is not None, more)
    return Rows(
        rows,
        next=Cursor(_values(rows[-1], ordering)) if rows and after else None,
        previous=Cursor(_values(rows[0], ordering), backward=True) if rows and before else None,
    )


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _order_by(name: str) -> Any:
    field = F(name.removeprefix("-"))
    return field.desc() if name.startswith("-") else field.asc()


def _after(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows behind the given place: a later first field, or the same one and a later second, and so on."""
    name, value = order[0], values[0]
    field, way = name.removeprefix("-"), "lt" if name.startswith("-") else "gt"
    later = Q(**{f"{field}__{way}": value})
    if len(order) == 1:
        return later
    # The first condition alone would do; it is repeated so that the index can be entered at the right place.
    return Q(**{f"{field}__{way}e": value}) & (later | _after(order[1:], values[1:]))


def _values(row: Any, ordering: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name.removeprefix("-")) for name in ordering)


def _read_cursor(model: type[Model], ordering: Sequence[str], text: str) -> Cursor:
    try:
        if len(text) > MAX_CURSOR:
            raise ValueError(text)
        backward, *plain = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if backward not in (0, 1):
            raise ValueError(text)
        pairs = zip(ordering, plain, strict=True)
        values = tuple(_typed(model, name.removeprefix("-"), value) for name, value in pairs)
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError) as error:
        raise Invalid("The cursor is not valid.", errors=[Located(loc="cursor", msg=_BAD_CURSOR)]) from error
    return Cursor(values, backward == 1)


def _typed(model: type[Model], name: str, value: Any) -> Any:
    """The value as the field's type; raises ValueError or TypeError for anything else."""
    kind = model._meta.get_field(name).get_internal_type()
    if kind == "UUIDField":
        return UUID(value)
    if kind == "DateTimeField":
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(value)
        return moment.astimezone(UTC)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise TypeError(value)
    return value


def page_body(request: Request, found: Rows, results: list[dict[str, Any]]) -> dict[str, Any]:
    """`{results, next, previous}` with links to the pages beside this one."""
    return {
        "results": results,
        "next": _link(request, found.next),
        "previous": _link(request, found.previous),
    }


def _link(request: Request, cursor: Cursor | None) -> str | None:
    return replace_query_param(request.build_absolute_uri(), "cursor", str(cursor)) if cursor else None
