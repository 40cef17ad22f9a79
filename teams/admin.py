"""What of this app is in the admin. The pages are in admin_teams.py, admin_keys.py and admin_people.py."""

import django.contrib.auth.admin  # noqa: F401  registers User and Group, to be replaced here
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.utils.safestring import SafeString

from teams.admin_keys import ApiKeyAdmin
from teams.admin_people import MembershipAdmin, TenantAdmin, UserAdmin
from teams.admin_teams import TeamAdmin
from teams.modeladmin import ReadOnlyAdmin, pretty
from teams.models import ApiKey, AuditEntry, AuditSeal, Membership, Team, Tenant


class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what."""

    scope_to_view = "audit:read"
    list_display = ["at", "actor", "action", "object_type", "object_id", "reason"]
    list_filter = ["object_type"]
    search_fields = ["actor", "object_id", "action"]
    fields = ["at", "actor", "action", "object_type", "object_id", "shown_before", "shown_after", "reason"]
    actions = None

    @admin.display(description="before")
    def shown_before(self, entry: AuditEntry) -> SafeString | str:
        return pretty(entry.before)

    @admin.display(description="after")
    def shown_after(self, entry: AuditEntry) -> SafeString | str:
        return pretty(entry.after)


class AuditSealAdmin(ReadOnlyAdmin):
    """The hash chain over the audit trail."""

    scope_to_view = "audit:read"
    list_display = ["sealed_at", "entries", "digest", "horizon"]
    fields = ["sealed_at", "entries", "digest", "horizon"]
    actions = None


admin.site.unregister([User, Group])
admin.site.register(Team, TeamAdmin)
admin.site.register(ApiKey, ApiKeyAdmin)
admin.site.register(Membership, MembershipAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)
admin.site.register(AuditSeal, AuditSealAdmin)
admin.site.register(Tenant, TenantAdmin)
admin.site.register(User, UserAdmin)
