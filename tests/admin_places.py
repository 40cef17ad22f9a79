"""All addresses of the admin, read from its own resolver: a new one is in every walk, or fails it."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.urls import URLResolver

from teams.tenancy import TenantModel, across_tenants, tenant

ACCOUNT: Final = {"account", "password_change", "password_change_done", "jsi18n", "switch_tenant", "logout"}
"""Pages of the site about the account itself: they need no tenant."""

OF_A_TENANT: Final = {"index", "search", "autocomplete", "app_list", "anything else"}
"""The site's other pages, which belong to no model."""

ANYBODY: Final = {"login"}

PLATFORM: Final = {"tenant", "user", "worker"}

_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_EXPRESSIONS: Final = {"app_list": ["teams/", "agents/", "executions/", "auth/"], "anything else": ["no/such/page/"]}
_ASKED_WITH: Final = {
    "search": ["?s={word}&extended=1", "?s={word}"],
    "autocomplete": [
        "?app_label=executions&model_name=execution&field_name=team&term=",
        "?app_label=executions&model_name=delivery&field_name=webhook&term=",
        "?app_label=teams&model_name=membership&field_name=user&term=",
    ],
}
"""Pages that show nothing unless asked something."""


class Place(NamedTuple):
    """An address: of a model's pages or ("") the site's, with its name and the id of the row that is in it, if any."""

    model: str
    name: str
    path: str
    row_id: str = ""

    @property
    def is_account(self) -> bool:
        return not self.model and self.name in ACCOUNT


def places(rows: dict[str, Any], word: str = "x") -> list[Place]:
    """Every address of the admin, with the ids of these rows. What is in no list above fails here."""
    patterns: Any = admin.site.urls[0]
    return [place for place in _found(patterns, "", rows, word) if place.name not in ANYBODY]


def _found(patterns: Any, before: str, rows: dict[str, Any], word: str) -> Iterator[Place]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _found(pattern.url_patterns, before + str(pattern.pattern), rows, word)
        elif before:
            yield _of_model(before, pattern, rows)
        else:
            yield from _of_site(pattern, word)


def _of_model(before: str, pattern: Any, rows: dict[str, Any]) -> Place:
    model = before.split("/")[1]
    row_id, route = str(rows[model].pk), str(pattern.pattern)
    values = {"object_id": row_id, "id": row_id, "version": "1", "team_id": str(rows["team"].pk)}
    if "team_id" in route:
        row_id = values["team_id"]
    path = "/admin/" + before + _PARAMETER.sub(lambda found: values[found[1]], route)
    return Place(model, pattern.name or "short", path, row_id if _PARAMETER.search(route) else "")


def _of_site(pattern: Any, word: str) -> Iterator[Place]:
    name = pattern.name or "anything else"
    assert name in ACCOUNT | OF_A_TENANT | ANYBODY, (
        f"/admin/{pattern.pattern} is new: say in {__name__} whose page it is"
    )
    routes = _EXPRESSIONS[name] if name in _EXPRESSIONS else [str(pattern.pattern)]
    for route in routes:
        assert not _PARAMETER.search(route), f"/admin/{route}: say in {__name__} what to fill in"
        yield Place("", name, f"/admin/{route}")
        for query in _ASKED_WITH.get(name, ()):
            yield Place("", name, f"/admin/{route}{query.format(word=word)}")


def stored(tenant_id: Any = None) -> dict[str, Any]:
    """What every table of the product holds, of one tenant or of all, as (rows, a sum over their text)."""
    scope = tenant(tenant_id) if tenant_id else across_tenants("a test compares")
    of_tenant = [
        model for model in apps.get_models() if issubclass(model, TenantModel) or hasattr(model, "instance_type")
    ]
    others = [] if tenant_id else [User, apps.get_model("teams", "Tenant"), apps.get_model("executions", "Worker")]
    found = {}
    with scope, connection.cursor() as cursor:
        for model in (*of_tenant, *others):
            table = model._meta.db_table
            cursor.execute(f'SELECT count(*), sum(hashtextextended(t::text, 0)) FROM "{table}" t')
            found[table] = cursor.fetchone()
    return found
