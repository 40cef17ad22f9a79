"""/api/v1/audit: the tenant's audit trail."""

from datetime import datetime
from typing import Any

from django.urls import path
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from teams import paging
from teams.api_base import ApiView
from teams.api_schema import describe
from teams.api_shapes import page_example
from teams.models import AuditEntry
from teams.shapes import Answer, Moment, Page, PageQuery, Text, as_json
from teams.tenancy import tenant


class AuditQuery(PageQuery):
    """Which entries to list."""

    actor: Text | None = Field(None, description='For example "user:alice" or "key:PREFIX".')
    action: Text | None = Field(None, description='For example "team.update".')
    object_type: Text | None = Field(None, description='For example "team".')
    object_id: Text | None = None
    after: Moment | None = Field(None, description="At or after this moment, with its offset.")
    before: Moment | None = Field(None, description="Before this moment, with its offset.")


class AuditRow(Answer):
    """One change."""

    id: int
    at: datetime
    actor: str
    action: str
    object_type: str
    object_id: str
    before: Any
    after: Any
    reason: str


_AUDIT_EXAMPLE: dict[str, Any] = {
    "id": 1042,
    "at": "2026-11-21T09:30:00Z",
    "actor": "user:alice",
    "action": "team.update",
    "object_type": "team",
    "object_id": "6f1e2b1c-6c57-4ad5-9a3a-0f6b3f0f4b7e",
    "before": {"version": 2},
    "after": {"version": 3},
    "reason": "the critic was too kind",
}
_AUDIT_EXACT = ("actor", "action", "object_type", "object_id")


class AuditView(ApiView):
    """The tenant's audit trail."""

    scopes = {"GET": "audit:read"}
    queries = {"GET": AuditQuery}
    query: AuditQuery

    @describe("List audit entries", answer=Page[AuditRow], example=page_example(_AUDIT_EXAMPLE))
    def get(self, _request: Request) -> Response:
        """Every change, newest first: who, what, when and why."""
        with tenant(self.actor.tenant_id):
            found = paging.page(_entries(self.query), ("-id",), self.query.cursor, self.query.limit)
        return self.page(found, [as_json(_entry(row)) for row in found.rows])


def _entries(query: AuditQuery) -> Any:
    exact = {name: getattr(query, name) for name in _AUDIT_EXACT if getattr(query, name) is not None}
    entries = AuditEntry.objects.filter(**exact)
    if query.after:
        entries = entries.filter(at__gte=query.after)
    if query.before:
        entries = entries.filter(at__lt=query.before)
    return entries


def _entry(row: AuditEntry) -> AuditRow:
    return AuditRow(**{name: getattr(row, name) for name in AuditRow.model_fields})


urlpatterns = [path("audit", AuditView.as_view(), name="api-audit")]
