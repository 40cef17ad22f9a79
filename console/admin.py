"""Pages of the apps below that need more than their own app to be made."""

from django.contrib import admin

from console.admin_teams import TeamPages
from console.admin_tenants import TenantPages
from teams.models import Team, Tenant

admin.site.unregister(Tenant)
admin.site.register(Team, TeamPages)
admin.site.register(Tenant, TenantPages)
