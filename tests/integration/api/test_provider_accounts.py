"""/api/v1/provider-accounts: keys go in, are used, and never come out again."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from agents.models import ProviderAccount
from executions.services import execution_start
from teams.errors import Conflict
from teams.models import AuditEntry
from teams.tenancy import tenant
from tests import factories
from tests.fakes import FakeLLMServer

pytestmark = pytest.mark.django_db
URL = "/api/v1/provider-accounts"
FIRST, SECOND = "sk-first-key-0123456789-abcd", "sk-second-key-0123456789-wxyz"


@pytest.fixture(autouse=True)
def server(settings: Any) -> Iterator[FakeLLMServer]:
    with FakeLLMServer() as made:
        settings.LLM_PROVIDERS = {
            "openai": {"base_url": made.base_url, "key_variable": "OPENAI_API_KEY", "models": {"fake": {}}},
            "movable": {"base_url": made.base_url, "tenant_base_url": True},
        }
        settings.DEFAULT_MODEL = "openai:fake"
        yield made


@pytest.fixture
def client(api: Any, alice: Any) -> Any:
    return api(alice)


def create(client: Any, **fields: Any) -> Any:
    return client.post(URL, {"provider": "openai", "api_key": FIRST, "note": "ours", **fields})


def test_an_account_is_made_listed_and_read_without_its_key(client):
    made = create(client, reason="contract")
    assert made.status_code == 201
    row = made.json()
    assert (row["provider"], row["key_ends_with"], row["enabled"], row["note"]) == ("openai", "abcd", True, "ours")
    assert client.get(made.headers["Location"]).json() == row
    assert client.get(URL).json()["results"] == [row]


def test_a_second_one_for_the_same_provider_is_a_conflict(client):
    create(client)
    again = create(client, api_key=SECOND)
    assert again.status_code == 409
    assert "rotate" in again.json()["detail"]


def test_of_a_short_key_nothing_is_shown(client):
    assert create(client, api_key="short").json()["key_ends_with"] == ""


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"provider": "nobody"}, "provider"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": f"{FIRST} with blanks"}, "api_key"),
        ({"api_key": f"{FIRST}\n"}, "api_key"),
        ({"api_key": FIRST * 100}, "api_key"),
        ({"api_key": [FIRST]}, "api_key"),
        ({"note": "x" * 201}, "note"),
        ({"base_url": "https://mine.example/v1"}, "base_url"),
        ({"unknown": FIRST}, "unknown"),
    ],
)
def test_wrong_fields_are_named_and_the_key_is_not_quoted(client, fields, loc):
    answer = create(client, **fields)
    assert answer.status_code == 400
    assert [error["loc"].partition(".")[0] for error in answer.json()["errors"]] == [loc]
    assert FIRST not in answer.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "http://mine.example/v1",
        "https://user:pass@mine.example",
        "https://mine.example/v1?a=b",
        "https://127.0.0.1/v1",
        "https://169.254.169.254",
        "https://[::1]/v1",
        "https://10.1.2.3",
        "https://localhost/v1",
        "https://redis.internal",
        "https://2130706433/",
        "https://127.1/",
        "ftp://mine.example",
        "mine.example",
    ],
)
def test_an_address_inside_a_network_or_unclear_is_refused(client, address):
    answer = create(client, provider="movable", base_url=address)
    assert answer.status_code == 400, answer.json()
    assert [error["loc"] for error in answer.json()["errors"]] == ["base_url"]


def test_an_address_of_its_own_where_that_is_allowed(client):
    assert create(client, provider="movable", base_url="https://mine.example/v1").json()["base_url"] != ""


def test_a_rotated_key_is_the_one_that_is_sent(client, server):
    place = f"{URL}/{create(client).json()['id']}"
    assert client.post(f"{place}/test").json() == {"ok": True, "model": "fake", "code": "", "message": ""}
    assert server.calls[-1].headers["Authorization"] == f"Bearer {FIRST}"
    assert client.post(f"{place}/rotate", {"api_key": SECOND, "reason": "yearly"}).json()["key_ends_with"] == "wxyz"
    client.post(f"{place}/test")
    assert server.calls[-1].headers["Authorization"] == f"Bearer {SECOND}"


def test_a_test_that_fails_says_why_and_not_the_key(client):
    place = f"{URL}/{create(client).json()['id']}"
    answer = client.post(f"{place}/test", {"model": "fake+401"}).json()
    assert (answer["ok"], answer["code"]) == (False, "bad_credentials")
    assert FIRST not in json.dumps(answer)


def test_an_account_that_is_off_is_not_tested_with_the_platforms_key(client, server):
    place = f"{URL}/{create(client).json()['id']}"
    assert client.patch(place, {"enabled": False, "reason": "over"}).json()["enabled"] is False
    assert client.post(f"{place}/test").status_code == 409
    assert server.calls == []


def test_a_deleted_account_is_gone_and_not_used(client, alice):
    place = f"{URL}/{create(client).json()['id']}"
    client.put("/api/v1/platform-keys", {"platform_keys": "forbidden"})
    team = factories.team(alice)
    execution_start(actor=alice.actor, team_id=team.id)
    assert client.delete(f"{place}?reason=over").json()["removed"] is True
    assert client.get(place).status_code == 404
    with pytest.raises(Conflict, match="has no account of your tenant's own"):
        execution_start(actor=alice.actor, team_id=team.id)


def test_forbidding_the_platforms_keys_is_a_choice_of_the_tenant(client, alice):
    put = client.put("/api/v1/platform-keys", {"platform_keys": "forbidden", "reason": "our data"})
    assert put.json() == client.get("/api/v1/platform-keys").json() == {"platform_keys": "forbidden"}
    assert client.put("/api/v1/platform-keys", {"platform_keys": "maybe"}).status_code == 400
    with tenant(alice.tenant.id):
        entry = AuditEntry.objects.get(action="tenant.platform_keys")
    assert (entry.before, entry.after, entry.reason) == (
        {"platform_keys": "allowed"}, {"platform_keys": "forbidden"}, "our data",
    )  # fmt: skip


def test_another_tenant_neither_sees_nor_changes_it(client, api, charlie):
    place = f"{URL}/{create(client).json()['id']}"
    other = api(charlie)
    assert other.get(URL).json()["results"] == []
    asked = [
        other.get(place), other.patch(place, {"enabled": False}), other.delete(place), other.post(f"{place}/test"),
        other.post(f"{place}/rotate", {"api_key": SECOND}),
    ]  # fmt: skip
    assert {answer.status_code for answer in asked} == {404}
    assert client.get(place).json()["enabled"] is True


def test_operators_and_other_scopes_may_not(api, bob, alice, client):
    place = f"{URL}/{create(client).json()['id']}"
    almost = api(alice, "teams:write", "tools:write", "keys:write")
    for address in (URL, place, "/api/v1/platform-keys", "/api/v1/tool-credentials"):
        assert almost.get(address).status_code == 403


def test_the_key_is_nowhere_but_sealed_in_its_row(client, alice, caplog):
    caplog.set_level(logging.DEBUG)
    place = f"{URL}/{create(client, reason='first').json()['id']}"
    texts = [client.post(f"{place}/rotate", {"api_key": SECOND}), client.patch(place, {"note": "n"})]
    texts += [client.post(f"{place}/test", {"model": model}) for model in ("fake", "fake+401", "fake+500")]
    texts += [client.get(place), client.get(URL), client.get("/api/v1/audit"), client.get("/api/v1/providers")]
    client.delete(place)
    create(client)
    everything = caplog.text + "".join(answer.content.decode() for answer in texts)
    tables = connection.introspection.table_names()
    with tenant(alice.tenant.id), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            everything += cursor.fetchone()[0] or ""
        assert ProviderAccount.history.count() >= 4
    assert "provider_account.rotate" in everything  # sharpness: the audit trail is among what was read
    for key in (FIRST, SECOND):
        assert key not in everything
        assert key[:-4] not in everything
