"""From a request to who asks, in which tenant, with which rights.

Three doors: an API key (`Authorization: Bearer tb_live_<prefix>_<secret>`), the admin's session on the API, and the
admin itself (MembershipBackend). All end in an `Actor`, which every service takes. Nothing here opens a tenant scope:
keys and memberships are found through narrow SECURITY DEFINER functions (teams/sql/lookups.sql).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DRFSessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from teams import keys, logs, strangers
from teams.errors import Forbidden, Unauthenticated
from teams.models import Role, Tenant

if TYPE_CHECKING:
    # At run time rest_framework.views reads the settings that name the classes below: a circle.
    from rest_framework.views import APIView

SCOPES: dict[str, str] = {
    "teams:read": "see teams, their versions, templates, tools and providers",
    "teams:write": "create, change, roll back, delete and restore teams",
    "executions:read": "see runs, their steps and live events",
    "executions:run": "start, cancel and retry runs",
    "approvals:decide": "approve or reject tool calls, and say what became of one that was lost",
    "schedules:write": "create, change, pause, run and delete schedules",
    "webhooks:write": "see, create, change and delete webhooks and see their deliveries",
    "templates:write": "change role templates",
    "tools:write": "switch tools on and off",
    "keys:write": "create, list, rotate and revoke API keys",
    "members:write": "see and change members",
    "secrets:write": "see and change provider accounts and tool credentials, never their values",
    "audit:read": "read the audit trail",
    "usage:read": "see what is used, and the tenant's limits",
    "limits:write": "set the tenant's limits",
}
"""Every scope an API key can have, with its meaning as shown to people."""

ALL_SCOPES = frozenset(SCOPES)

_VIEWER = frozenset({"teams:read", "executions:read", "usage:read"})
_OPERATOR = _VIEWER | {
    "teams:write", "executions:run", "approvals:decide", "schedules:write", "templates:write", "webhooks:write",
}  # fmt: skip
ROLE_SCOPES: dict[str, frozenset[str]] = {Role.VIEWER: _VIEWER, Role.OPERATOR: _OPERATOR, Role.ADMIN: ALL_SCOPES}
"""What a member may do, in the words of scopes."""

SESSION_TENANT = "tenant_id"
"""Session key of the tenant an operator has chosen."""


@dataclass(frozen=True)
class Actor:
    """Who acts, in which tenant, with which scopes. `label` goes to history and audit: "user:alice", "key:PREFIX"."""

    tenant_id: UUID
    tenant_slug: str
    label: str
    scopes: frozenset[str]
    user_id: int | None = None
    is_authenticated: bool = True  # DRF asks this of `request.user`

    def require(self, scope: str) -> None:
        """Raise `Forbidden` naming the scope when it is missing."""
        if scope not in self.scopes:
            raise Forbidden(f"this needs the scope {scope} ({SCOPES[scope]}); {self.label} does not have it")

    @property
    def pk(self) -> str:
        """Identity for throttles and logs."""
        return f"{self.tenant_id}:{self.label}"


def system_actor(tenant_id: UUID, tenant_slug: str, name: str) -> Actor:
    """Return the actor of the product's own work in a tenant, e.g. "system:execute_team"."""
    return Actor(tenant_id, tenant_slug, f"system:{name}", ALL_SCOPES)


@dataclass(frozen=True)
class Member:
    """A user's place in one tenant."""

    tenant_id: UUID
    slug: str
    name: str
    role: str


def memberships_of(user_id: int) -> list[Member]:
    """Return the active tenants a user belongs to, by slug."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, slug, name, role FROM memberships_of_v1(%s)", [user_id])
        return [Member(*row) for row in cursor.fetchall()]


ALL_TENANTS = "all"
"""What a superuser's session holds to look across tenants in the admin, read-only."""


@dataclass(frozen=True)
class Choice:
    """The tenants a signed-in user may work in, and the one the session has chosen.

    `member` is None for a user of no tenant, and for a superuser who looks `across` all of them.
    """

    tenants: list[Member]
    member: Member | None
    across: bool = False


