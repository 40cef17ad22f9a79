"""Limits of requests: by key or user, by tenant, and of bad keys by address. With Redis away nothing is refused."""

import logging
import math
import re
import secrets
import socket
import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from rest_framework.test import APIClient

from teams import keys, rates, strangers
from tests import factories
from tests.integration.executions.live_runs import own_redis

pytestmark = pytest.mark.django_db

URL = "/api/v1/teams"


@pytest.fixture(autouse=True)
def limits(settings: Any) -> Any:
    """Small limits, in buckets of this test's own."""
    settings.REDIS_PREFIX = f"t{secrets.token_hex(4)}"
    settings.RATE_LIMIT_PER_KEY, settings.RATE_LIMIT_PER_TENANT, settings.RATE_LIMIT_BAD_KEYS = 3, 5, 3
    strangers.forget()
    yield settings
    strangers.forget()


def statuses(client: APIClient, times: int, url: str = URL) -> list[int]:
    return [client.get(url).status_code for _ in range(times)]


def test_a_key_has_so_many_requests_a_minute(api: Any, alice: Any) -> None:
    client = api(alice)
    assert statuses(client, 4) == [200, 200, 200, 429]
    answer = client.get(URL)
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "Too many requests"
    assert "3 requests a minute" in answer.json()["detail"]
    assert 0 < int(answer["Retry-After"]) <= 20


def test_answers_tell_what_is_left(api: Any, alice: Any) -> None:
    client = api(alice)
    first = client.get(URL)
    assert first["RateLimit-Policy"] == '"key";q=3;w=60, "tenant";q=5;w=60'
    assert first["RateLimit"] == '"key";r=2;t=20, "tenant";r=4;t=12'
    statuses(client, 2)
    refused = client.get(URL)
    assert re.match(r'"key";r=0;t=(60|59), "tenant";r=2', refused["RateLimit"])


def test_a_refused_request_is_not_counted(api: Any, alice: Any) -> None:
    client = api(alice)
    statuses(client, 20)
    assert int(client.get(URL)["Retry-After"]) <= 20


def test_keys_have_buckets_of_their_own_and_a_tenant_has_one(api: Any, alice: Any, charlie: Any) -> None:
    one, other = api(alice), api(alice)
    assert statuses(one, 3) == [200] * 3
    assert statuses(other, 3) == [200, 200, 429]
    assert "your tenant's 5 requests" in other.get(URL).json()["detail"]
    assert statuses(api(charlie), 3) == [200] * 3


def test_it_fills_up_again(api: Any, alice: Any, limits: Any) -> None:
    limits.RATE_LIMIT_PER_KEY, limits.RATE_LIMIT_PER_TENANT = 300, 0
    client = api(alice)
    bucket = rates.Bucket("key", f"{limits.REDIS_PREFIX}:full", 300)
    # It fills while it is emptied: the 301st finds room when the first 300 took longer than a fifth of a second.
    waits = (rates.counter().take([bucket]).wait for _ in range(2000))
    wait = next(wait for wait in waits if wait is not None)
    time.sleep(wait + 0.01)
    assert rates.counter().take([bucket]).wait is None
    assert client.get(URL).status_code == 200


@pytest.mark.parametrize(
    ("method", "url"), [("get", "/api/v1/me"), ("post", "/build"), ("post", "/api/v1/executions"), ("options", URL)]
)
def test_whatever_becomes_of_it_a_request_counts(api: Any, alice: Any, method: str, url: str) -> None:
    client = api(alice, "teams:read")
    answers = [getattr(client, method)(url).status_code for _ in range(4)]
    assert 429 not in answers[:3]
    assert answers[3] == 429


def test_a_signed_in_user_is_counted_whatever_the_session(alice: Any, bob: Any) -> None:
    for _ in range(3):
        client = APIClient()
        client.force_login(alice.user)
        assert client.get(URL).status_code == 200
    assert client.get(URL).status_code == 429
    client.force_login(bob.user)
    assert client.get(URL).status_code == 200


def test_health_is_never_refused(alice: Any) -> None:
    assert {Client().get("/health/live").status_code for _ in range(10)} == {200}


def test_no_limit(api: Any, alice: Any, limits: Any) -> None:
    limits.RATE_LIMIT_PER_KEY = limits.RATE_LIMIT_PER_TENANT = 0
    client = api(alice)
    assert statuses(client, 10) == [200] * 10
    assert "RateLimit" not in client.get(URL)


