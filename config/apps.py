"""django.contrib.admin with this product's site in the default one's place."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "teams.adminbase.TenantAdminSite"
