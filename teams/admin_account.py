"""The signed-in user's own page: who am I, where am I what, which mails do I get."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from teams.access import ROLE_SCOPES, SCOPES, Member, actor_of_member, memberships_of
from teams.admin_people import role_badge
from teams.errors import NotFound
from teams.members import own_mails
from teams.models import ApiKey, Membership
from teams.tenancy import tenant

if TYPE_CHECKING:
    from teams.adminbase import TenantAdminSite

TENANTS_SHOWN: Final = 20


@dataclass(frozen=True)
class Place:
    """One of the user's memberships, as the page shows it."""

    member: Member
    badge: SafeString
    may: list[str]
    mails: bool | None
    """None for those who decide nothing, and so are never asked."""
    keys: int | None
    """Active keys the user made; None for those who may make none."""


class AccountPages:
    """Pages about the account itself: they need no tenant, and open each membership's scope themselves."""

    is_account = True

    def __init__(self, site: "TenantAdminSite") -> None:
        self.site = site

    def urls(self) -> list[URLPattern]:
        """The addresses below the admin's own."""
        return [path("account/", self.site.admin_view(self.account), name="account")]

    def account(self, request: HttpRequest) -> HttpResponse:
        """Show the account; a POST switches the mails of one membership."""
        found = memberships_of(request.user.pk or 0)
        if request.method == "POST":
            return self._switch_mails(request, found)
        context: dict[str, Any] = {**self.site.each_context(request), "title": "My account"}
        context |= {
            "places": [_place(request, member) for member in found[:TENANTS_SHOWN]],
            "more": len(found) - TENANTS_SHOWN,
        }
        return TemplateResponse(request, "admin/account.html", context)

    def _switch_mails(self, request: HttpRequest, found: list[Member]) -> HttpResponse:
        wanted = request.POST.get("tenant", "")
        member = next((member for member in found if str(member.tenant_id) == wanted), None)
        if member is None:
            raise NotFound("There is no such tenant, or you are not a member of it.")
        on = request.POST.get("mails") == "on"
        own_mails(actor=actor_of_member(request.user, member), on=on)  # type: ignore[arg-type]
        where = member.name or member.slug
        messages.success(request, f"Mails about approvals in {where} are {'on' if on else 'off'}.")
        return HttpResponseRedirect(reverse("admin:account", current_app=self.site.name))


def _place(request: HttpRequest, member: Member) -> Place:
    scopes, user_id = ROLE_SCOPES[member.role], request.user.pk or 0
    with tenant(member.tenant_id):
        told = Membership.objects.filter(user_id=user_id).values_list("notify_approvals", flat=True).first()
        mine = ApiKey.objects.filter(created_by=f"user:{request.user.get_username()}", revoked_at__isnull=True)
        keys = mine.count() if "keys:write" in scopes else None
    mails = bool(told) if "approvals:decide" in scopes else None
    may = [meaning for scope, meaning in SCOPES.items() if scope in scopes]
    return Place(member, role_badge(member.role), may, mails, keys)
