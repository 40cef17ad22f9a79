"""Every address x method x {own, foreign, missing} as Charlie of globex, against a tenant whose every text is marked.

Foreign and missing must answer alike, to the letter but for the id that was asked for; no text and no other id of
acme's may appear anywhere; and nothing of acme's may change. New addresses are covered by being in the resolver.
"""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.core.signing import Signer
from django.db import transaction
from django.http import HttpResponseBase
from django.test import AsyncClient, Client

from teams.adminbase import TENANT_FIELD
from tests.conftest import _empty_tables
from tests.contracts import leaky
from tests.contracts.routes import Route, all_routes
from tests.contracts.world import MARKER, OWN, Rows, build, fingerprint, missing, number_from, user_of

PUBLIC = {
    "": "sends people on to the admin",
    "health/live": "probed by the platform",
    "health/ready": "probed by the platform",
    "health/full": "says which service is away, nothing of a tenant",
    "metrics": "not there unless switched on; counts, and tenants' slugs only where an operator asked for them",
    "api/schema/": "the OpenAPI document",
    "api/docs/": "the documentation page",
    "admin/login/": "where people sign in",
}
"""Addresses that answer to anybody."""

PLATFORM = {"teams.tenant", "auth.user", "executions.worker"}
"""Models without a tenant: their pages are for superusers."""

TAKEN = {("teams", "POST"), ("execute", "POST")}
"""The one named exception from "foreign and missing answer alike": an upsert with an id taken elsewhere is a 409, a
free id makes the team. Without a body they are like all others."""

MAKES = {("api/v1/templates/<path:role>", "PUT"): "makes what is not there; roles are each tenant's own names"}
"""Where own and missing answer alike."""

ROUTES = all_routes()
_IDS = [route.pattern for route in ROUTES]
_METHODS = [(route, method) for route in ROUTES for method in route.methods]
_METHOD_IDS = [f"{method} {route.pattern}" for route, method in _METHODS]

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_VOLATILE = re.compile(
    rf'name="csrfmiddlewaretoken" value="\w+"|{_UUID}|[0-9a-f]{{64}}|tb_live_[\w-]+|whsec_[\w+/=]+|"prefix":"\w+"'
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z"
)
"""What differs between two answers to the same request: what is made anew, and the time."""


@dataclass(frozen=True)
class World:
    """acme is looked at, globex looks. `before`: acme's rows as they must stay."""

    acme: Rows
    globex: Rows
    nobody: Rows
    before: list[tuple[str, str]]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Both tenants, committed once for all tests of this file."""
    with django_db_blocker.unblock():
        number_from(76_000_000)
        globex, acme = build("globex-5e1d", OWN), build("acme-7f3a", MARKER)
        yield World(acme, globex, missing(acme), fingerprint(_id(acme)))
        _empty_tables()


@pytest.fixture(autouse=True)
def _quick(settings: Any, world: World) -> None:
    settings.EXECUTE_WAIT_SECONDS = 0


def _id(rows: Rows) -> UUID:
    tenant_id: UUID = rows.who.tenant.id
    return tenant_id


@dataclass(frozen=True)
class Answer:
    """What came back, and acme's rows after it when that was asked for."""

    status: int
    headers: dict[str, str]
    text: str
    after: list[tuple[str, str]] | None = None

    def without(self, rows: Rows) -> "Answer":
        """The same answer with the ids that were asked for, and what is new each time, replaced by one word."""
        headers = {name: _blank(value, rows) for name, value in self.headers.items()}
        return Answer(self.status, headers, _blank(self.text, rows))


def _blank(text: str, rows: Rows) -> str:
    for value in sorted({*rows.by_parameter.values(), *rows.by_model.values()}, key=len, reverse=True):
        text = text.replace(value, "ID")
    return _VOLATILE.sub("NEW", text)


@dataclass(frozen=True)
class Ask:
    """One request, sent by `send()`, which undoes whatever it did."""

    route: Route
    method: str
    who: Rows | None
    rows: Rows
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    with_body: bool = True
    watched: Any = None

    def send(self) -> Answer:
        with transaction.atomic():
            response = self._response()
            kept = {name: response.headers[name] for name in ("Location", "ETag", "Allow") if name in response.headers}
            text = _text(response)
            after = fingerprint(self.watched) if self.watched else None
            transaction.set_rollback(True)
        return Answer(response.status_code, kept, text, after)

    def _response(self) -> HttpResponseBase:
        path = self.route.path(self.rows) + (f"?{self.query}" if self.query else "")
        return self._admin(path) if self.route.is_admin else self._api(path)

    def _admin(self, path: str) -> HttpResponseBase:
        client = Client()
        if self.who:
            client.force_login(user_of(self.who), backend="teams.adminbase.PasswordBackend")
        form = _form(self.who, self.rows)
        return client.generic(self.method, path, form, "application/x-www-form-urlencoded")

    def _api(self, path: str) -> HttpResponseBase:
        key = {"Authorization": f"Bearer {self.who.key}"} if self.who else {}
        headers = {**key, **self.headers}
        if self.route.is_async:
            return async_to_sync(_stream)(self.method, path, headers)
        sends = self.with_body and self.method != "GET"
        body = json.dumps(self.route.body(self.method, self.rows)) if sends else ""
        return Client().generic(self.method, path, body, "application/json", headers=headers)


