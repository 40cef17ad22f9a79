"""The admin's frame: every view runs inside the chosen tenant's scope."""

from django.contrib.admin import AdminSite


class TenantAdminSite(AdminSite):
    """The product's admin site."""

    site_header = "Agent Team Builder"
