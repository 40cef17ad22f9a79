"""API keys: made, found, rotated and revoked. The key is shown once; a keyed digest of it is stored.

HMAC-SHA256 with a pepper, not a slow password hash: keys are 256 random bits, so slowness would protect nothing and
make every request a small denial of service.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from teams.errors import Unauthenticated
from teams.models import ApiKey
from teams.tenancy import tenant

_SHAPE = re.compile(r"tb_live_([a-z0-9]{10})_([A-Za-z0-9_-]{43})")
_PREFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_REFUSED = "the API key is malformed, unknown, expired or revoked"


@dataclass(frozen=True)
class FoundKey:
    """A valid key's row, as far as a request needs it."""

    id: UUID
    tenant_id: UUID
    tenant_slug: str
    prefix: str
    scopes: list[str]


def new_key() -> tuple[str, str, bytes]:
    """Return (key, prefix, digest) of a fresh random key."""
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(10))
    key = f"tb_live_{prefix}_{secrets.token_urlsafe(32)}"
    return key, prefix, _digest(key)


def _digest(key: str) -> bytes:
    return hmac.digest(settings.API_KEY_PEPPER.encode(), key.encode(), hashlib.sha256)


def authenticate(key: str) -> FoundKey:
    """Return the row of a valid key; raise `Unauthenticated`, with one text whatever is wrong."""
    shape = _SHAPE.fullmatch(key)
    if shape is None:
        raise Unauthenticated(_REFUSED)
    row = _lookup(shape[1])
    # Compared also on a miss, so that the time taken does not tell which prefixes exist.
    matches = hmac.compare_digest(_digest(key), bytes(row[4]) if row else b"\0" * 32)
    if not row or not matches:
        raise Unauthenticated(_REFUSED)
    key_id, tenant_id, slug, active, _stored, scopes, expires_at, revoked_at, stale = row
    if not active or revoked_at or (expires_at and expires_at <= timezone.now()):
        raise Unauthenticated(_REFUSED)
    if stale:
        _touch(tenant_id, key_id)
    return FoundKey(key_id, tenant_id, slug, shape[1], json.loads(scopes) if isinstance(scopes, str) else scopes)


def _lookup(prefix: str) -> tuple[UUID, UUID, str, bool, bytes, str, datetime | None, datetime | None, bool] | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM api_key_lookup_v1(%s)", [prefix])
        row: tuple[UUID, UUID, str, bool, bytes, str, datetime | None, datetime | None, bool] | None = cursor.fetchone()
        return row


def _touch(tenant_id: UUID, key_id: UUID) -> None:
    with tenant(tenant_id):
        ApiKey.objects.filter(id=key_id).update(last_used_at=timezone.now())


def unknown_scopes(scopes: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the scopes that do not exist, in order."""
    return sorted(set(scopes) - set(known))
