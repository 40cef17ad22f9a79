"""Idempotency-Key: one key is one run, however often, from wherever and however much at once it is sent."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from executions.models import Execution
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/executions"


@pytest.fixture
def team(alice):
    return factories.team(alice)


def send(client, team, key, **body):
    return client.post(URL, {"team_id": str(team.id), **body}, headers={"Idempotency-Key": key})


def stored(who):
    with tenant(who.tenant.id):
        return Execution.objects.count()


def test_the_same_again_is_the_same_run(api, alice, team):
    first = send(api(alice), team, "order 7", input="a")
    again = send(api(alice), team, "order 7", input="a")
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert first["Location"] == again["Location"]
    assert (first.get("Idempotent-Replay"), again.get("Idempotent-Replay")) == (None, "true")
    assert stored(alice) == 1


def test_the_order_of_fields_is_no_difference(api, alice, team):
    send(api(alice), team, "k", input={"a": 1, "b": 2})
    assert send(api(alice), team, "k", input={"b": 2, "a": 1})["Idempotent-Replay"] == "true"


def test_both_addresses_are_one(api, alice, team):
    first = send(api(alice), team, "k", input="a")
    again = api(alice).post(f"/api/v1/teams/{team.id}/execute", {"input": "a"}, headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == first.json()["id"]


@pytest.mark.parametrize("other", [{"input": "b"}, {}, {"input": "a", "version": 1}])
def test_another_body_is_a_conflict_that_names_the_run(api, alice, team, other):
    first = send(api(alice), team, "k", input="a")
    answer = send(api(alice), team, "k", **other)
    assert answer.status_code == 409
    assert first.json()["id"] in answer.json()["detail"]
    assert stored(alice) == 1


def test_another_team_is_a_conflict(api, alice, team):
    send(api(alice), team, "k")
    assert send(api(alice), factories.team(alice), "k").status_code == 409


def test_each_tenant_has_its_own_keys(api, alice, charlie, team):
    first = send(api(alice), team, "k")
    theirs = send(api(charlie), factories.team(charlie), "k")
    assert theirs.status_code == 202
    assert theirs.json()["id"] != first.json()["id"]


def test_without_a_key_each_is_a_run(api, alice, team):
    api(alice).post(URL, {"team_id": str(team.id)})
    api(alice).post(URL, {"team_id": str(team.id)})
    assert stored(alice) == 2


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "a\x7f"])
def test_a_bad_key(api, alice, team, key):
    answer = send(api(alice), team, key)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == "Idempotency-Key"
    assert stored(alice) == 0


def test_a_key_of_the_greatest_length(api, alice, team):
    assert send(api(alice), team, "x" * 200).status_code == 202


def test_many_at_once_are_one_run(api, alice, team):
    clients = [api(alice) for _ in range(8)]

    def one(client):
        try:
            return send(client, team, "k", input="a")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, clients))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replay" not in answer for answer in answers) == 1
    assert stored(alice) == 1
