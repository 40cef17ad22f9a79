"""/api/v1/tool-credentials: values go in, are given for their hosts alone, and never come out again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from agents.accounts import credential_for
from teams.tenancy import tenant
from tests.unit.outbound.server import LocalServer

pytestmark = pytest.mark.django_db
URL = "/api/v1/tool-credentials"
FIRST, SECOND = "ghp-first-token-0123456789-abcd", "ghp-second-token-0123456789-wxyz"


@pytest.fixture
def client(api: Any, alice: Any) -> Any:
    return api(alice)


def create(client: Any, **fields: Any) -> Any:
    given = {"name": "tracker", "tool": "Call_Web_API", "value": FIRST, "scheme": "Bearer", "hosts": ["API.example"]}
    return client.post(URL, given | fields)


def test_a_credential_is_made_rotated_moved_and_deleted(client, alice):
    made = create(client)
    assert made.status_code == 201
    place, row = made.headers["Location"], made.json()
    assert (row["value_ends_with"], row["hosts"]) == ("abcd", ["api.example"])
    assert client.get(place).json() == row
    assert client.post(f"{place}/rotate", {"value": SECOND}).json()["value_ends_with"] == "wxyz"
    assert client.patch(place, {"hosts": ["b.example:8443"], "header": "X-Key", "scheme": ""}).status_code == 200
    assert credential_for(alice.tenant.id, "Call_Web_API", "b.example:8443") == {"X-Key": SECOND}
    assert credential_for(alice.tenant.id, "Call_Web_API", "api.example") is None
    assert client.delete(place).json()["removed"] is True
    assert client.get(URL).json()["results"] == []


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"tool": "nothing"}, "tool"),
        ({"value": "a b"}, "value"),
        ({"hosts": []}, "hosts"),
        ({"hosts": [f"h{n}.example" for n in range(21)]}, "hosts"),
        ({"hosts": ["https://a.example"]}, "hosts"),
        ({"hosts": ["*.example"]}, "hosts"),
        ({"hosts": ["a.example/path"]}, "hosts"),
        ({"header": "Host"}, "header"),
        ({"header": "X: y\r\nZ"}, "header"),
        ({"scheme": "two words"}, "scheme"),
        ({"name": " "}, "name"),
    ],
)
def test_wrong_fields_are_named_and_the_value_is_not_quoted(client, fields, loc):
    answer = create(client, **fields)
    assert answer.status_code == 400
    assert [error["loc"].partition(".")[0] for error in answer.json()["errors"]] == [loc]
    assert FIRST not in answer.content.decode()


def test_two_for_the_same_place_are_a_conflict(client):
    create(client)
    assert create(client).status_code == 409
    other = create(client, name="other")
    assert other.status_code == 409
    assert "api.example" in other.json()["detail"]
    assert create(client, name="other", header="X-Key").status_code == 201


def test_another_tenant_neither_sees_nor_changes_it(client, api, charlie):
    place, other = create(client).headers["Location"], api(charlie)
    assert other.get(URL).json()["results"] == []
    asked = [
        other.get(place), other.patch(place, {"hosts": ["evil.example"]}), other.delete(place),
        other.post(f"{place}/rotate", {"value": SECOND}),
    ]  # fmt: skip
    assert {answer.status_code for answer in asked} == {404}


def test_the_value_is_nowhere_but_sealed_in_its_row(client, alice):
    place = create(client, reason="first").headers["Location"]
    answers = [client.post(f"{place}/rotate", {"value": SECOND}), client.get(place), client.get("/api/v1/audit")]
    everything = "".join(answer.content.decode() for answer in answers)
    with tenant(alice.tenant.id), connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            everything += cursor.fetchone()[0] or ""
    assert "tool_credential.rotate" in everything
    for value in (FIRST, SECOND):
        assert value[:-4] not in everything


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    with LocalServer() as running:
        settings.OUTBOUND_ALLOW = [running.pair]
        yield running


def test_a_test_signs_in_at_its_host_and_tells_the_status(client, server):
    place = create(client, hosts=[server.pair]).headers["Location"]
    assert client.post(f"{place}/test", {"url": f"{server.url}/me"}).json() == {
        "ok": True, "status": 200, "code": "", "message": "",
    }  # fmt: skip
    assert server.asked[0].headers["authorization"] == f"Bearer {FIRST}"


@pytest.mark.parametrize("url", ["http://api.example/", "nonsense", "https://u:p@api.example/"])
def test_it_is_never_sent_unencrypted_or_to_what_is_no_address(client, url):
    place = create(client).headers["Location"]
    answer = client.post(f"{place}/test", {"url": url})
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (400, ["url"])


def test_it_is_tested_at_its_own_hosts_alone(client, server):
    place = create(client).headers["Location"]
    answer = client.post(f"{place}/test", {"url": server.url})
    assert answer.status_code == 409
    assert "api.example" in answer.json()["detail"]
    assert server.asked == []


def test_a_host_inside_the_network_is_told_and_not_reached(client, server, settings):
    settings.OUTBOUND_ALLOW = []
    place = create(client, hosts=["127.0.0.1"]).headers["Location"]
    answer = client.post(f"{place}/test", {"url": "https://127.0.0.1/"}).json()
    assert (answer["ok"], answer["status"]) == (False, None)
    assert answer["code"]


def test_the_port_of_https_is_no_other_host(client):
    assert create(client, hosts=["a.example:443", "a.example"]).json()["hosts"] == ["a.example"]
