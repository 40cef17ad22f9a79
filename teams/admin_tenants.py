"""The platform's tenants: what each holds, who is in it, and switching one off."""
# ruff: noqa: ARG002 - the signatures are Django's

from functools import partial
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from teams.access import Member, actor_of_member
from teams.admin_people import role_badge
from teams.badges import badge, moment, stamp
from teams.changelists import LooksUp
from teams.directory import member_make, member_set, user_find
from teams.errors import TeamBuilderError
from teams.forms import ReasonForm, ShowsRefusals
from teams.modeladmin import PlatformModelAdmin
from teams.models import ApiKey, AuditEntry, Membership, Role, Team, Tenant

_MEMBERS_SHOWN: Final = 200


class MemberForm(ShowsRefusals, forms.Form):
    """A user and their role in a tenant."""

    username = forms.CharField(max_length=150, help_text="A user of this platform, or a new one with a first password.")
    role = forms.ChoiceField(choices=Role.choices, widget=forms.RadioSelect, initial=Role.VIEWER)
    password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Only for a new user. One who exists keeps theirs: leave it blank.",
    )
    reason = ReasonForm.base_fields["reason"]


class TenantAdmin(LooksUp, PlatformModelAdmin):
    """The directory of tenants."""

    list_display = ["slug", "name", "state", "members", "live_teams", "created"]
    list_filter = ["is_active"]
    search_fields = ["slug", "name"]
    search_help_text = "Search for a slug or a name."
    fields = ["slug", "name", "default_model", "platform_keys"]
    readonly_fields = ["id", "created", "state", "members_shown"]
    object_pages = {"member": "Add a member", "switch_off": "Switch off", "switch_on": "Switch on"}
    before_scope = {"member_page": "store_member"}
    actions = None

    @admin.display(description="state", ordering="is_active")
    def state(self, tenant: Tenant) -> SafeString:
        return badge("active", "is-good") if tenant.is_active else badge("switched off", "is-bad")

    @admin.display(description="made", ordering="created_at")
    def created(self, tenant: Tenant) -> SafeString:
        return stamp(tenant.created_at)

    @admin.display(description="members")
    def members(self, tenant: Any) -> int:
        return int(tenant.members_counted)

    @admin.display(description="live teams")
    def live_teams(self, tenant: Any) -> int:
        return int(tenant.teams_counted)

    @admin.display(description="members")
    def members_shown(self, tenant: Tenant) -> SafeString:
        rows = Membership.objects.filter(tenant=tenant).select_related("user").order_by("user__username")
        shown = [
            {"row": row, "badge": role_badge(row.role), "since": moment(row.created_at)}
            for row in rows[:_MEMBERS_SHOWN]
        ]
        return render_to_string("admin/teams/tenant/members.html", {"members": shown, "most": _MEMBERS_SHOWN})

    def look_up(self, rows: list[Any]) -> None:
        """Members and live teams of the page's tenants."""
        counts: dict[str, Any] = {
            "members_counted": Membership.objects.all(),
            "teams_counted": Team.objects.filter(is_deleted=False),
        }
        for name, counted in counts.items():
            found = dict(counted.filter(tenant__in=rows).order_by().values_list("tenant_id").annotate(Count("id")))
            for row in rows:
                setattr(row, name, found.get(row.pk, 0))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.fields, *self.readonly_fields] if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A slug stands in configs and command lines: it never changes."""
        return [*self.readonly_fields, "slug"] if obj else []

    def tenants_of(self, obj: Tenant) -> list[UUID]:
        return [obj.id]

    def offers(self, request: HttpRequest, obj: Tenant, name: str) -> bool:
        fits = {"switch_off": obj.is_active, "switch_on": not obj.is_active}
        return fits.get(name, True) and super().offers(request, obj, name)

    # --- members ---

    def store_member(self, request: HttpRequest, object_id: UUID) -> MemberForm:
        """Store what the form says, in the tenant's own scope: before the page's, which sees all tenants, is open."""
        form, row = MemberForm(request.POST), Tenant.objects.filter(pk=object_id).first()
        if row is None or not form.is_valid():
            return form
        given = {name: form.cleaned_data[name] for name in ("username", "role", "password", "reason")}
        name = given["username"] = given["username"].strip()
        actor = actor_of_member(request.user, Member(row.id, row.slug, row.name, Role.ADMIN))  # type: ignore[arg-type]
        if not given["password"] and user_find(name) is None:
            form.add_error("username", "There is no such user. Give a first password to make them.")
            return form
        try:
            if given["password"]:
                member_make(actor=actor, **given)
            else:
                member_set(actor=actor, **given)
        except TeamBuilderError as error:
            form.refused(error)
        return form

    def member_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask for a user and a role."""
        row = self.found(request, object_id)
        form: MemberForm = request.prepared if request.method == "POST" else MemberForm()  # type: ignore[attr-defined]
        if form.is_bound and form.is_valid():
            given = form.cleaned_data
            messages.success(request, f"{given['username'].strip()} is now {given['role']} in {row}.")
            return self.back_to(row.pk)
        lines = ["A member who is in the tenant already gets this role.", "What each role may do is said beside it."]
        title = f"Add a member to {row}"
        return self.confirm(request, row, title=title, consequences=lines, button="Add", form=form)

    # --- on and off ---

    def switch_off_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Say what follows, and switch the tenant off."""
        row = self.found(request, object_id)
        members = Membership.objects.filter(tenant=row).count()
        keys = (
            ApiKey.objects.filter(tenant=row, revoked_at__isnull=True).exclude(expires_at__lte=timezone.now()).count()
        )
        lines = [
            f"{members} member{pluralize(members, ' no longer sees,s no longer see')} anything of it, at once.",
            f"{keys} active API key{pluralize(keys, ' stops,s stop')} working at once, with the answer 401.",
            "No run of its teams starts.",
            "Nothing is deleted: switching it on again brings all of it back.",
        ]
        return self._switch(request, row, on=False, lines=lines)

    def switch_on_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Say what follows, and switch the tenant on."""
        lines = ["Its members and API keys work again as before, and its runs start again."]
        return self._switch(request, self.found(request, object_id), on=True, lines=lines)

    def _switch(self, request: HttpRequest, row: Tenant, *, on: bool, lines: list[str]) -> HttpResponse:
        words = "on" if on else "off"
        return self.ask_and_change(
            request, row, partial(_set_active, request, row, on=on), done=f"{row} is switched {words}.",
            back=self.back_to(row.pk), title=f"Switch {row} {words}?", consequences=lines, button=f"Switch {words}",
            danger=not on,
        )  # fmt: skip


def _set_active(request: HttpRequest, row: Tenant, *, on: bool, reason: str) -> None:
    """Switch the tenant and tell its audit trail; a tenant that is so already stays as it is."""
    if row.is_active == on:
        return
    row.is_active = on
    row.save(update_fields=["is_active"])
    AuditEntry(
        tenant=row,
        actor=f"user:{request.user.get_username()}",
        action=f"tenant.switch_{'on' if on else 'off'}",
        object_type="tenant",
        object_id=str(row.pk),
        before={"is_active": not on},
        after={"is_active": on},
        reason=reason,
    ).save()
