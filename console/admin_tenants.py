"""The platform's tenants, with what the apps below cannot see: their runs."""

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.utils import timezone

from console import figures
from teams.admin_tenants import TenantAdmin

DAYS: Final = 14
MOST: Final = 1000
"""Counting ends there: a list says how busy a tenant is, not how many runs there ever were."""


class TenantPages(TenantAdmin):
    """The directory of tenants with their latest runs."""

    list_display = ["slug", "name", "state", "members", "live_teams", "runs", "created"]

    def look_up(self, rows: list[Any]) -> None:
        super().look_up(rows)
        counted = figures.runs_at_most([row.pk for row in rows], timezone.now() - timedelta(days=DAYS), MOST)
        for row in rows:
            row.runs_counted = counted.get(row.pk, 0)

    @admin.display(description=f"runs of {DAYS} days")
    def runs(self, tenant: Any) -> str:
        return f"{MOST:,} and more" if tenant.runs_counted > MOST else f"{tenant.runs_counted:,}"