def tenant_choice(request: HttpRequest) -> Choice:
    """Read the session's choice, for the admin and the API alike: one query. Without one it is the first tenant."""
    user = request.user
    tenants = _all_tenants() if user.is_superuser else memberships_of(user.pk or 0)
    chosen = request.session.get(SESSION_TENANT)
    found = next((member for member in tenants if str(member.tenant_id) == chosen), None)
    if user.is_superuser and found is None and (chosen == ALL_TENANTS or not tenants):
        return Choice(tenants, None, across=True)
    return Choice(tenants, found or (tenants[0] if tenants else None))


def _all_tenants() -> list[Member]:
    rows = Tenant.objects.filter(is_active=True).values_list("id", "slug", "name")
    return [Member(*row, Role.ADMIN) for row in rows]


def actor_of_member(user: AbstractBaseUser, member: Member) -> Actor:
    """Return a signed-in user as an actor of the tenant."""
    logs.learned(tenant_id=member.tenant_id, actor=f"user:{user.get_username()}")
    return Actor(member.tenant_id, member.slug, f"user:{user.get_username()}", ROLE_SCOPES[member.role], user.pk)


# --- API --------------------------------------------------------------------------------------------------------------


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer tb_live_<prefix>_<secret>`; anything wrong with a given key is one and the same 401."""

    def authenticate(self, request: Request) -> tuple[Actor, keys.FoundKey] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        scheme, _space, key = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("use `Authorization: Bearer <API key>`")
        found = self._found(request.META.get("REMOTE_ADDR", ""), key.strip())
        scopes = frozenset(found.scopes) & ALL_SCOPES
        logs.learned(tenant_id=found.tenant_id, actor=f"key:{found.prefix}")
        return Actor(found.tenant_id, found.tenant_slug, f"key:{found.prefix}", scopes), found

    @staticmethod
    def _found(address: str, key: str) -> keys.FoundKey:
        strangers.admit(address, key)
        try:
            found = keys.authenticate(key)
        except Unauthenticated:
            strangers.was_bad(address, key)
            raise
        strangers.was_good(key)
        return found

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return "Bearer"


class SessionAuthentication(DRFSessionAuthentication):
    """The admin's session on the API, with CSRF protection, in the tenant the session has chosen."""

    def authenticate(self, request: Request) -> tuple[Actor, None] | None:
        result = super().authenticate(request)
        if result is None:
            return None
        member = tenant_choice(request._request).member
        if member is None:
            raise Forbidden("your session has no tenant: choose one in the admin, or ask a tenant's admin to add you")
        return actor_of_member(result[0], member), None


class ScopePermission(BasePermission):
    """A view says `scopes = {"GET": "teams:read", ...}`; a method without an entry is refused."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        actor: object = request.user  # an Actor, whatever the stubs say of Django's users
        if not isinstance(actor, Actor):
            raise Unauthenticated("send an API key: `Authorization: Bearer <API key>`")
        needed: dict[str, str] = getattr(view, "scopes", {})
        method = "GET" if request.method in {"HEAD", "OPTIONS"} else request.method or ""
        if method in needed:
            actor.require(needed[method])
        elif hasattr(view, method.lower()):
            # A view that forgot to say what it needs must not be open to every key; an unknown method goes on to a 405.
            raise Forbidden(f"{type(view).__name__} names no scope for {method}")
        return True


# --- admin ------------------------------------------------------------------------------------------------------------

_ADMIN_ONLY = {"membership", "apikey", "tenanttool", "provideraccount", "toolcredential"}


class MembershipBackend(BaseBackend):
    """Permissions from the membership in the chosen tenant; there are no global groups.

    The admin site puts the membership on the user (`user.member`) for the request; without one nothing is allowed.
    Model permissions map to roles: viewer sees, operator changes, admin also members, keys and tools.
    """

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        member: Member | None = getattr(user_obj, "member", None)
        if not user_obj.is_active or member is None:
            return False
        _app, _dot, codename = perm.partition(".")
        action, _bar, model = codename.partition("_")
        if action == "view":
            return model not in _ADMIN_ONLY or member.role == Role.ADMIN
        return member.role == Role.ADMIN or (member.role == Role.OPERATOR and model not in _ADMIN_ONLY)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:  # noqa: ARG002 - Django's signature
        return user_obj.is_active and getattr(user_obj, "member", None) is not None
