"""POST /api/v1/executions/{id}/cancel and /retry."""

import pytest

from teams.models import AuditEntry
from teams.tenancy import tenant
from tests.integration.executions.live_runs import LiveRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(alice):
    return LiveRun(alice)


def post(client, run, act, body=None):
    return client.post(f"/api/v1/executions/{run.id}/{act}", body)


def test_a_queued_run_ends_at_once(api, alice, run):
    answer = post(api(alice), run, "cancel", {"reason": "by mistake"})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["cancel_requested"]) == ("cancelled", True)
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(action="execution.cancel").reason == "by mistake"


def test_a_running_one_is_asked_to_stop(api, alice, run):
    run.claim()
    answer = post(api(alice), run, "cancel")
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["cancel_requested"]) == ("running", True)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_an_ended_one_says_how_it_ended(api, alice, run, status):
    run.claim().finish(status)
    answer = post(api(alice), run, "cancel")
    assert answer.status_code == 409
    assert status in answer.json()["detail"]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_retry_is_the_same_run_again(api, alice, run, status):
    run.claim().finish(status)
    answer = post(api(alice), run, "retry", {"reason": "the provider is back"})
    assert answer.status_code == 202
    assert answer["Location"] == f"/api/v1/executions/{run.id}"
    assert (answer.json()["id"], answer.json()["status"], answer.json()["attempt"]) == (str(run.id), "queued", 2)


def test_others_are_not_retried(api, alice, run):
    client = api(alice)
    assert "queued" in post(client, run, "retry").json()["detail"]
    run.claim()
    assert post(client, run, "retry").status_code == 409
    run.finish()
    assert post(client, run, "retry").status_code == 409


@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_the_scope_is_needed(api, alice, run, act):
    assert post(api(alice, "executions:read"), run, act).status_code == 403


@pytest.mark.parametrize("act", ["cancel", "retry"])
@pytest.mark.parametrize("body", [{"why": "x"}, {"reason": 5}, {"reason": "x" * 2001}, {"reason": "\0"}, []])
def test_a_bad_body(api, alice, run, act, body):
    run.claim().finish("failed")
    assert post(api(alice), run, act, body).status_code == 400
