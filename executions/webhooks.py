"""The only writers of webhooks on behalf of people; each change leaves history and an audit row.

A secret is returned by the call that makes it and sealed in its row; no other call gives it back.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import Case, QuerySet, TextField, Value, When
from django.db.models.functions import Concat
from django.utils import timezone

from executions import hooks
from executions.models import OPEN, Execution
from executions.webhook_models import TEST_EVENT, Delivery, DeliveryStatus, Webhook, every_event
from teams import audit
from teams.access import Actor
from teams.errors import Conflict, Located, NotFound
from teams.history import noted
from teams.models import Team
from teams.refusing import reason_problems, refuse
from teams.secrets import opened, seal_into
from teams.storing import not_found
from teams.tenancy import tenant

MAX_WEBHOOKS: Final = 50
MAX_NAME: Final = 200
ROTATION_GRACE: Final = timedelta(hours=24)
MAX_GRACE: Final = timedelta(days=30)
EDITABLE: Final = ("name", "url", "events", "team_id", "enabled")
SCOPE: Final = "webhooks:write"


def webhook_create(*, actor: Actor, fields: Mapping[str, Any], reason: str = "") -> tuple[Webhook, str]:
    """Store a new webhook from the EDITABLE `fields`; return it and its secret, which is told this once.

    Raises `Invalid`, `NotFound` (the team), and `Conflict` when the tenant has as many as it may.
    """
    actor.require(SCOPE)
    with tenant(actor.tenant_id):
        if own_webhooks().count() >= MAX_WEBHOOKS:
            raise Conflict(f"a tenant has at most {MAX_WEBHOOKS} webhooks: delete one you do not need")
        row = Webhook(tenant_id=actor.tenant_id, created_by=actor.label)
        _take(row, fields, reason)
        secret = hooks.new_secret()
        seal_into(row, "secret", secret)
        _save(row, actor, reason)
        audit.record(actor, "webhook.create", row, after=_facts(row), reason=reason)
    return row, secret


def webhook_change(*, actor: Actor, webhook_id: UUID, fields: Mapping[str, Any], reason: str = "") -> Webhook:
    """Change some of the EDITABLE `fields`. Switched off: what waits to be sent is given up; on: it starts afresh.

    Raises `Invalid`, `NotFound`.
    """
    actor.require(SCOPE)
    with tenant(actor.tenant_id):
        row = _locked(webhook_id)
        before, url = _facts(row), row.url
        _take(row, fields, reason)
        if _facts(row) == before and row.url == url:
            return row
        if row.enabled and (row.url != url or not before["enabled"]):
            row.failures, row.rest_until, row.note = 0, None, ""
        _save(row, actor, reason)
        if not row.enabled:
            give_up(row, "the webhook is switched off")
        audit.record(actor, "webhook.update", row, before=before, after=_facts(row), reason=reason)
    return row


def webhook_rotate(
    *, actor: Actor, webhook_id: UUID, grace: timedelta = ROTATION_GRACE, reason: str = ""
) -> tuple[Webhook, str]:
    """Give a webhook a new secret; return both. Until `grace` is over, deliveries are signed with the old one, too."""
    actor.require(SCOPE)
    refuse(reason_problems(reason))
    with tenant(actor.tenant_id):
        row = _locked(webhook_id)
        former, secret = opened(row, "secret"), hooks.new_secret()
        seal_into(row, "former_secret", former)
        seal_into(row, "secret", secret)
        row.former_until = timezone.now() + min(grace, MAX_GRACE)
        row.save_noted("secret", "former_secret", "former_until")
        ends = {"former_until": row.former_until.isoformat()}
        audit.record(actor, "webhook.rotate", row, after=ends, reason=reason)
    return row, secret


def webhook_delete(*, actor: Actor, webhook_id: UUID, reason: str = "") -> None:
    """Drop a webhook with its deliveries. Raises `NotFound`."""
    actor.require(SCOPE)
    refuse(reason_problems(reason))
    with tenant(actor.tenant_id):
        row = _locked(webhook_id)
        audit.record(actor, "webhook.delete", row, before=_facts(row), reason=reason)
        noted(row, actor, reason).delete()


def webhook_get(*, actor: Actor, webhook_id: UUID) -> Webhook:
    """Return a webhook; raise `NotFound`, with one text for foreign and missing."""
    actor.require(SCOPE)
    with tenant(actor.tenant_id):
        row = own_webhooks().filter(id=webhook_id).first()
    if row is None:
        raise _missing(webhook_id)
    return row


def webhook_test(*, actor: Actor, webhook_id: UUID) -> Delivery:
    """Have a test event sent, as a delivery like any other. Raises `NotFound`, and `Conflict` while it is switched
    off."""
    actor.require(SCOPE)
    with tenant(actor.tenant_id):
        hook = _locked(webhook_id)
        if not hook.enabled:
            raise Conflict("the webhook is switched off; switch it on first")
        _call_now(hook)
        now = timezone.now()
        data = {"webhook_id": str(hook.id), "name": hook.name, "asked_by": actor.label}
        payload = {"type": TEST_EVENT, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": data}
        row = Delivery.objects.create(webhook=hook, event=TEST_EVENT, payload=payload, next_at=now)
        audit.record(actor, "webhook.test", hook, after={"delivery_id": str(row.id)})
    return row


def delivery_again(*, actor: Actor, delivery_id: UUID) -> Delivery:
    """Have a delivery sent again, from its first try on, under the same webhook-id.

    Raises `NotFound`, and `Conflict` while its webhook is switched off or it is about to be sent anyway.
    """
    actor.require(SCOPE)
    with tenant(actor.tenant_id):
        found = Delivery.objects.filter(id=delivery_id).values_list("webhook_id", flat=True)
        # In the order in which a sender locks them.
        hook = Webhook.objects.select_for_update().filter(id__in=found).first()
        row = Delivery.objects.select_for_update().filter(id=delivery_id).first()
        if hook is None or row is None:
            raise NotFound(f"Delivery ID {delivery_id} not found")
        if not hook.enabled:
            raise Conflict("the webhook is switched off; switch it on first")
        if row.status == DeliveryStatus.PENDING and not row.tries:
            raise Conflict("the delivery has not been sent yet")
        _call_now(hook)
        row.status, row.next_at, row.tries, row.error = DeliveryStatus.PENDING, timezone.now(), 0, ""
        row.save(update_fields=["status", "next_at", "tries", "error"])
        audit.record(actor, "delivery.again", row, after={"event": row.event})
    return row


def own_webhooks() -> QuerySet[Webhook]:
    """The webhooks people keep, without those of single runs. To be evaluated inside a scope."""
    return Webhook.objects.filter(execution=None)


def give_up(row: Webhook, why: str) -> None:
    """End the deliveries a webhook still waits for; what went wrong with one stays told. Inside the scope."""
    pending = Delivery.objects.filter(webhook_id=row.id, status=DeliveryStatus.PENDING)
    told = Case(When(error="", then=Value(why)), default=Concat("error", Value(f"; {why}")), output_field=TextField())
    pending.update(status=DeliveryStatus.FAILED, next_at=None, error=told)


def bind(execution: Execution, hook: hooks.RunWebhook) -> None:
    """Have one run told to one address. Call in the transaction that stores the run."""
    row = Webhook(
        tenant_id=execution.tenant_id,
        name=f"run {execution.id}",
        url=hook.url,
        events=list(hook.events or every_event()),
        execution=execution,
        created_by=execution.actor,
    )
    seal_into(row, "secret", hook.secret)
    row.save_noted()


# --- inside -----------------------------------------------------------------------------------------------------------


def _take(row: Webhook, fields: Mapping[str, Any], reason: str) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.name = row.name.strip()
    refuse(_problems(row, reason))
    row.events = [event for event in every_event() if event in row.events]
    if fields.get("team_id") and not Team.objects.filter(id=fields["team_id"], is_deleted=False).exists():
        raise not_found(fields["team_id"])


def _problems(row: Webhook, reason: str) -> list[Located]:
    found = []
    if not row.name or len(row.name) > MAX_NAME or not row.name.isprintable():
        found.append(Located(loc="name", msg=f"must be one line of 1 to {MAX_NAME} characters that says what listens"))
    return [*found, *hooks.url_problems(row.url), *hooks.event_problems(row.events), *reason_problems(reason)]


def _save(row: Webhook, actor: Actor, reason: str) -> None:
    row.updated_at = timezone.now()
    noted(row, actor, reason).save()
    if row.enabled:
        # Runs under way were accepted when perhaps nobody listened.
        Execution.objects.filter(status__in=OPEN, has_webhooks=False).update(has_webhooks=True)


def _facts(row: Webhook) -> dict[str, Any]:
    """What the audit trail says of a webhook. Of its address the host alone: the rest may be a secret of its own."""
    return {
        "name": row.name,
        "host": urlsplit(row.url).netloc,
        "events": row.events,
        "team_id": str(row.team_id) if row.team_id else None,
        "enabled": row.enabled,
    }


def _locked(webhook_id: UUID) -> Webhook:
    row = own_webhooks().select_for_update().filter(id=webhook_id).first()
    if row is None:
        raise _missing(webhook_id)
    return row


def _call_now(hook: Webhook) -> None:
    """A person wants to see what comes of it: a webhook that is left alone after failures is called all the same."""
    if hook.rest_until is not None:
        hook.rest_until = None
        hook.save_noted("rest_until")


def _missing(webhook_id: UUID) -> NotFound:
    return NotFound(f"Webhook ID {webhook_id} not found")
