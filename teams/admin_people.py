"""Members in a tenant's admin; users in the platform's."""
# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from teams.access import memberships_of
from teams.badges import Look, badge, stamp
from teams.changelists import LooksUp
from teams.forms import MembershipForm, ReasonForm
from teams.members import member_remove
from teams.modeladmin import PlatformModelAdmin, TenantModelAdmin
from teams.models import Membership, Role

_TENANTS_SHOWN: Final = 3

REMOVING = (
    "The user can no longer see or change anything of this tenant, from the next page on.",
    "What they did stays in history and audit. API keys they made go on working: revoke those that should not.",
)


ROLE_LOOKS: Final[dict[str, Look]] = {Role.ADMIN: "is-warn", Role.OPERATOR: "is-info", Role.VIEWER: "is-quiet"}


def role_badge(role: str) -> SafeString:
    """A role as a badge; its word is in it."""
    return badge(role, ROLE_LOOKS[role])


class MembershipAdmin(TenantModelAdmin):
    """Who is in the tenant, as what; for its admins."""

    scope_to_view = scope_to_change = "members:write"
    form = MembershipForm
    list_display = ["username", "role_shown", "mails", "since"]
    list_filter = ["role"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    search_help_text = "Search for a username."
    ordering = ["user__username"]
    actions = None
    readonly_fields = ["since"]

    @admin.display(description="user", ordering="user__username")
    def username(self, member: Membership) -> str:
        return member.user.get_username()

    @admin.display(description="role", ordering="role")
    def role_shown(self, member: Membership) -> SafeString:
        return role_badge(member.role)

    @admin.display(description="mails about approvals", ordering="notify_approvals")
    def mails(self, member: Membership) -> str:
        if not member.notify_approvals:
            return "off"
        return "on" if member.user.email else "on, but the user has no e-mail address"

    @admin.display(description="member since", ordering="created_at")
    def since(self, member: Membership) -> SafeString:
        return stamp(member.created_at)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return ["username", "role", "notify_approvals", "since"]
        return ["username", *(["password"] if request.user.is_superuser else []), "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["username", "since"] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            form.base_fields.pop("username", None)
        if obj is not None or not request.user.is_superuser:
            form.base_fields.pop("password", None)
        return form

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        roles = [(role_badge(value), text.partition(": ")[2]) for value, text in Role.choices]
        return super().changelist_view(request, {"roles": roles, **(extra_context or {})})

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
        lines = [*REMOVING, *_about_removing(request, member)]
        title = f"Remove {name} from this tenant?"
        return self.confirm(request, member, title=title, consequences=lines, button="Remove", form=form, danger=True)


def _about_removing(request: HttpRequest, member: Membership) -> list[str]:
    """What else whoever removes this member should know."""
    lines = []
    if member.user == request.user:
        lines.append("This is you: afterwards you see nothing of this tenant yourself.")
    if member.role == Role.ADMIN and not Membership.objects.filter(role=Role.ADMIN).exclude(pk=member.pk).exists():
        lines.append("This is the last admin, so it will be refused: make somebody else an admin first.")
    return lines


class UserAdmin(LooksUp, PlatformModelAdmin, DjangoUserAdmin):
    """Users of the platform. What they may do is in their memberships, so groups and permissions are not offered."""

    # The theme's forms: the stock ones' password fields have no border, as if there were none.
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Personal info", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_seen", "joined")}),
    )
    readonly_fields = ("last_seen", "joined")  # what happened is nobody's to write
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2", "is_staff")}),)
    list_display = ["username", "email", "state", "shown_tenants", "last_seen"]
    search_help_text = "Search for a name or an e-mail address."
    list_filter = ["is_active", "is_staff", "is_superuser"]
    filter_horizontal = ()
    actions = None

    def look_up(self, rows: list[Any]) -> None:
        """The tenants of the page's users, as far as a line holds them."""
        members = Membership.objects.filter(user__in=rows).select_related("tenant").order_by("tenant__slug")
        places: dict[int, list[str]] = {}
        for member in members:
            places.setdefault(member.user_id, []).append(f"{member.tenant.slug} ({member.role})")
        for row in rows:
            row.places = places.get(row.pk, [])

    @admin.display(description="tenants")
    def shown_tenants(self, user: Any) -> str:
        beyond = len(user.places) - _TENANTS_SHOWN
        return (", ".join(user.places[:_TENANTS_SHOWN]) or "none") + (f" and {beyond} more" if beyond > 0 else "")

    @admin.display(description="state", ordering="is_active")
    def state(self, user: User) -> SafeString:
        if not user.is_active:
            return badge("switched off", "is-bad")
        if user.is_superuser:
            return badge("superuser", "is-warn")
        return badge("active", "is-good") if user.is_staff else badge("API alone: no admin pages", "is-quiet")

    @admin.display(description="last signed in", ordering="last_login")
    def last_seen(self, user: User) -> SafeString:
        return stamp(user.last_login, "never")

    @admin.display(description="made", ordering="date_joined")
    def joined(self, user: User) -> SafeString:
        return stamp(user.date_joined)

    def tenants_of(self, obj: User) -> list[UUID]:
        return [member.tenant_id for member in memberships_of(obj.pk)]
