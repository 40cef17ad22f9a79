"""Members in a tenant's admin; tenants and users in the platform's."""
# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from teams.access import memberships_of
from teams.forms import MembershipForm, ReasonForm
from teams.members import member_remove
from teams.modeladmin import PlatformModelAdmin, TenantModelAdmin
from teams.models import Membership, Tenant

REMOVING = (
    "The user can no longer see or change anything of this tenant, from the next page on.",
    "What they did stays in history and audit. API keys they made go on working: revoke those that should not.",
)


class MembershipAdmin(TenantModelAdmin):
    """Who is in the tenant, as what; for its admins."""

    scope_to_view = scope_to_change = "members:write"
    form = MembershipForm
    list_display = ["username", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    ordering = ["user__username"]
    actions = None
    readonly_fields = ["created_at"]

    @admin.display(description="user", ordering="user__username")
    def username(self, member: Membership) -> str:
        return member.user.get_username()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["username", "role", "notify_approvals", "created_at"] if obj else ["username", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["username", "created_at"] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            form.base_fields.pop("username", None)
        return form

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Membership, form: MembershipForm, change: bool) -> None:
        """The form has stored the membership."""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Confirm and end a membership."""
        actor, member = self.writer(request), self.found(request, object_id)
        form, name = ReasonForm(request.POST or None), member.user.get_username()
        if request.method == "POST" and form.is_valid():
            member_remove(actor=actor, member_id=member.pk, reason=form.cleaned_data["reason"])
            messages.success(request, f"{name} is no longer a member.")
            return self.back_to_list()
        title = f"Remove {name} from this tenant?"
        return self.confirm(
            request, member, title=title, consequences=REMOVING, button="Remove", form=form, danger=True
        )


class TenantAdmin(PlatformModelAdmin):
    """The directory of tenants."""

    list_display = ["slug", "name", "is_active", "default_model", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name", "is_active", "default_model", "platform_keys", "id", "created_at"]
    readonly_fields = ["id", "created_at"]
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A slug stands in configs and command lines: it never changes."""
        return [*self.readonly_fields, "slug"] if obj else [*self.readonly_fields]

    def tenants_of(self, obj: Tenant) -> list[UUID]:
        return [obj.id]


class UserAdmin(PlatformModelAdmin, DjangoUserAdmin):
    """Users of the platform. What they may do is in their memberships, so groups and permissions are not offered."""

    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Personal info", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2", "is_staff")}),)
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    filter_horizontal = ()
    actions = None

    def tenants_of(self, obj: User) -> list[UUID]:
        return [member.tenant_id for member in memberships_of(obj.pk)]
