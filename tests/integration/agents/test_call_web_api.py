"""Call_Web_API against a real server: the tenant's hosts and credential, what is shown, when a person is asked."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from agents.models import ToolCredential
from agents.tools import CATALOGUE, Switch, ToolError, ToolResult, call, web
from agents.tools.web import call_web_api
from teams import secrets
from teams.postgresql import outage
from teams.tenancy import tenant
from tests.factories import Person
from tests.unit.outbound.server import LocalServer, hangs_up, plain
from tests.unit.tools.journal import EffectUnknown, MemorySteps, context

KEY = "s3cr3t-value-of-acme"


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    with LocalServer() as running:
        settings.OUTBOUND_ALLOW = [running.pair]
        yield running


def ran(who: Person, server: LocalServer, path: str = "/", *, hosts: Any = None, **arguments: Any) -> ToolResult:
    """Run the tool in this thread, which sees the test's rows."""
    where = context(
        "Call_Web_API", tenant_id=who.tenant.id, settings={"allowed_hosts": [server.pair] if hosts is None else hosts}
    )
    values = call_web_api.arguments.model_validate({"url": server.url + path, **arguments})
    return call_web_api.run(where, values)


def error(who: Person, server: LocalServer, **arguments: Any) -> ToolError:
    with pytest.raises(ToolError) as raised:
        ran(who, server, **arguments)
    return raised.value


def credential(who: Person, host: str) -> None:
    with tenant(who.tenant.id):
        row = ToolCredential(tool="Call_Web_API", name="crm", hosts=[host], header="Authorization", scheme="Bearer")
        row.tenant_id = who.tenant.id
        secrets.seal_into(row, "value", KEY)
        row.save()


def test_json_is_read(alice: Person, server: LocalServer) -> None:
    server.reply = plain('{"temperature": 21}', content_type="application/json")

    result = ran(alice, server, "/weather?city=Ulm")

    assert result.ok
    assert result.content.splitlines() == ["HTTP 200", "content-type: application/json", "", '{"temperature": 21}']
    assert server.asked[0].path == "/weather?city=Ulm"
    assert "idempotency-key" not in server.asked[0].headers


def test_nothing_is_allowed_at_first(alice: Person, server: LocalServer) -> None:
    failure = error(alice, server, hosts=[])

    assert failure.code == "host_not_allowed"
    assert "PATCH /api/v1/tools/Call_Web_API" in failure.message
    assert server.asked == []


def test_other_hosts_are_not_called(alice: Person, server: LocalServer) -> None:
    failure = error(alice, server, hosts=["api.example.com"])

    assert (failure.code, server.asked) == ("host_not_allowed", [])
    assert "api.example.com" in failure.message


def test_a_write_carries_a_key_that_stays_the_same(alice: Person, server: LocalServer) -> None:
    for _ in range(2):
        ran(alice, server, method="POST", body={"name": "Ünal"})

    asked = server.asked[0]
    assert (json.loads(asked.body), asked.headers["content-type"]) == ({"name": "Ünal"}, "application/json")
    key = hashlib.sha256(b"run:r1/Critic/llm0/tool0:0").hexdigest()
    assert [one.headers["idempotency-key"] for one in server.asked] == [key, key]


def test_the_tenants_credential_is_sent_and_never_shown(alice: Person, charlie: Person, server: LocalServer) -> None:
    credential(alice, server.pair)
    server.reply = plain(f'you sent "Bearer {KEY}", {KEY}')

    result = ran(alice, server)

    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in result.content
    ran(charlie, server)
    assert "authorization" not in server.asked[1].headers


def test_a_database_that_is_away_is_waited_for(alice: Person, server: LocalServer, monkeypatch: Any) -> None:
    credential(alice, server.pair)
    really, failures = web.credential_for, [OperationalError("the server closed the connection")]

    def away_once(*asked: Any) -> Any:
        if failures:
            raise failures.pop()
        return really(*asked)

    monkeypatch.setattr(outage, "RECONNECT_SECONDS", 0.0)
    monkeypatch.setattr(web, "credential_for", away_once)
    assert ran(alice, server).ok
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_database_that_stays_away_is_told_to_the_agent(alice: Person, server: LocalServer, monkeypatch: Any) -> None:
    def away(*_asked: Any) -> Any:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(outage, "RECONNECT_SECONDS", 60.0)
    monkeypatch.setattr(web, "credential_for", away)
    failure = error(alice, server, method="POST")
    assert (failure.code, failure.retryable, failure.effect_unknown) == ("database_away", True, False)
    assert server.asked == []


def test_a_credential_is_not_sent_unencrypted(alice: Person, server: LocalServer, settings: Any) -> None:
    credential(alice, server.pair)
    settings.OUTBOUND_ALLOW = []

    assert (error(alice, server).code, server.asked) == ("not_encrypted", [])


@pytest.mark.parametrize("name", ["Authorization", "cookie", "X-API-Key", "X-Auth-Token", "Idempotency-Key"])
def test_an_agent_sends_no_credentials(alice: Person, server: LocalServer, name: str) -> None:
    assert error(alice, server, headers={name: "x"}).code == "bad_arguments"


def test_statuses_are_told(alice: Person, server: LocalServer) -> None:
    server.reply = plain("no such thing", 404)
    missing = ran(alice, server)
    server.reply = plain("", 302, location="http://169.254.169.254/")
    moved = ran(alice, server)

    assert (missing.ok, missing.code, "no such thing" in missing.content) == (False, "http_error", True)
    assert (moved.ok, moved.code, "not followed" in moved.content) == (False, "redirect", True)


def test_what_is_neither_json_nor_text_is_not_shown(alice: Person, server: LocalServer) -> None:
    server.reply = plain("GIF89a", content_type="image/gif")

    assert "GIF89a" not in ran(alice, server).content


def test_other_alphabets_are_read(alice: Person, server: LocalServer) -> None:
    server.reply = plain("naïve", content_type="text/plain; charset=utf-8")
    assert "naïve" in ran(alice, server).content
    server.reply = plain("plain", content_type="text/plain; charset=klingon")
    assert "plain" in ran(alice, server).content


@pytest.mark.parametrize(("method", "asks"), [("GET", False), ("HEAD", False), ("POST", True), ("DELETE", True)])
def test_all_but_reading_asks_a_person(method: str, asks: bool) -> None:
    steps = MemorySteps(recorded=ToolResult("recorded"))
    call(
        context("Call_Web_API"), "Call_Web_API", {"url": "https://a.example/", "method": method}, steps,
        switches=lambda *_: Switch(),
    )  # fmt: skip

    assert steps.begun is not None
    assert (steps.begun[2], steps.begun[0].repeatable) == (asks, not asks)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "unknown"), [("GET", False), ("POST", True)])
def test_a_write_without_an_answer_is_unknown(alice: Person, server: LocalServer, method: str, unknown: bool) -> None:
    server.reply = hangs_up
    steps, switch = MemorySteps(), Switch(settings={"allowed_hosts": [server.pair]})

    def ask() -> ToolResult:
        where = context("Call_Web_API", tenant_id=alice.tenant.id)
        return call(
            where, "Call_Web_API", {"url": server.url, "method": method}, steps, switches=lambda *_: switch
        )  # fmt: skip

    if unknown:
        with pytest.raises(EffectUnknown):
            ask()
    else:
        assert ask().code == "broken"
    assert CATALOGUE["Call_Web_API"].effects == "external"
