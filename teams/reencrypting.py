"""Sealed values moved to the first of ENCRYPTION_KEYS: every `SealedField` of every table, in batches.

Each value is opened on the way, so a walk also proves that all of them can be read. Running it again changes nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import models

from teams.models import AuditEntry
from teams.secrets import VERSION, SealedField, SecretError, key_id_of, opened, seal_into, writing_key
from teams.tenancy import TenantModel, across_tenants

BATCH: Final = 200


class NotAllResealed(SecretError):
    """After the walk there are values under another key that the walk does not account for."""

    code = "not_all_resealed"


@dataclass
class Walked:
    """What was done with one column. `failed` are the values that could not be opened, and so stay as they are."""

    table: str
    column: str
    rows: int = 0
    resealed: int = 0
    failed: list[str] = field(default_factory=list)


def sealed_columns() -> list[tuple[type[TenantModel], str]]:
    """Every column of sealed values there is, by table."""
    found = [
        (model, column.name)
        for model in apps.get_models()
        if issubclass(model, TenantModel)
        for column in model._meta.get_fields()
        if isinstance(column, SealedField)
    ]
    return sorted(found, key=lambda pair: (pair[0]._meta.db_table, pair[1]))


def reencrypt(*, dry_run: bool = False, batch: int = BATCH) -> Iterator[Walked]:
    """Walk all columns; yield what was done with each. Raises `NotAllResealed` and `NoUsableKey`.

    With `dry_run` values are opened and counted, and nothing is written.
    """
    for model, column in sealed_columns():
        walked = Walked(model._meta.db_table, column)
        last: Any = None
        while last := _batch(model, column, walked, after=last, size=batch, dry_run=dry_run):
            pass
        if not dry_run:
            _account_for_all(model, column, walked)
        yield walked


def _batch(
    model: type[TenantModel], column: str, walked: Walked, *, after: object, size: int, dry_run: bool
) -> object | None:
    """Do the rows behind `after`; return the last one's id, None when there were no more."""
    with across_tenants(f"reencrypt {model._meta.db_table}.{column}"):
        waiting = _filled(model, column).order_by("pk").select_for_update()
        rows = list((waiting if after is None else waiting.filter(pk__gt=after))[:size])
        done: Counter[UUID] = Counter()
        for row in rows:
            walked.rows += 1
            if _resealed(row, column, walked, dry_run=dry_run):
                walked.resealed += 1
                done[row.tenant_id] += 1
        if not dry_run:
            _record(model, column, done)
    return rows[-1].pk if rows else None


def _filled(model: type[TenantModel], column: str) -> models.QuerySet[TenantModel]:
    """The rows that hold a value: a column may be empty, as that of a secret's predecessor."""
    return model.objects.exclude(**{column: ""}).exclude(**{f"{column}__isnull": True})


def _resealed(row: TenantModel, column: str, walked: Walked, *, dry_run: bool) -> bool:
    try:
        plain = opened(row, column)
    except SecretError as error:
        walked.failed.append(f"{error.code}: {error}")
        return False
    if key_id_of(getattr(row, column)) == writing_key():
        return False
    if not dry_run:
        seal_into(row, column, plain)
        _save(row, column)
    return True


def _save(row: models.Model, column: str) -> None:
    """Write the column alone. The secret is the same, so a history has nothing to tell."""
    save = getattr(row, "save_without_historical_record", row.save)
    save(update_fields=[column])


def _record(model: type[TenantModel], column: str, done: Counter[UUID]) -> None:
    for tenant_id, rows in done.items():
        AuditEntry(
            tenant_id=tenant_id,
            actor="system:reencrypt",
            action="secret.reencrypt",
            object_type=model._meta.model_name or "",
            object_id=column,
            after={"rows": rows, "key": writing_key()},
        ).save()


def _account_for_all(model: type[TenantModel], column: str, walked: Walked) -> None:
    with across_tenants(f"count {model._meta.db_table}.{column}"):
        others = _filled(model, column).exclude(**{f"{column}__startswith": f"{VERSION}:{writing_key()}:"})
        left = others.count()
    if left > len(walked.failed):
        raise NotAllResealed(
            f"{walked.table}.{column}: {left} values are under another key than {writing_key()}, "
            f"{len(walked.failed)} of them cannot be opened; does a process still run with the old ENCRYPTION_KEYS?"
        )
