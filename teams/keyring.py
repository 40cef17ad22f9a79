"""Making, rotating and revoking API keys. The key itself is returned once and stored nowhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from teams import audit, keys
from teams.access import ALL_SCOPES, SCOPES, Actor
from teams.errors import Conflict, Forbidden, Invalid, Located, NotFound
from teams.models import ApiKey
from teams.tenancy import tenant

ROTATION_GRACE = timedelta(hours=24)
"""How long a rotated key goes on working by default, so that its users can be given the new one."""


def parse_scopes(text: str) -> list[str]:
    """Read "all" or "a,b"; raise `Invalid` for unknown names."""
    wanted = sorted(ALL_SCOPES) if text.strip() == "all" else [part.strip() for part in text.split(",") if part.strip()]
    return _checked_scopes(wanted)


def key_create(
    *, actor: Actor, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Store a new key of the actor's tenant; return (row, key). Raises `Invalid`, or `Forbidden` for rights the actor
    lacks: nobody can make a key that may do more than they may themselves."""
    actor.require("keys:write")
    wanted = _checked_scopes(scopes)
    _checked(name, expires_at)
    if beyond := sorted(set(wanted) - actor.scopes):
        raise Forbidden(f"you cannot give what you do not have: {', '.join(beyond)}")
    key, prefix, digest = keys.new_key()
    with tenant(actor.tenant_id):
        row = ApiKey.objects.create(
            name=name.strip(),
            prefix=prefix,
            digest=digest,
            scopes=wanted,
            expires_at=expires_at,
            created_by=actor.label,
        )
        audit.record(actor, "key.create", row, after={"name": row.name, "prefix": prefix, "scopes": wanted})
    return row, key


def key_rotate(*, actor: Actor, key_id: UUID, grace: timedelta = ROTATION_GRACE) -> tuple[ApiKey, str]:
    """Make a successor with the same name, scopes and expiry; the old key ends after `grace`. Raises `Conflict` for a
    key that no longer works."""
    actor.require("keys:write")
    with tenant(actor.tenant_id):
        old = _locked(key_id)
        if old.state != "active":
            raise Conflict(f"the key is {old.state}; create a new one")
        row, key = key_create(actor=actor, name=old.name, scopes=old.scopes, expires_at=old.expires_at)
        ends = timezone.now() + grace
        old.expires_at = min(ends, old.expires_at) if old.expires_at else ends
        old.save(update_fields=["expires_at"])
        audit.record(actor, "key.rotate", old, after={"successor": row.prefix, "ends": old.expires_at.isoformat()})
    return row, key


def key_revoke(*, actor: Actor, key_id: UUID, reason: str = "") -> ApiKey:
    """End a key at once. Revoking a revoked key changes nothing."""
    actor.require("keys:write")
    with tenant(actor.tenant_id):
        row = _locked(key_id)
        if row.revoked_at is None:
            row.revoked_at = timezone.now()
            row.save(update_fields=["revoked_at"])
            audit.record(actor, "key.revoke", row, before={"prefix": row.prefix}, reason=reason)
    return row


def _locked(key_id: UUID) -> ApiKey:
    row = ApiKey.objects.select_for_update().filter(id=key_id).first()
    if row is None:
        raise NotFound(f"API key {key_id} not found")
    return row


def _checked_scopes(scopes: Sequence[str]) -> list[str]:
    unknown = keys.unknown_scopes(scopes, SCOPES)
    if unknown or not scopes:
        problem = f"unknown scope {', '.join(unknown)}" if unknown else "give at least one scope"
        raise Invalid(
            "The scopes are not valid.",
            errors=[Located(loc="scopes", msg=f"{problem}; there are: {', '.join(SCOPES)}")],
        )
    return sorted(set(scopes))


def _checked(name: str, expires_at: datetime | None) -> None:
    errors = []
    if not name.strip() or len(name) > 100 or "\0" in name:
        errors.append(Located(loc="name", msg="give a name of 1 to 100 characters that says what uses the key"))
    if expires_at is not None and expires_at <= timezone.now():
        errors.append(Located(loc="expires_at", msg="must be in the future"))
    if errors:
        raise Invalid("The key is not valid.", errors=errors)