async def _stream(method: str, path: str, headers: dict[str, str]) -> HttpResponseBase:
    response = await AsyncClient().generic(method, path, headers=headers)
    if response.streaming:
        response.collected = b"".join([part async for part in response.streaming_content])
    return response


def _form(who: Rows | None, rows: Rows) -> str:
    """A form that names parents of the other tenant wherever a field might take one."""
    fields = {
        "team": rows.by_model["teams.team"], "execution": rows.by_model["executions.execution"],
        "tenant": str(rows.by_model["teams.tenant"]), "user": rows.by_model["auth.user"], "post": "yes", "reason": "x",
    }  # fmt: skip
    if who:
        fields[TENANT_FIELD] = Signer(salt="teams.adminbase.tenant").sign(str(who.who.tenant.id))
    return "&".join(f"{name}={value}" for name, value in fields.items())


def _text(response: Any) -> str:
    collected = getattr(response, "collected", None)
    if collected is None:
        collected = b"".join(response.streaming_content) if response.streaming else response.content
    return bytes(collected).decode()


def difference(one: Answer, other: Answer) -> list[str]:
    """What tells two answers apart, short enough to be read in a failure."""
    pieces = [
        [str(answer.status), *map(str, sorted(answer.headers.items())), *re.split(r"(?<=[>,])", answer.text)]
        for answer in (one, other)
    ]
    return [line for line in difflib.ndiff(*pieces) if line[0] in "-+"][:20]


def leaks(answer: Answer, world: World, asked: Rows) -> list[str]:
    """Texts of acme's in an answer, and ids of acme's that were not asked for."""
    everything = answer.text + json.dumps(answer.headers)
    for value in {*asked.by_parameter.values(), *asked.by_model.values()}:
        everything = everything.replace(value, "")
    ids = {*world.acme.by_parameter.values(), *world.acme.by_model.values()}
    return [text for text in (MARKER, *(i for i in ids if len(i) > 20)) if text in everything]


# --- the matrix -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES, ids=_IDS)
def test_every_parameter_of_an_address_is_known(world, route):
    for rows in (world.acme, world.globex, world.nobody):
        assert "<" not in route.path(rows)


@pytest.mark.parametrize(("route", "method"), _METHODS, ids=_METHOD_IDS)
def test_foreign_and_missing_answer_alike_and_nothing_leaks(world, route, method):
    queries = zip(route.queries(method, world.acme), route.queries(method, world.nobody), strict=True)
    for foreign_query, query in queries:
        with_body = (route.pattern, method) not in TAKEN
        foreign = Ask(
            route,
            method,
            world.globex,
            world.acme,
            foreign_query,
            with_body=with_body,
            watched=world.acme.who.tenant.id,
        ).send()
        nothing = Ask(route, method, world.globex, world.nobody, query, with_body=with_body).send()
        assert leaks(foreign, world, world.acme) == []
        assert difference(foreign.without(world.acme), nothing.without(world.nobody)) == []
        assert foreign.after == world.before
        assert foreign.status < 500 or route.pattern in PUBLIC


@pytest.mark.parametrize(("route", "method"), _METHODS, ids=_METHOD_IDS)
def test_own_rows_are_answered_without_a_word_of_acme(world, route, method):
    for query in route.queries(method, world.globex):
        answer = Ask(route, method, world.globex, world.globex, query).send()
        assert leaks(answer, world, world.globex) == []
        assert answer.status < 500 or route.pattern in PUBLIC


_WITH_IDS = [
    (route, method)
    for route, method in _METHODS
    if route.has_place_for_an_id and not route.is_admin and (route.pattern, method) not in MAKES
]


@pytest.mark.parametrize(("route", "method"), _WITH_IDS, ids=[f"{m} {r.pattern}" for r, m in _WITH_IDS])
def test_the_matrix_asks_for_something_that_is_there(world, route, method):
    """Sharpness: were the ids wrong, everything would be missing and all of the above pass."""
    own = Ask(route, method, world.globex, world.globex, route.queries(method, world.globex)[0]).send()
    nothing = Ask(route, method, world.globex, world.nobody, route.queries(method, world.nobody)[0]).send()
    assert own.status not in {400, 404, 415}
    assert own.without(world.globex) != nothing.without(world.nobody)


_PAGES = [r for r in ROUTES if r.is_admin and r.pattern.endswith("/change/")]


