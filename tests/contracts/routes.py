"""Every address of the product, read from Django's resolver, with the methods, queries and bodies each one takes.

Bodies and queries of the API come from the OpenAPI document, so a new route is tried with its own example. What is not
known here is an error that says what to add, never a route left out.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tests.contracts.document import document
from tests.contracts.world import Rows

_PLACE = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
_ADMIN_MODEL = re.compile(r"admin/(\w+)/(\w+)/")
_HANDLERS = ("get", "post", "put", "patch", "delete")

CONSTANT = {"version": "1", "name": "search", "app_label": "teams", "url": "nothing-here/"}
"""Parameters that name nothing of a tenant's."""

_NOW = datetime.now(UTC)
REQUIRED_QUERY = {
    "target_version": "1",
    "a": "1",
    "b": "2",
    "from": (_NOW - timedelta(days=1)).date().isoformat(),
    "to": (_NOW + timedelta(days=1)).date().isoformat(),
}
"""Query parameters without which a route answers 400 before it looks anything up."""

ADMIN_QUERY = {
    "admin/autocomplete/": ["app_label=executions&model_name=execution&field_name=team&term="],
}


@dataclass(frozen=True)
class Route:
    """One address."""

    pattern: str
    callback: Callable[..., Any]

    def __str__(self) -> str:
        return self.pattern

    @property
    def parameters(self) -> list[str]:
        return [name for pair in _PLACE.findall(self.pattern) for name in pair if name]

    @property
    def is_admin(self) -> bool:
        return self.pattern.startswith("admin/")

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.callback)

    @property
    def model(self) -> str | None:
        """The model an admin address is about."""
        found = _ADMIN_MODEL.match(self.pattern)
        return f"{found[1]}.{found[2]}" if found else None

    @property
    def is_changelist(self) -> bool:
        """Whether this is the admin's list of a model."""
        return self.is_admin and getattr(self.callback, "__name__", "") == "changelist_view"

    @property
    def methods(self) -> list[str]:
        view = getattr(self.callback, "cls", None) or getattr(self.callback, "view_class", None)
        if view is None:
            return ["GET", "POST"]
        return [name.upper() for name in _HANDLERS if hasattr(view, name)]

    @property
    def is_paged(self) -> bool:
        """Whether GET takes a cursor."""
        shape = getattr(getattr(self.callback, "cls", None), "queries", {}).get("GET")
        return shape is not None and "cursor" in shape.model_fields

    @property
    def required_query(self) -> str:
        """`&name=value` for each query parameter without which GET answers 400."""
        fields = getattr(getattr(self.callback, "cls", None), "queries", {})["GET"].model_fields
        names = [field.alias or name for name, field in fields.items() if field.is_required()]
        return "".join(f"&{name}={REQUIRED_QUERY[name]}" for name in names)

    @property
    def has_place_for_an_id(self) -> bool:
        return bool(set(self.parameters) - CONSTANT.keys())

    def path(self, rows: Rows) -> str:
        """The address asking for these rows. Fails for a parameter that nobody has explained yet."""

        def fill(match: re.Match[str]) -> str:
            return self._value(match[1] or match[2], rows)

        return "/" + _PLACE.sub(fill, self.pattern).replace("^", "").replace("$", "")

    def _value(self, name: str, rows: Rows) -> str:
        if name in CONSTANT:
            return CONSTANT[name]
        if name in {"object_id", "id"} and self.model in rows.by_model:
            return rows.by_model[self.model]
        if self.pattern.startswith("admin/r/"):
            return {"content_type_id": "1", "object_id": rows.by_parameter["team_id"]}[name]
        if name in rows.by_parameter:
            return rows.by_parameter[name]
        raise AssertionError(
            f"{self.pattern}: how is <{name}> to be filled? Add a row and its parameter to tests/contracts/world.py,"
            " or, if it names nothing of a tenant's, to CONSTANT in tests/contracts/routes.py"
        )

    # --- what is sent -------------------------------------------------------------------------------------------------

    def queries(self, method: str, rows: Rows) -> list[str]:
        """Query strings to be tried: without, and with every parameter that names a row."""
        if self.is_admin:
            return ["", *ADMIN_QUERY.get(self.pattern, [])]
        wanted = {
            parameter["name"]: self._query_value(parameter, rows)
            for parameter in self._operation(method).get("parameters", [])
            if parameter["in"] == "query" and self._query_value(parameter, rows) is not None
        }
        plain = {name: value for name, value in wanted.items() if name in REQUIRED_QUERY}
        return list(dict.fromkeys("&".join(f"{k}={v}" for k, v in some.items()) for some in (plain, wanted)))

    def _query_value(self, parameter: dict[str, Any], rows: Rows) -> str | None:
        name = parameter["name"]
        if name in REQUIRED_QUERY:
            return REQUIRED_QUERY[name]
        if name == "object_id":
            return rows.by_parameter["team_id"]
        if name in rows.by_parameter:
            return rows.by_parameter[name]
        assert parameter["schema"].get("format") != "uuid", f"{self.pattern}: how is ?{name}= to be filled?"
        assert not parameter.get("required"), f"{self.pattern}: add ?{name}= to REQUIRED_QUERY"
        return None

    def body(self, method: str, rows: Rows) -> Any:
        """The documented example, with every id in it replaced by one of these rows."""
        content = self._operation(method).get("requestBody", {}).get("content", {})
        examples = content.get("application/json", {}).get("examples", {})
        example = next(iter(examples.values()), {}).get("value", {})
        return _named(example, rows)

    def _operation(self, method: str) -> dict[str, Any]:
        if self.is_admin:
            return {}
        path = "/" + _PLACE.sub(lambda match: "{" + (match[1] or match[2]) + "}", self.pattern)
        operation: dict[str, Any] = document()["paths"].get(path, {}).get(method.lower(), {})
        return operation


def _named(value: Any, rows: Rows) -> Any:
    if isinstance(value, dict):
        return {
            key: rows.by_parameter[key] if key in rows.by_parameter and key != "role" else _named(inner, rows)
            for key, inner in value.items()
        }
    return [_named(inner, rows) for inner in value] if isinstance(value, list) else value


def all_routes() -> list[Route]:
    """Every address, in the resolver's order."""
    return list(_walk(get_resolver(), ""))


def _walk(resolver: URLResolver, before: str) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield Route(before + str(pattern.pattern), pattern.callback)
        else:
            yield from _walk(pattern, before + str(pattern.pattern))