def test_tenants_share_no_name_in_redis(api: Any, alice: Any, limits: Any) -> None:
    api(alice).get(URL)
    names = [name.decode() for name in own_client(limits).keys(f"{limits.REDIS_PREFIX}:rate:*")]
    assert len(names) == 2
    assert all(str(alice.tenant.id) in name for name in names)
    assert all(0 < own_client(limits).pttl(name) <= 60_000 for name in names)


def own_client(limits: Any) -> Any:
    return rates.redis.Redis.from_url(limits.REDIS_URL)


# --- bad keys ---------------------------------------------------------------------------------------------------------


def ask(key: str, address: str = "192.0.2.7") -> Any:
    return APIClient().get(URL, headers={"Authorization": f"Bearer {key}"}, REMOTE_ADDR=address)


def guess() -> str:
    return keys.new_key()[0]


def test_guessing_is_slow(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [ask(guess()).status_code for _ in range(4)] == [401, 401, 401, 429]
    looked_up: list[str] = []
    monkeypatch.setattr(keys, "authenticate", looked_up.append)
    answer = ask(alice.key())
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 20
    assert not looked_up


def test_another_address_and_a_known_key_are_listened_to(alice: Any) -> None:
    known = alice.key()
    assert ask(known).status_code == 200
    assert [ask(guess()).status_code for _ in range(4)][-1] == 429
    assert ask(known).status_code == 200
    assert ask(alice.key(), "192.0.2.8").status_code == 200


def test_a_key_that_was_revoked_is_known_no_longer(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = alice.key()
    ask(known)
    monkeypatch.setattr(keys, "_lookup", lambda _prefix: None)
    assert [ask(known).status_code for _ in range(6)] == [401, 401, 401, 429, 429, 429]


def test_one_customers_many_addresses_are_one(alice: Any) -> None:
    found = [ask(guess(), f"2001:db8:1:2::{number:x}").status_code for number in range(1, 5)]
    assert found == [401, 401, 401, 429]
    assert ask(guess(), "2001:db8:1:3::1").status_code == 401


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "MOST_REMEMBERED", 5)
    for number in range(20):
        strangers.was_good(f"key {number}")
    assert len(strangers._good._entries) == 5


# --- Redis away -------------------------------------------------------------------------------------------------------


def test_without_redis_requests_are_let_through(
    api: Any, alice: Any, limits: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        limits.REDIS_URL = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
    with caplog.at_level(logging.WARNING, "teams.rates"):
        assert statuses(api(alice), 20) == [200] * 20
        assert ask(guess()).status_code == 401
    assert [record.levelname for record in caplog.records if record.name == "teams.rates"] == ["WARNING"]


def test_a_redis_that_does_not_answer_is_waited_for_once() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        counter = rates.Counter(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()
        for _ in range(1000):
            assert counter.take([rates.Bucket("key", "x", 1)]).wait is None
        assert time.monotonic() - began < 0.6


def test_counting_goes_on_after_a_restart_of_redis() -> None:
    bucket = rates.Bucket("key", "x", 2)
    with own_redis() as server:
        counter = rates.Counter(server.url)
        assert counter.take([bucket]).wait is None
        server.stop()
        server.start()
        taken = [counter.take([bucket]).wait for _ in range(4)]
    assert any(wait is not None for wait in taken)


def test_it_costs_next_to_nothing(limits: Any) -> None:
    buckets = [rates.Bucket("key", f"{limits.REDIS_PREFIX}:{name}", 10**6) for name in "ab"]
    took = []
    for _ in range(300):
        began = time.perf_counter()
        rates.counter().take(buckets)
        took.append(time.perf_counter() - began)
    assert math.inf > sorted(took)[len(took) // 4] < 0.001  # 0.15 ms on an idle machine


# --- live events ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_connection_to_live_events_is_one_request(alice: Any) -> None:
    run = f"/api/v1/executions/{factories.team(alice).id}/events"
    headers = {"Authorization": f"Bearer {alice.key()}"}

    async def ask_often() -> list[int]:
        return [(await AsyncClient().get(run, headers=headers)).status_code for _ in range(4)]

    assert async_to_sync(ask_often)() == [404, 404, 404, 429]
