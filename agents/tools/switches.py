"""What a tenant has set for a tool, looked up for each call: switching one off holds at once, also in running runs."""

from typing import cast
from uuid import UUID

from django.db import connection

from agents.models import TenantTool
from agents.tools.spec import Asking, Switch
from teams.tenancy import tenant


def switch_of(tenant_id: UUID, name: str) -> Switch:
    """Return the tenant's settings of a tool; one it never touched is on."""
    try:
        with tenant(tenant_id):
            row = TenantTool.objects.filter(name=name).first()
    finally:
        if not connection.in_atomic_block:
            connection.close()  # back to the pool: the tool takes its time, and a run's thread looks nothing else up
    return Switch(row.enabled, cast(Asking, row.approval), row.settings) if row else Switch()
