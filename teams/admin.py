"""What of this app is in the admin. The pages are in the modules admin_*.py."""

import django.contrib.auth.admin  # noqa: F401  registers User and Group, to be replaced here
from django.contrib import admin
from django.contrib.auth.models import Group, User

from teams.admin_account import AccountPages
from teams.admin_audit import AuditEntryAdmin, AuditSealAdmin
from teams.admin_keys import ApiKeyAdmin
from teams.admin_people import MembershipAdmin, UserAdmin
from teams.admin_tenants import TenantAdmin
from teams.adminbase import TenantAdminSite
from teams.models import ApiKey, AuditEntry, AuditSeal, Membership, Tenant

admin.site.unregister([User, Group])
admin.site.register(ApiKey, ApiKeyAdmin)
admin.site.register(Membership, MembershipAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)
admin.site.register(AuditSeal, AuditSealAdmin)
admin.site.register(Tenant, TenantAdmin)
admin.site.register(User, UserAdmin)
site = admin.site
assert isinstance(site, TenantAdminSite)  # noqa: S101 - for the type checker; config.apps.AdminConfig says so
site.pages.append(AccountPages(site))
