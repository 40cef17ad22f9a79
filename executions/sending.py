"""Sends deliveries to webhooks: a thread of every worker finds what is due, a few more send it. Never a web request.

At least once: a delivery whose sender died is sent again, and so is one whose answer was lost; the header webhook-id
is the same each time, so that a receiver can tell.
"""

import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from django.conf import settings
from django.db import connection as orm_connection
from django.utils import timezone

from agents import outbound
from executions import hooks
from executions.heartbeat import Service
from executions.webhook_models import Delivery, DeliveryStatus, Webhook
from executions.webhooks import give_up
from teams import audit
from teams.access import system_actor
from teams.history import ChangeNote
from teams.models import Tenant
from teams.redact import redacted
from teams.secrets import SecretError, opened
from teams.tenancy import tenant

logger = logging.getLogger(__name__)

THREADS: Final = 8
TIMEOUT_SECONDS: Final = 10.0
LEASE_SECONDS: Final = 60.0
ANSWER_CHARACTERS: Final = 1024
RETRY_SECONDS: Final = (5, 60, 300, 1800, 7200, 18_000, 28_800, 28_800)
"""Waits between tries, a little more or less: given up a day after the first."""
REST_SECONDS: Final = 300
"""A webhook that fails is left alone for a while, so that one dead address does not hold up the others."""
DISABLE_AFTER: Final = 100
"""Tries in a row that failed, after which a webhook is switched off."""
GONE: Final = 410


@dataclass(frozen=True)
class Claim:
    """A delivery in this worker's hands, until its lease ends."""

    tenant_id: UUID
    delivery_id: UUID
    tries: int


@dataclass(frozen=True)
class Attempt:
    """What came of one try."""

    status: int | None
    answer: str
    error: str
    ms: int

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return not self.error


class Sender(Service):
    """Claims deliveries that are due, no more than there are threads free, and has them sent."""

    def __init__(self) -> None:
        super().__init__("webhook-sender", settings.WEBHOOK_SECONDS)
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="webhook")
        self._free = threading.Semaphore(THREADS)

    def beat(self, connection: psycopg.Connection[Any]) -> None:
        """Send until nothing is due."""
        while not self.stopped.is_set():
            free = self._take_free()
            claims = claim(connection, free) if free else []
            for _unused in range(free - len(claims)):
                self._free.release()
            for one in claims:
                self._pool.submit(self._send, one)
            if not claims:
                return

    def stop(self) -> None:
        super().stop()
        self._pool.shutdown(wait=False)

    def _take_free(self) -> int:
        """Take all threads that are free; wait a moment for one when there is none."""
        if not self._free.acquire(timeout=self.seconds):
            return 0
        free = 1
        while self._free.acquire(blocking=False):
            free += 1
        return free

    def _send(self, claimed: Claim) -> None:
        try:
            deliver(claimed)
        except Exception:
            # The edge of a thread: the delivery is due again when its lease ends.
            logger.exception("delivery %s could not be sent", claimed.delivery_id)
        finally:
            orm_connection.close()
            self._free.release()


def claim(connection: psycopg.Connection[Any], most: int) -> list[Claim]:
    """Take deliveries that are due."""
    rows = connection.execute(
        "SELECT tenant_id, delivery_id, tries FROM claim_deliveries_v1(%s::int, make_interval(secs => %s))",
        (most, LEASE_SECONDS),
        prepare=True,
    )
    return [Claim(*row) for row in rows.fetchall()]


def deliver(claimed: Claim) -> None:
    """Send one delivery and note what came of it. No scope is open while the receiver is waited for."""
    with tenant(claimed.tenant_id):
        row = _mine(claimed).select_related("webhook").first()
    if row is None:
        return
    attempt = _tried(row)
    with tenant(claimed.tenant_id):
        hook = Webhook.objects.select_for_update().filter(id=row.webhook_id).first()
        if hook is not None and _note(claimed, attempt):
            _judge(hook, attempt)
    if not attempt.delivered:
        logger.info("delivery %s, try %s: %s", row.id, claimed.tries, attempt.error)


