"""What happens to a stream that stays open: rights are checked again, proxies are kept awake, nobody stays for ever."""

import asyncio
import secrets

import pytest
from django.db import OperationalError
from django.test import RequestFactory

from executions import follow, live
from teams.access import Actor, ApiKeyAuthentication
from teams.keyring import key_revoke
from teams.models import ApiKey
from teams.tenancy import tenant
from tests.integration.executions.live_runs import LiveRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(settings, monkeypatch):
    settings.REDIS_PREFIX = f"t{secrets.token_hex(4)}"
    monkeypatch.setattr(follow, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.05)


@pytest.fixture
def run(alice):
    return LiveRun(alice).claim()


@pytest.fixture
def request_of_alice(alice):
    return RequestFactory().get("/", headers={"Authorization": f"Bearer {alice.key('executions:read')}"})


def lines(request, run, count):
    """So many pieces of the stream, or all of them when it ends before."""
    found = ApiKeyAuthentication().authenticate(request)
    assert found is not None
    actor: Actor = found[0]

    async def scenario():
        pieces = []
        body = live._body(request, actor, run.id, 0)
        async for piece in body:
            pieces.append(piece)
            if len(pieces) == count:
                break
        await body.aclose()
        return pieces

    return asyncio.run(asyncio.wait_for(scenario(), 10))


def test_silence_is_filled_with_comments(request_of_alice, run):
    assert lines(request_of_alice, run, 4)[2:] == [b": keep-alive\n\n"] * 2


def test_a_revoked_key_ends_the_stream(alice, request_of_alice, run, monkeypatch):
    monkeypatch.setattr(live, "RECHECK_SECONDS", 0)
    with tenant(alice.tenant.id):
        key = ApiKey.objects.get()
    checked = live._admitted

    def revoke_then_check(*args):
        key_revoke(actor=alice.actor, key_id=key.id)
        return checked(*args)

    monkeypatch.setattr(live, "_admitted", revoke_then_check)
    last = lines(request_of_alice, run, 50)[-1]
    assert last.startswith(b"event: end\n")
    assert b"access_lost" in last


def test_a_database_that_is_away_ends_no_stream(request_of_alice, run, monkeypatch):
    monkeypatch.setattr(live, "RECHECK_SECONDS", 0)

    def away(*_):
        raise OperationalError("away")

    monkeypatch.setattr(live, "_admitted", away)
    assert lines(request_of_alice, run, 5)[-1] == b": keep-alive\n\n"


def test_rows_that_cannot_be_read_are_waited_for(run, monkeypatch):
    monkeypatch.setattr(follow, "LOOK_SECONDS_ALONE", 0.05)
    read, failures = follow.read_events, [OperationalError("away")] * 3
    run.finish()

    def away_at_first(*args):
        if failures:
            raise failures.pop()
        return read(*args)

    monkeypatch.setattr(follow, "read_events", away_at_first)
    assert asyncio.run(asyncio.wait_for(run.events(), 5))[-1].name == "end"


def test_after_half_an_hour_the_client_is_asked_to_come_again(request_of_alice, run, monkeypatch):
    monkeypatch.setattr(live, "LONGEST_SECONDS", 0)
    pieces = lines(request_of_alice, run, 50)
    assert pieces[-1] == b'event: reconnect\ndata: {"reason":"longest_time"}\n\n'
    assert pieces[-2].startswith(b"id: 1\nevent: status\n"), "what is told has been told before"


def test_a_line_break_in_a_text_stays_inside_its_event():
    event = follow.Event("token", {"text": "a\n\nevent: end\n\r\u2028"})
    assert live.sse(event).count(b"\n") == 3
