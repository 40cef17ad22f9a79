"""Deliveries over real HTTP: signed by the book, tried again, given up, and a webhook that fails is left alone."""

import json
import socket
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from executions import sending
from executions.services import execution_start
from executions.webhook_models import Delivery, Webhook
from executions.webhooks import delivery_again, webhook_change, webhook_create, webhook_rotate, webhook_test
from teams.errors import Conflict
from teams.models import AuditEntry
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person
from tests.integration.executions import engine_sql as sql
from tests.processes import wait_until
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(settings):
    with Receiver() as running:
        settings.OUTBOUND_ALLOW = [running.pair]
        yield running


def told(who: Person, url: str) -> tuple[Webhook, str]:
    """A webhook with one delivery that is due."""
    fields = {"name": "h", "url": url, "events": ["run.succeeded"]}
    made = webhook_create(actor=who.actor, fields=fields)
    another(who)
    return made


def another(who: Person) -> None:
    execution_start(actor=who.actor, team_id=factories.team(who).id)
    with sql.login() as worker:
        sql.finish(worker, sql.claim(worker))


def send(most: int = 10) -> int:
    """What is due, sent here and now."""
    with psycopg.connect(django_settings.DATABASE_URL, autocommit=True) as own:
        claims = sending.claim(own, most)
    for claimed in claims:
        sending.deliver(claimed)
    return len(claims)


def only(who: Person, model: Any = Delivery) -> Any:
    with tenant(who.tenant.id):
        return model.objects.get()


def make_due(who: Person) -> None:
    with tenant(who.tenant.id):
        Delivery.objects.update(next_at=timezone.now())
        hook = Webhook.objects.get()
        hook.rest_until = None
        hook.save_noted("rest_until")


def test_signed_and_delivered_once(alice, receiver):
    _hook, secret = told(alice, receiver.url)
    assert (send(), send()) == (1, 0)
    (got,) = receiver.received
    row = only(alice)
    assert got.is_signed_with(secret)
    assert got.headers["webhook-id"] == str(row.id)
    assert json.loads(got.body) == row.payload
    assert (row.status, row.answer_status, row.tries, row.error, row.next_at) == ("delivered", 204, 1, "", None)


def test_the_senders_thread_sends_what_is_due(alice, receiver):
    told(alice, receiver.url)
    for _number in range(11):
        another(alice)
    sender = sending.Sender()
    sender.start()
    wait_until(lambda: len(receiver.received) == 12, 20)
    sender.stop()
    sender.join()
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 12


def test_two_senders_at_once_share(alice, receiver):
    told(alice, receiver.url)
    for _number in range(3):
        another(alice)
    with psycopg.connect(django_settings.DATABASE_URL, autocommit=True) as one:
        claims = sending.claim(one, 2) + sending.claim(one, 10)
    assert len({claimed.delivery_id for claimed in claims}) == len(claims) == 4


def test_an_error_is_tried_again_under_the_same_id(alice, receiver):
    receiver.answers = [(500, "x" * 5000), (200, "thanks")]
    told(alice, receiver.url)
    assert send() == 1
    row = only(alice)
    assert (row.status, row.answer_status, len(row.answer), row.error) == (
        "pending", 500, 1024, "the receiver answered 500"
    )  # fmt: skip
    assert row.next_at > timezone.now()
    assert send() == 0
    make_due(alice)
    assert send() == 1
    row = only(alice)
    assert (row.status, row.tries, row.answer, row.error) == ("delivered", 2, "thanks", "")
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.received}) == 1


def test_after_a_day_it_is_given_up_and_can_be_sent_again(alice, receiver):
    receiver.answers = [(503, "")]
    told(alice, receiver.url)
    for _try in range(len(sending.RETRY_SECONDS) + 1):
        assert only(alice).status == "pending"
        make_due(alice)
        send()
    row = only(alice)
    assert (row.status, row.next_at) == ("failed", None)
    receiver.answers = [(200, "")]
    assert delivery_again(actor=alice.actor, delivery_id=row.id).status == "pending"
    make_due(alice)
    send()
    assert only(alice).status == "delivered"
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.filter(action="delivery.again").count() == 1


def test_the_waits_add_up_to_a_day():
    assert timedelta(hours=23) < timedelta(seconds=sum(sending.RETRY_SECONDS)) <= timedelta(days=1)


def test_a_webhook_that_fails_is_left_alone_for_a_while(alice, charlie, receiver):
    receiver.answers = [(500, "")]
    told(alice, receiver.url)
    assert send() == 1
    another(alice)
    told(charlie, receiver.url)
    receiver.answers = [(200, "")]
    assert send() == 1
    assert only(charlie).status == "delivered"
    make_due(alice)
    assert send() == 2
    hook = only(alice, Webhook)
    assert (hook.failures, hook.rest_until) == (0, None)


