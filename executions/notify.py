"""Tells people by e-mail that a run waits for their decision: a thread of every worker, never a web request.

Told are members who may decide and have asked for it (`notify_approvals`). A mail names the tool and the run, never the
arguments: those are read after signing in. A mail that cannot be sent is tried again while the decision is open.
"""

import logging
import smtplib
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection as orm_connection
from django.urls import reverse

from executions.approvals import DECIDE
from executions.heartbeat import Service
from executions.models import Approval
from teams.access import ROLE_SCOPES
from teams.models import Membership, Tenant
from teams.tenancy import tenant

logger = logging.getLogger(__name__)

AT_ONCE: Final = 20
AGAIN_SECONDS: Final = 300.0
MAY_DECIDE: Final = [role for role, scopes in ROLE_SCOPES.items() if DECIDE in scopes]


@dataclass(frozen=True)
class Notice:
    """A mail to each of some people."""

    to: list[str]
    subject: str
    text: str


class Notifier(Service):
    """Looks for decisions that are open and untold."""

    def __init__(self) -> None:
        super().__init__("notifier", settings.NOTIFY_SECONDS)

    def beat(self, connection: psycopg.Connection[Any]) -> None:
        """Tell of what is new."""
        rows = connection.execute(
            "SELECT tenant_id, approval_id FROM claim_notices_v1(%s::int, make_interval(secs => %s))",
            (AT_ONCE, AGAIN_SECONDS),
            prepare=True,
        ).fetchall()
        for tenant_id, approval_id in rows:
            try:
                tell(tenant_id, approval_id)
            except (OSError, smtplib.SMTPException) as error:
                logger.warning("no mail about approval %s, trying again: %s", approval_id, error)
            except Exception:
                # The edge of a thread that must go on; the approval comes again.
                logger.exception("approval %s could not be told", approval_id)
            finally:
                orm_connection.close()


def tell(tenant_id: UUID, approval_id: UUID) -> int:
    """Send the mails about one approval; return how many. No scope is open while they are sent.

    Raises the mail server's error when nobody could be told. Told again for the sake of one address that is refused,
    everybody else would get the same mail every five minutes.
    """
    with tenant(tenant_id):
        row = Approval.objects.select_related("execution__team").filter(id=approval_id, decision="").first()
        notice = _notice(row) if row else None
    sent = _mailed(notice, approval_id) if notice else 0
    with tenant(tenant_id):
        Approval.objects.filter(id=approval_id).update(notify_at=None)
    return sent


def _mailed(notice: Notice, approval_id: UUID) -> int:
    sent, errors = 0, []
    for address in notice.to:
        try:
            sent += send_mail(notice.subject, notice.text, settings.DEFAULT_FROM_EMAIL, [address])
        except (OSError, smtplib.SMTPException) as error:
            errors.append(error)
    if errors and not sent:
        raise errors[0]
    for refused in errors:
        logger.warning("approval %s: one of %s people got no mail: %s", approval_id, len(notice.to), refused)
    return sent


def _notice(row: Approval) -> Notice:
    members = Membership.objects.filter(notify_approvals=True, role__in=MAY_DECIDE, user__is_active=True)
    addresses = [address for address in members.values_list("user__email", flat=True).order_by("id") if address]
    run = row.execution
    where = settings.PUBLIC_URL.rstrip("/") + reverse("admin:executions_execution_change", args=[run.id])
    until = f"Until {row.expires_at:%d %b %Y %H:%M} UTC; then it is given up.\n" if row.expires_at else ""
    slug = Tenant.objects.values_list("slug", flat=True).get(id=row.tenant_id)
    text = (
        f"A run of the team {run.team.name} in {slug} waits for a person to allow or refuse a call.\n\n"
        f"Tool: {row.tool}\nAgent: {row.role}\nRun: {run.id}\n{until}\nDecide here: {where}\n"
    )
    # A header is one line.
    title = " ".join(run.team.name.split())[:80]
    return Notice(addresses, f"[{slug}] {title} waits for your decision", text)
