"""Pages of the apps below that need more than their own app to be made."""

from django.contrib import admin

from console.admin_tenants import TenantPages
from teams.models import Tenant

admin.site.unregister(Tenant)
admin.site.register(Tenant, TenantPages)
