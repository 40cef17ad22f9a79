"""People who may decide and asked for it are told by mail that a run waits; nobody else, and once."""

import smtplib
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend as LocmemBackend
from django.utils import timezone

from executions import notify
from executions.models import Approval, Execution
from teams.members import member_change
from teams.models import Membership, Role
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _to_a_box(settings: Any) -> None:
    settings.PUBLIC_URL = "https://teams.example.com/"


def asked(who: Person, status: str = "waiting") -> Approval:
    team = factories.team(who)
    with tenant(who.tenant.id):
        run = Execution.objects.create(team=team, version=1, resolved_spec={}, actor="test", status=status)
        return Approval.objects.create(
            execution=run, step_key="k", tool="Call_Web_API", role="Clerk", args={"to": "SECRET-ARGUMENT"}, args_hash=""
        )


def wants_mail(who: Person, admin: Person, role: str, *, mail_too: bool = True) -> None:
    who.user.email = f"{who.user.username}@example.com"
    who.user.save()
    with tenant(who.tenant.id):
        member = Membership.objects.get(user=who.user)
    member_change(actor=admin.actor, member_id=member.pk, role=role, notify_approvals=mail_too)


def beat() -> None:
    with psycopg.connect(django_settings.DATABASE_URL, autocommit=True) as own:
        notify.Notifier().beat(own)


def test_those_who_may_decide_and_asked_for_it_are_told_once(alice, bob, charlie):
    wants_mail(bob, alice, Role.OPERATOR)
    wants_mail(alice, alice, Role.ADMIN, mail_too=False)
    wants_mail(charlie, charlie, Role.ADMIN)
    row = asked(alice)
    beat()
    beat()
    (sent,) = mail.outbox
    assert sent.to == ["bob@example.com"]
    assert "Call_Web_API" in sent.body
    assert f"https://teams.example.com/admin/executions/execution/{row.execution_id}/change/" in sent.body
    assert "SECRET-ARGUMENT" not in sent.body


def test_a_viewer_cannot_decide_and_is_not_told(alice, bob):
    wants_mail(bob, alice, Role.VIEWER)
    asked(alice)
    beat()
    assert mail.outbox == []


def test_a_run_that_no_longer_waits_is_not_told(alice, bob):
    wants_mail(bob, alice, Role.OPERATOR)
    asked(alice, status="cancelled")
    row = asked(alice)
    with tenant(alice.tenant.id):
        Approval.objects.filter(id=row.id).update(decision="approved")
    beat()
    assert mail.outbox == []


class RefusesBob(LocmemBackend):
    """A mail server that does not take mails to Bob."""

    def send_messages(self, messages):
        if any("bob@example.com" in message.to for message in messages):
            raise smtplib.SMTPRecipientsRefused({"bob@example.com": (550, b"no such user")})
        return super().send_messages(messages)


def test_one_refused_address_keeps_nobody_else_from_being_told_once(alice, bob, settings, caplog):
    wants_mail(bob, alice, Role.OPERATOR)
    wants_mail(alice, alice, Role.ADMIN)
    settings.EMAIL_BACKEND = f"{__name__}.RefusesBob"
    row = asked(alice)
    beat()
    assert [sent.to for sent in mail.outbox] == [["alice@example.com"]]
    assert "one of 2 people got no mail" in caplog.text
    with tenant(alice.tenant.id):
        assert Approval.objects.get(id=row.id).notify_at is None


def test_a_mail_server_that_is_away_is_tried_again(alice, bob, settings, caplog):
    wants_mail(bob, alice, Role.OPERATOR)
    row = asked(alice)
    box = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_PORT = 1  # nobody listens
    beat()
    assert "trying again" in caplog.text
    settings.EMAIL_BACKEND = box
    with tenant(alice.tenant.id):
        Approval.objects.filter(id=row.id).update(notify_at=timezone.now())
    beat()
    assert len(mail.outbox) == 1