def _mine(claimed: Claim) -> Any:
    return Delivery.objects.filter(id=claimed.delivery_id, tries=claimed.tries, status=DeliveryStatus.PENDING)


def _tried(row: Delivery) -> Attempt:
    began = time.monotonic()
    try:
        body = orjson.dumps(row.payload)
        headers = hooks.headers(row.id, int(time.time()), body, _secrets(row.webhook))
        answer = outbound.send(
            "POST", row.webhook.url, headers=headers, body=body, timeout_s=TIMEOUT_SECONDS,
            max_bytes=4 * ANSWER_CHARACTERS, allow_hosts=None,
        )  # fmt: skip
    except outbound.OutboundError as error:
        return Attempt(None, "", f"{error.code}: {error.message}", _since(began))
    except SecretError as error:
        return Attempt(None, "", f"its secret cannot be read: {error}", _since(began))
    text = answer.body.decode(errors="replace").replace("\0", "")
    taken = 200 <= answer.status < 300
    error_text = "" if taken else f"the receiver answered {answer.status}"
    return Attempt(answer.status, str(redacted(text))[:ANSWER_CHARACTERS], error_text, _since(began))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _secrets(hook: Webhook) -> list[str]:
    found = [opened(hook, "secret")]
    if hook.former_secret and hook.former_until and hook.former_until > timezone.now():
        found.append(opened(hook, "former_secret"))
    return found


def _note(claimed: Claim, attempt: Attempt) -> bool:
    """Write a try into its row. False: the delivery has been taken from us meanwhile."""
    last = claimed.tries > len(RETRY_SECONDS)
    failed = DeliveryStatus.FAILED if last else DeliveryStatus.PENDING
    status = DeliveryStatus.DELIVERED if attempt.delivered else failed
    next_at = None
    if status == DeliveryStatus.PENDING:
        next_at = timezone.now() + timedelta(seconds=RETRY_SECONDS[claimed.tries - 1] * random.uniform(0.8, 1.2))  # noqa: S311 - spread, no secret
    return bool(
        _mine(claimed).update(
            status=status, next_at=next_at, answer_status=attempt.status, answer=attempt.answer, error=attempt.error,
            ms=attempt.ms, tried_at=timezone.now(),
        )
    )  # fmt: skip


def _judge(hook: Webhook, attempt: Attempt) -> None:
    """Leave a webhook that fails alone for a while; switch it off when it has failed for long or is gone."""
    if attempt.delivered:
        if hook.failures:
            hook.failures, hook.rest_until = 0, None
            hook.save_noted("failures", "rest_until")
        return
    hook.failures += 1
    hook.rest_until = timezone.now() + timedelta(seconds=min(REST_SECONDS, 2.0 ** min(hook.failures, 20) / 2))
    gone = attempt.status == GONE
    if not (gone or hook.failures >= DISABLE_AFTER) or not hook.enabled:
        hook.save_noted("failures", "rest_until")
        return
    why = "the receiver says that it is gone (410)" if gone else f"{hook.failures} tries in a row failed"
    _switch_off(hook, f"{why}; the last: {attempt.error}")


def _switch_off(hook: Webhook, note: str) -> None:
    slug = Tenant.objects.values_list("slug", flat=True).get(id=hook.tenant_id)
    actor = system_actor(hook.tenant_id, slug, "webhooks")
    hook.enabled, hook.note, hook.updated_at = False, note, timezone.now()
    hook._change = ChangeNote(actor.label, note)  # type: ignore[attr-defined]
    hook.save()
    give_up(hook, "the webhook was switched off")
    audit.record(actor, "webhook.disable", hook, after={"enabled": False}, reason=note)
    logger.warning("webhook %s is switched off: %s", hook.id, note)
