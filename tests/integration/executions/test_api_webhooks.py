"""/api/v1/webhooks: made, changed, rotated and deleted; the secret told once; nothing of another tenant's."""

from typing import Any

import pytest

from executions import hooks
from executions.models import Execution
from executions.webhook_models import Delivery, Webhook
from teams.models import AuditEntry
from teams.tenancy import tenant
from tests import factories

URL = "/api/v1/webhooks"

pytestmark = pytest.mark.django_db


def post(client: Any, **body: Any) -> Any:
    return client.post(URL, {"name": "Tickets", "url": "https://example.com/hook?token=TOKEN", **body})


def delivery(who: Any, webhook_id: str) -> Delivery:
    team = factories.team(who)
    with tenant(who.tenant.id):
        run = Execution.objects.create(team=team, version=1, resolved_spec={}, actor="test")
        return Delivery.objects.create(
            webhook_id=webhook_id, execution=run, event="run.failed", payload={"type": "run.failed"}, status="failed",
            tries=9,
        )  # fmt: skip


def test_the_secret_is_told_once_and_kept_sealed(api, bob):
    client = api(bob)
    made = post(client, events=["run.failed", "run.succeeded"], reason="asked for")
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert hooks.secret_problems(secret) == []
    shown = client.get(made["Location"])
    assert shown.json() == {name: value for name, value in made.json().items() if name != "secret"}
    assert shown.json()["events"] == ["run.succeeded", "run.failed"]
    with tenant(bob.tenant.id):
        row = Webhook.objects.get()
        assert secret not in row.secret
        assert row.secret.startswith("v1:")
        assert not hasattr(Webhook.history.get(), "secret")
        entry = AuditEntry.objects.get(action="webhook.create")
    # An address may hold a secret of its own: the trail names its host.
    assert (entry.after["host"], "TOKEN" in str(entry.after), entry.reason) == ("example.com", False, "asked for")


def test_changed_rotated_and_deleted(api, bob):
    client = api(bob)
    made = post(client).json()
    at = f"{URL}/{made['id']}"
    changed = client.patch(at, {"events": ["run.waiting"], "enabled": False}).json()
    assert (changed["events"], changed["enabled"], changed["name"]) == (["run.waiting"], False, "Tickets")
    rotated = client.post(f"{at}/rotate", {"grace_hours": 1}).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["former_until"]
    assert client.delete(f"{at}?reason=done").json() == {"webhook_id": made["id"], "deleted": True}
    assert client.get(at).status_code == 404
    with tenant(bob.tenant.id):
        actions = list(AuditEntry.objects.filter(object_type="webhook").order_by("id").values_list("action", flat=True))
    assert actions == ["webhook.create", "webhook.update", "webhook.rotate", "webhook.delete"]


def test_deliveries_are_listed_filtered_and_sent_again(api, bob):
    client = api(bob)
    one, other = (post(client).json()["id"] for _number in range(2))
    row = delivery(bob, one)
    delivery(bob, other)
    assert len(client.get(f"{URL}/deliveries").json()["results"]) == 2
    for query in (f"webhook_id={one}", f"execution_id={row.execution_id}", f"webhook_id={one}&status=failed"):
        (found,) = client.get(f"{URL}/deliveries?{query}").json()["results"]
        assert (found["id"], found["payload"]) == (str(row.id), {"type": "run.failed"})
    again = client.post(f"{URL}/deliveries/{row.id}/redeliver")
    assert (again.status_code, again.json()["status"], again.json()["tries"]) == (202, "pending", 0)
    assert client.post(f"{URL}/deliveries/{row.id}/redeliver").status_code == 409


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": 5}, "url"),
        ({"events": []}, "events"),
        ({"events": ["run.started"]}, "events.0"),
        ({"name": ""}, "name"),
        ({"secret": "mine"}, "secret"),
        ({"team_id": "x"}, "team_id"),
        ({"reason": "x" * 2001}, "reason"),
    ],
)
def test_bad_bodies_are_refused_at_their_place(api, bob, body, loc):
    answer = post(api(bob), **body)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (400, [loc])
    with tenant(bob.tenant.id):
        assert not Webhook.objects.exists()


def test_another_tenants_webhook_answers_like_a_missing_one(api, bob, charlie):
    made = post(api(bob)).json()["id"]
    row = delivery(bob, made)
    client, at = api(charlie), f"{URL}/{made}"
    asked = [client.get(at), client.patch(at, {"name": "Mine"}), client.delete(at), client.post(f"{at}/rotate", {})]
    asked.append(client.post(f"{URL}/deliveries/{row.id}/redeliver"))
    assert {answer.status_code for answer in asked} == {404}
    assert client.get(URL).json()["results"] == client.get(f"{URL}/deliveries").json()["results"] == []
    assert client.get(f"{URL}/deliveries?webhook_id={made}").json()["results"] == []
    assert post(client, team_id=str(factories.team(bob).id)).status_code == 404


def test_the_scope_is_needed(api, bob):
    made = post(api(bob)).json()["id"]
    weak = api(bob, "executions:run", "executions:read", "teams:write")
    for answer in (post(weak), weak.get(URL), weak.get(f"{URL}/{made}"), weak.get(f"{URL}/deliveries")):
        assert (answer.status_code, "webhooks:write" in answer.json()["detail"]) == (403, True)


def test_there_is_a_limit(api, bob, monkeypatch):
    monkeypatch.setattr("executions.webhooks.MAX_WEBHOOKS", 1)
    assert [post(api(bob)).status_code for _ in range(2)] == [201, 409]


def test_a_run_may_name_its_own(api, bob):
    team, secret = factories.team(bob), hooks.new_secret()
    hook = {"url": "https://example.com/own", "secret": secret}
    answer = api(bob).post("/api/v1/executions", {"team_id": str(team.id), "webhook": hook})
    assert answer.status_code == 202
    assert secret not in answer.content.decode()
    assert api(bob).get(URL).json()["results"] == []
    with tenant(bob.tenant.id):
        assert str(Webhook.objects.get().execution_id) == answer.json()["id"]
    bad = api(bob).post("/api/v1/executions", {"team_id": str(team.id), "webhook": {**hook, "url": "x"}})
    assert [error["loc"] for error in bad.json()["errors"]] == ["webhook.url"]
    weak = api(bob, "executions:run").post("/api/v1/executions", {"team_id": str(team.id), "webhook": hook})
    assert weak.status_code == 403


def test_a_test_event_is_queued_and_listed(api, bob, charlie):
    client = api(bob)
    made = post(client, events=["run.waiting"]).json()
    answer = client.post(f"{URL}/{made['id']}/test")
    assert answer.status_code == 202
    queued = answer.json()
    assert (queued["event"], queued["execution_id"], queued["status"]) == ("webhook.test", None, "pending")
    assert client.get(f"{URL}/deliveries?webhook_id={made['id']}").json()["results"] == [queued]
    with tenant(bob.tenant.id):
        assert AuditEntry.objects.get(action="webhook.test").object_id == made["id"]
    assert api(charlie).post(f"{URL}/{made['id']}/test").status_code == 404
