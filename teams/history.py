"""History of everything an operator edits, kept by django-simple-history inside the same two walls.

A history row is a tenant row like any other: scoped manager, row level security, NOT NULL tenant. Each one says who
made the change (`actor`: "user:alice", "key:PREFIX", "system:..."), which django's user id alone cannot for API keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from django.db import DEFAULT_DB_ALIAS, models
from django.dispatch import receiver
from simple_history.manager import HistoricalQuerySet
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record

from teams.tenancy import TenantManager, TenantQuerySet, adopt

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True)
class ChangeNote:
    """Who changes a row and why; set on the instance as `_change` before each save()."""

    actor: str
    reason: str = ""
    user_id: int | None = None
    makes_version: bool = False
    additions: list[dict[str, Any]] = field(default_factory=list)


class Author(Protocol):
    """Who changes something; an Actor, which knows this module's rows and so cannot be named here."""

    @property
    def label(self) -> str: ...
    @property
    def user_id(self) -> int | None: ...


def noted(row: Row, author: Author, reason: str) -> Row:
    """The row, with who changes it and why for its history."""
    row._change = ChangeNote(author.label, reason, author.user_id)  # type: ignore[attr-defined]
    return row


class TenantHistoricalQuerySet(TenantQuerySet[Any], HistoricalQuerySet):
    """simple-history's queryset, scoped when evaluated."""


class TenantHistoryBase(models.Model):
    """Columns every history table has besides simple-history's own."""

    actor = models.CharField(max_length=200, default="system:unknown")

    objects = TenantManager()
    across_tenants = models.Manager()  # noqa: DJ012 - a manager, whatever the rule takes it for

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        adopt(self, kwargs.get("using") or DEFAULT_DB_ALIAS)
        super().save(*args, **kwargs)


class VersionHistoryBase(TenantHistoryBase):
    """A team's history is its versions: rows with `makes_version` carry the number in the copied `version` column."""

    makes_version = models.BooleanField(default=False)
    additions = models.JSONField(
        default=list, help_text="what the Team Builder did: kind, role, agent_id, by whom, why"
    )

    class Meta:
        abstract = True


def tenant_history(base: type[models.Model] = TenantHistoryBase, *, without: Sequence[str] = ()) -> HistoricalRecords:
    """Return the history field for a tenant model; the fields `without` are not kept in it."""
    return HistoricalRecords(
        bases=(base,),
        excluded_fields=list(without),
        historical_queryset=TenantHistoricalQuerySet,
        history_change_reason_field=models.TextField(null=True),
        history_id_field=models.BigAutoField(),
    )


@receiver(pre_create_historical_record)
def copy_change_note(instance: Any, history_instance: Any, **_: Any) -> None:
    """Carry `_change` over to the history row. The library's own hook for extra columns; no rule lives here."""
    # Taken, not read: a row kept in hand must not lend its last editor, or a version, to the next save.
    note: ChangeNote | None = instance.__dict__.pop("_change", None)
    if note is None:
        return
    history_instance.actor = note.actor
    history_instance.history_change_reason = note.reason or None
    history_instance.history_user_id = note.user_id
    if isinstance(history_instance, VersionHistoryBase):
        history_instance.makes_version = note.makes_version
        history_instance.additions = note.additions