@pytest.mark.parametrize("route", _PAGES, ids=[route.pattern for route in _PAGES])
def test_an_admin_page_shows_the_own_row_and_the_platforms_pages_to_superusers_alone(world, route):
    wanted = 403 if route.model in PLATFORM else 200
    assert Ask(route, "GET", world.globex, world.globex).send().status == wanted


_PRIVATE = [(route, method) for route, method in _METHODS if route.pattern not in PUBLIC]


@pytest.mark.parametrize(("route", "method"), _PRIVATE, ids=[f"{m} {r.pattern}" for r, m in _PRIVATE])
def test_nobody_gets_in_without_a_key_or_session(world, route, method):
    answer = Ask(route, method, None, world.acme, route.queries(method, world.acme)[0]).send()
    assert answer.status in {401, 403, 302}
    if answer.status == 302:
        # Signing out needs no session: it leads to the front page, which asks to sign in.
        assert answer.headers["Location"].startswith("/admin/login/" if "logout" not in route.pattern else "/admin/")
    assert leaks(answer, world, world.acme) == []


def test_no_reason_is_left_for_an_address_that_is_gone():
    assert PUBLIC.keys() <= set(_IDS)
    assert {pattern for pattern, _method in (*TAKEN, *MAKES)} <= set(_IDS)


# --- what a single request cannot show --------------------------------------------------------------------------------


def _route(pattern: str) -> Route:
    return next(route for route in ROUTES if route.pattern == pattern)


@pytest.mark.parametrize("pattern", sorted(pattern for pattern, _method in TAKEN))
def test_an_id_taken_elsewhere_is_a_conflict_and_a_free_one_is_made(world, pattern):
    route, watched = _route(pattern), _id(world.acme)
    taken = f"team_id={world.acme.by_parameter['team_id']}"
    free = f"team_id={world.nobody.by_parameter['team_id']}"
    foreign = Ask(route, "POST", world.globex, world.acme, taken, watched=watched).send()
    assert foreign.status == 409
    assert leaks(foreign, world, world.acme) == []
    assert foreign.after == world.before
    assert Ask(route, "POST", world.globex, world.nobody, free).send().status in {201, 202}


_LISTS = [route for route in ROUTES if route.is_paged]


@pytest.mark.parametrize("route", _LISTS, ids=[route.pattern for route in _LISTS])
def test_another_tenants_cursor_leads_to_own_rows(world, route):
    page = json.loads(Ask(route, "GET", world.acme, world.acme, f"limit=1{route.required_query}").send().text)
    assert page["next"], f"the world has one row of {route}: add more in tests/contracts/world.py"
    answer = Ask(route, "GET", world.globex, world.globex, page["next"].partition("?")[2]).send()
    assert answer.status in {200, 400}
    assert leaks(answer, world, world.globex) == []


def test_another_tenants_idempotency_key_is_free(world):
    route = _route("api/v1/teams/<id:team_id>/execute")
    header = {"Idempotency-Key": world.acme.idempotency_key}
    answer = Ask(route, "POST", world.globex, world.globex, headers=header).send()
    assert answer.status == 202
    assert world.acme.by_parameter["execution_id"] not in answer.text
    assert leaks(answer, world, world.globex) == []


_SEARCHES = [r for r in ROUTES if r.is_changelist and r.model not in PLATFORM]


@pytest.mark.parametrize("route", _SEARCHES, ids=str)
def test_searching_for_anothers_texts_finds_nothing(world, route):
    """A page shows the words it searched for, so another tenant's are compared with nobody's."""
    found = Ask(route, "GET", world.globex, world.globex, f"q={MARKER}").send().without(world.globex)
    nothing = Ask(route, "GET", world.globex, world.globex, "q=NOBODYS-SECRET-WORD").send().without(world.globex)
    assert found.text.replace(MARKER, "WORD") == nothing.text.replace("NOBODYS-SECRET-WORD", "WORD")


# --- that the matrix can fail -----------------------------------------------------------------------------------------


@pytest.mark.urls("tests.contracts.leaky")
def test_an_answer_with_anothers_text_is_reported(world):
    route = Route("leaky/<uuid:team_id>", leaky.show)
    foreign = Ask(route, "GET", world.globex, world.acme).send()
    nothing = Ask(route, "GET", world.globex, world.nobody).send()
    assert leaks(foreign, world, world.acme) == [MARKER]
    assert "- 200" in difference(foreign.without(world.acme), nothing.without(world.nobody))


@pytest.mark.urls("tests.contracts.leaky")
def test_a_change_to_anothers_row_is_reported(world):
    changed = Ask(Route("leaky/<uuid:team_id>", leaky.show), "POST", world.globex, world.acme, watched=_id(world.acme))
    assert changed.send().after != world.before


def test_a_parameter_nobody_has_explained_is_reported(world):
    with pytest.raises(AssertionError, match="how is <secret_id> to be filled"):
        Route("secrets/<id:secret_id>", leaky.show).path(world.acme)
