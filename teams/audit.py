"""The audit trail: who changed what, when and why. Append-only: the login role may not update or delete it.

`record()` writes in the transaction of the change itself, so neither is ever there without the other. teams/sealer.py
chains what was written by hash, apart from the writes.
"""

from typing import Any

from django.db import models

from teams.access import Actor
from teams.models import AuditEntry


def record(
    actor: Actor,
    action: str,
    obj: models.Model,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Write one entry. Call inside the scope and transaction of the change.

    `before` and `after` hold what changed as JSON; never secrets. `action` is `noun.verb`, e.g. "team.update".
    """
    AuditEntry.objects.create(
        actor=actor.label,
        action=action,
        object_type=obj._meta.model_name or "",
        object_id=str(obj.pk),
        before=before,
        after=after,
        reason=reason,
    )