@pytest.mark.parametrize("ask", ["again", "test", "another address"])
def test_who_asks_does_not_wait_for_a_webhook_that_is_left_alone(alice, receiver, ask):
    """An operator who has mended the other side wants to see it at once."""
    receiver.answers = [(500, ""), (204, "")]
    hook, _secret = told(alice, receiver.url)
    send()
    assert only(alice, Webhook).rest_until > timezone.now()
    if ask == "test":
        webhook_test(actor=alice.actor, webhook_id=hook.id)
    else:
        if ask == "another address":
            webhook_change(actor=alice.actor, webhook_id=hook.id, fields={"url": f"{receiver.url}?v=2"})
            assert only(alice, Webhook).rest_until is None
        delivery_again(actor=alice.actor, delivery_id=only(alice).id)
    assert send() == 1
    assert len(receiver.received) == 2


def test_after_many_failures_it_is_switched_off_with_a_note(alice, receiver, monkeypatch):
    monkeypatch.setattr(sending, "DISABLE_AFTER", 2)
    receiver.answers = [(500, "")]
    told(alice, receiver.url)
    send()
    make_due(alice)
    send()
    hook = only(alice, Webhook)
    assert (hook.enabled, hook.failures) == (False, 2)
    assert "2 tries in a row failed" in hook.note
    assert only(alice).status == "failed"
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(action="webhook.disable").actor == "system:webhooks"
    with pytest.raises(Conflict):
        delivery_again(actor=alice.actor, delivery_id=only(alice).id)
    again = webhook_change(actor=alice.actor, webhook_id=hook.id, fields={"enabled": True})
    assert (again.failures, again.note) == (0, "")


def test_gone_switches_it_off_at_once(alice, receiver):
    receiver.answers = [(410, "")]
    told(alice, receiver.url)
    send()
    assert only(alice, Webhook).enabled is False
    assert only(alice).error == "the receiver answered 410; the webhook was switched off"


def test_a_rotated_secret_signs_beside_the_new_one_until_its_time_is_over(alice, receiver):
    hook, old = told(alice, receiver.url)
    _row, new = webhook_rotate(actor=alice.actor, webhook_id=hook.id)
    send()
    assert [receiver.received[0].is_signed_with(secret) for secret in (old, new)] == [True, True]
    webhook_rotate(actor=alice.actor, webhook_id=hook.id, grace=timedelta(0))
    another(alice)
    send()
    assert [receiver.received[1].is_signed_with(secret) for secret in (old, new)] == [False, False]


def test_a_private_address_is_not_called(alice, receiver, settings):
    settings.OUTBOUND_ALLOW = []
    told(alice, receiver.url)
    send()
    row = only(alice)
    assert receiver.received == []
    assert (row.status, row.answer_status) == ("pending", None)
    assert "open internet" in row.error


def test_nobody_listening_is_an_error_to_be_tried_again(alice, settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        pair = f"127.0.0.1:{free.getsockname()[1]}"
        settings.OUTBOUND_ALLOW = [pair]
        told(alice, f"http://{pair}/")
        send()
    row = only(alice)
    assert (row.status, row.answer_status) == ("pending", None)
    assert row.error


def test_a_sender_that_dies_is_replaced_and_one_that_comes_late_writes_nothing(alice, receiver):
    told(alice, receiver.url)
    with psycopg.connect(django_settings.DATABASE_URL, autocommit=True) as own:
        (dead,) = sending.claim(own, 1)
    make_due(alice)
    assert send() == 1
    sending.deliver(dead)
    row = only(alice)
    assert (row.status, row.tries, len(receiver.received)) == ("delivered", 2, 1)


def test_what_the_receiver_echoes_is_shown_without_credentials(alice, receiver):
    receiver.answers = [(500, "Authorization: Bearer tb_live_abcdefghij_" + "s" * 43)]
    told(alice, receiver.url)
    send()
    assert "s" * 43 not in only(alice).answer


def test_a_test_event_is_sent_like_any_other(alice, receiver):
    fields = {"name": "h", "url": receiver.url, "events": ["run.waiting"]}
    hook, secret = webhook_create(actor=alice.actor, fields=fields)
    row = webhook_test(actor=alice.actor, webhook_id=hook.id)
    assert send() == 1
    (got,) = receiver.received
    assert got.is_signed_with(secret)
    assert got.headers["webhook-id"] == str(row.id)
    body = json.loads(got.body)
    assert (body["type"], body["data"]["webhook_id"]) == ("webhook.test", str(hook.id))
    assert only(alice).status == "delivered"
    webhook_change(actor=alice.actor, webhook_id=hook.id, fields={"enabled": False})
    with pytest.raises(Conflict, match="switched off"):
        webhook_test(actor=alice.actor, webhook_id=hook.id)
