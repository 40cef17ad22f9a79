"""Deliveries are written with a run's change of status, whoever makes it, and for nobody else's runs."""

from dataclasses import replace
from typing import Any

import pytest

from executions import hooks
from executions.models import Execution
from executions.services import execution_cancel, execution_retry, execution_start
from executions.webhook_models import Delivery, Webhook, every_event
from executions.webhooks import webhook_change, webhook_create
from teams.errors import Conflict, Forbidden, Invalid
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person
from tests.integration.executions import engine_sql as sql

pytestmark = pytest.mark.django_db(transaction=True)


def hook(who: Person, **fields: Any) -> Webhook:
    given = {"name": "h", "url": "https://example.com/h", "events": every_event(), **fields}
    return webhook_create(actor=who.actor, fields=given)[0]


def started(who: Person, team: Any = None, **more: Any) -> Execution:
    return execution_start(actor=who.actor, team_id=(team or factories.team(who)).id, **more).execution


def told(who: Person) -> list[tuple[str, Any]]:
    with tenant(who.tenant.id):
        return [(row.event, row.execution_id) for row in Delivery.objects.order_by("created_at")]


def finish(status: str, **outcome: Any) -> None:
    with sql.login() as worker:
        sql.finish(worker, sql.claim(worker), status, **outcome)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_a_worker_that_ends_a_run(alice, charlie, status):
    hook(alice)
    hook(charlie)
    run = started(alice)
    finish(status, error={"code": "boom", "message": "secret words"} if status == "failed" else None)
    assert told(alice) == [(f"run.{status}", run.id)]
    assert told(charlie) == []
    with tenant(alice.tenant.id):
        payload = Delivery.objects.get().payload
    assert (payload["type"], payload["data"]["execution_id"]) == (f"run.{status}", str(run.id))
    assert payload["data"]["error_code"] == ("boom" if status == "failed" else None)
    assert "secret words" not in str(payload)


def test_a_run_that_waits_for_a_person(alice):
    hook(alice)
    run = started(alice)
    finish("waiting")
    assert told(alice) == [("run.waiting", run.id)]


def test_what_the_reaper_ends_and_what_a_person_cancels_and_retries(alice):
    hook(alice)
    late, run = started(alice), started(alice)
    with sql.system() as db:
        db.execute("UPDATE executions_execution SET deadline_at = now() - interval '1 s' WHERE id = %s", [late.id])
        sql.reap(db)
    execution_cancel(actor=alice.actor, execution_id=run.id)
    execution_retry(actor=alice.actor, execution_id=run.id)
    execution_cancel(actor=alice.actor, execution_id=run.id)
    assert told(alice) == [("run.failed", late.id), ("run.cancelled", run.id), ("run.cancelled", run.id)]


def test_going_back_to_the_queue_and_waiting_to_try_again_are_no_news(alice):
    hook(alice)
    started(alice)
    finish("queued")
    finish("retry_wait", retry_seconds=60)
    assert told(alice) == []


def test_only_the_events_and_the_team_asked_for(alice):
    wanted, other = factories.team(alice), factories.team(alice)
    hook(alice, team_id=wanted.id, events=["run.succeeded"])
    run = started(alice, wanted)
    finish("succeeded")
    started(alice, wanted)
    finish("failed")
    started(alice, other)
    finish("succeeded")
    assert told(alice) == [("run.succeeded", run.id)]


def test_a_run_without_webhooks_is_not_even_looked_at_and_a_first_webhook_hears_of_open_runs(alice):
    run, ended = started(alice), started(alice)
    execution_cancel(actor=alice.actor, execution_id=ended.id)
    assert run.has_webhooks is False
    hook(alice)
    finish("succeeded")
    assert told(alice) == [("run.succeeded", run.id)]
    assert started(alice).has_webhooks is True


def test_a_webhook_switched_off_hears_nothing_and_what_waits_is_given_up(alice):
    row = hook(alice)
    started(alice)
    finish("succeeded")
    webhook_change(actor=alice.actor, webhook_id=row.id, fields={"enabled": False})
    assert started(alice).has_webhooks is False
    finish("failed")
    with tenant(alice.tenant.id):
        assert [(one.event, one.status) for one in Delivery.objects.all()] == [("run.succeeded", "failed")]


def test_a_runs_own_webhook_is_told_of_it_alone(alice):
    secret = hooks.new_secret()
    own = hooks.RunWebhook("https://example.com/own", secret, ["run.succeeded"])
    run = started(alice, webhook=own, idempotency_key="k")
    started(alice)
    finish("succeeded")
    finish("succeeded")
    assert told(alice) == [("run.succeeded", run.id)]
    with tenant(alice.tenant.id):
        assert secret not in Webhook.objects.get().secret
    again = execution_start(actor=alice.actor, team_id=run.team_id, webhook=own, idempotency_key="k")
    assert (again.replayed, again.execution.id) == (True, run.id)
    with pytest.raises(Conflict):
        execution_start(actor=alice.actor, team_id=run.team_id, idempotency_key="k")


def test_a_runs_own_webhook_needs_the_scope_and_is_checked(alice):
    bad = hooks.RunWebhook("nowhere", "short", ["x"])
    with pytest.raises(Invalid) as refused:
        started(alice, webhook=bad)
    assert [place["loc"] for place in refused.value.errors] == ["webhook.url", "webhook.secret", "webhook.events.0"]
    weak = replace(alice.actor, scopes=frozenset({"executions:run"}))
    with pytest.raises(Forbidden):
        execution_start(actor=weak, team_id=factories.team(alice).id, webhook=bad)
