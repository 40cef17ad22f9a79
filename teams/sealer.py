"""Makes the audit trail tamper-evident: each tenant's entries are chained by hash, apart from the writes.

An entry belongs to the transaction that wrote it (`xact`). `seal()` covers what lies below the transaction horizon:
every transaction below it has ended, so no entry can appear there later however slow its writer was. A link hashes the
former link and its own entries in (xact, id) order; a changed, removed or added entry no longer fits.

The hash has no key: who owns the tables could write a whole new chain. `verify()` therefore tells the head of the
chain; noted somewhere else, it shows that too.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models.functions import Cast
from django.utils import timezone

from teams.models import AuditEntry, AuditSeal
from teams.tenancy import across_tenants, tenant

_LOCK = 0x5EA1  # first half of the advisory lock's key; the second is the tenant's

_WAITING = """
    SELECT t.id FROM teams_tenant t
    LEFT JOIN LATERAL (SELECT s.horizon FROM teams_auditseal s WHERE s.tenant_id = t.id
                       ORDER BY s.horizon DESC LIMIT 1) last ON true
    WHERE EXISTS (SELECT 1 FROM teams_auditentry e WHERE e.tenant_id = t.id
                  AND e.xact >= COALESCE(last.horizon, 0) AND e.xact < txid_snapshot_xmin(txid_current_snapshot()))
    ORDER BY t.slug
"""


_COUNTER_BEHIND = (
    "the server counts transactions from {now} again, so what was written since cannot be told from what was added: "
    "was the database restored into another server?"
)


@dataclass(frozen=True)
class Fault:
    """A link of the chain that does not fit what is stored."""

    horizon: int
    sealed_at: datetime
    message: str

    def __str__(self) -> str:
        return f"seal of {self.sealed_at:%Y-%m-%d %H:%M:%S} UTC (below transaction {self.horizon}): {self.message}"


@dataclass(frozen=True)
class Verdict:
    """What `verify` found. `unsealed` counts entries after the last link; `head` is its digest, "" without one."""

    faults: list[Fault]
    seals: int
    entries: int
    unsealed: int
    head: str


@dataclass(frozen=True)
class _Link:
    """The end of a chain as far as it is read; before the first link all is empty."""

    tenant_id: UUID
    horizon: int = 0
    digest: str = ""

    def next_digest(self, horizon: int, sealed_at: datetime, entries: Iterator[bytes]) -> tuple[str, int]:
        """Return (digest, number of entries) of the link after this one."""
        header = [str(self.tenant_id), self.horizon, self.digest, horizon, sealed_at.astimezone(UTC).isoformat()]
        running, count = hashlib.sha256(json.dumps(header).encode()), 0
        for line in entries:
            count += 1
            running.update(b"\n")  # JSON on one line holds no line feed, so lines cannot be shifted into each other
            running.update(line)
        return running.hexdigest(), count


def seal() -> int:
    """Add a link for every tenant with entries below the horizon; return how many were added.

    Meant to be called every few seconds by any number of processes: a tenant that another one is sealing is skipped.
    """
    with across_tenants("find unsealed audit entries"), connection.cursor() as cursor:
        cursor.execute(_WAITING)
        waiting = [row[0] for row in cursor.fetchall()]
    return sum(_seal_tenant(tenant_id) for tenant_id in waiting)


def verify(tenant_id: UUID) -> Verdict:
    """Compute a tenant's chain again from what is stored.

    Each link is held against the stored digest of the one before, so one fault is reported once, where it is.
    """
    faults, seals, covered = [], 0, 0
    with tenant(tenant_id):
        link, entries = _Link(tenant_id), _Entries(_rows(AuditEntry.objects.all()))
        for row in AuditSeal.objects.order_by("horizon").iterator():
            digest, count = link.next_digest(row.horizon, row.sealed_at, entries.below(row.horizon))
            if count != row.entries:
                faults.append(
                    Fault(row.horizon, row.sealed_at, f"{count} entries are there, {row.entries} were sealed")
                )
            elif digest != row.digest:
                faults.append(Fault(row.horizon, row.sealed_at, "an entry or a seal was changed, removed or added"))
            seals, covered, link = seals + 1, covered + count, _Link(tenant_id, row.horizon, row.digest)
        unsealed = entries.rest()
        if (now := _horizon()) < link.horizon:
            faults.append(Fault(link.horizon, timezone.now(), _COUNTER_BEHIND.format(now=now)))
    return Verdict(faults, seals, covered, unsealed, link.digest)


def _seal_tenant(tenant_id: UUID) -> int:
    with tenant(tenant_id):
        if not _locked(tenant_id):
            return 0
        last = AuditSeal.objects.order_by("-horizon").first()
        link = _Link(tenant_id, last.horizon, last.digest) if last else _Link(tenant_id)
        # Read before the entries: all transactions below it have ended, so the next statement sees all of theirs.
        horizon, sealed_at = _horizon(), timezone.now()
        new = AuditEntry.objects.filter(xact__gte=link.horizon, xact__lt=horizon)
        digest, count = link.next_digest(horizon, sealed_at, (line for _xact, line in _rows(new)))
        if count:
            AuditSeal.objects.create(horizon=horizon, entries=count, digest=digest, sealed_at=sealed_at)
    return int(count > 0)


def _locked(tenant_id: UUID) -> bool:
    """Take the tenant's sealing lock until the end of the transaction; False when another process has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, str(tenant_id)])
        return bool(cursor.fetchone()[0])


def _horizon() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT txid_snapshot_xmin(txid_current_snapshot())")
        return int(cursor.fetchone()[0])


def _rows(entries: models.QuerySet[AuditEntry]) -> Iterator[tuple[int, bytes]]:
    """(xact, canonical line) of each entry, in the order of the chain.

    JSON columns are taken as PostgreSQL's own text: it is the same for the same value, and reading it cannot fail
    whatever somebody may have put there.
    """
    texts = {f"{name}_text": Cast(name, models.TextField()) for name in ("before", "after")}
    columns = ("xact", "id", "at", "actor", "action", "object_type", "object_id", "before_text", "after_text", "reason")
    ordered = entries.annotate(**texts).order_by("xact", "id").values_list(*columns)
    for row in ordered.iterator(chunk_size=1000):
        yield row[0], json.dumps([_plain(value) for value in row]).encode()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


class _Entries:
    """A tenant's entries, read once and handed out seal by seal."""

    def __init__(self, rows: Iterator[tuple[int, bytes]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def below(self, horizon: int) -> Iterator[bytes]:
        """The entries not handed out yet whose transaction is below `horizon`."""
        while self._next is not None and self._next[0] < horizon:
            yield self._next[1]
            self._next = next(self._rows, None)

    def rest(self) -> int:
        """How many are left."""
        return int(self._next is not None) + sum(1 for _ in self._rows)
