"""/api/v1: who am I, API keys and members."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.urls import path, reverse
from pydantic import Field
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from teams import members, paging
from teams.access import Actor
from teams.api_base import ApiView, has_body
from teams.api_schema import LOCATION, describe
from teams.api_shapes import Reason, ReasonQuery, WhyBody, page_example
from teams.errors import NotFound, Unauthenticated
from teams.keyring import ROTATION_GRACE, key_create, key_revoke, key_rotate
from teams.models import ApiKey, Membership
from teams.shapes import Answer, Body, Moment, Page, PageQuery, as_json
from teams.tenancy import tenant

_KEY_ID = "0c4bd6a4-36cb-4d5c-8d6b-1f5a3c1d9a02"
_AT = "2026-11-21T09:30:00Z"


class TenantAnswer(Answer):
    """The tenant a caller acts in."""

    id: UUID
    slug: str = Field(description="What a team config's `tenant_id` may say.")


class Me(Answer):
    """Who asks."""

    tenant: TenantAnswer
    label: str = Field(description='As in histories: "user:alice" or "key:PREFIX".')
    scopes: list[str]


class AnyActor(BasePermission):
    """Open to every key and every member, whatever their scopes."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        actor: object = request.user  # an Actor, whatever the stubs say of Django's users
        if not isinstance(actor, Actor):
            raise Unauthenticated
        return True


class MeView(ApiView):
    """A caller about itself; every key may ask this."""

    permission_classes = [AnyActor]

    @describe(
        "Who am I",
        answer=Me,
        example={"tenant": {"id": _KEY_ID, "slug": "acme"}, "label": "key:k3v0x1p2qa", "scopes": ["teams:read"]},
    )
    def get(self, _request: Request) -> Response:
        """The tenant, name and scopes that the key (or session) stands for."""
        actor = self.actor
        place = TenantAnswer(id=actor.tenant_id, slug=actor.tenant_slug)
        return self.answer(Me(tenant=place, label=actor.label, scopes=sorted(actor.scopes)))


# --- keys -------------------------------------------------------------------------------------------------------------


class KeyRow(Answer):
    """A key without its secret."""

    id: UUID
    name: str
    prefix: str = Field(description="The key begins with `tb_live_<prefix>_`.")
    scopes: list[str]
    state: Literal["active", "expired", "revoked"]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="Noted at most once a minute.")


class KeyMade(KeyRow):
    """A key with its secret, shown this once."""

    key: str


class KeyCreate(Body):
    """A new key."""

    name: Annotated[str, Field(max_length=100)] = Field(description="What will use it.")
    scopes: list[str] = Field(description='Names of scopes, none that you lack yourself; `["all"]` for all you have.')
    expires_at: Annotated[Moment, Field(strict=False)] | None = Field(None, description="Null: never.")


class KeyRotate(Body):
    """How long the old key goes on working."""

    grace_hours: Annotated[float, Field(ge=0, le=24 * 90)] = Field(
        ROTATION_GRACE / timedelta(hours=1), description="0 ends it at once."
    )


_KEY_EXAMPLE: dict[str, Any] = {
    "id": _KEY_ID,
    "name": "CI",
    "prefix": "k3v0x1p2qa",
    "scopes": ["executions:run", "teams:read"],
    "state": "active",
    "created_by": "user:alice",
    "created_at": _AT,
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
}
_KEY_MADE_EXAMPLE = _KEY_EXAMPLE | {"key": "tb_live_k3v0x1p2qa_" + "x" * 43}


class KeysView(ApiView):
    """The tenant's API keys."""

    scopes = {"GET": "keys:write", "POST": "keys:write"}
    queries = {"GET": PageQuery}
    query: PageQuery

    @describe("List API keys", answer=Page[KeyRow], example=page_example(_KEY_EXAMPLE))
    def get(self, _request: Request) -> Response:
        """Newest first, also those that have ended; never the secrets."""
        with tenant(self.actor.tenant_id):
            found = paging.page(ApiKey.objects.all(), ("-created_at", "id"), self.query.cursor, self.query.limit)
        return self.page(found, [as_json(KeyRow(**_key(row))) for row in found.rows])

    @describe(
        "Create an API key",
        answer=KeyMade,
        status=201,
        example=_KEY_MADE_EXAMPLE,
        body=KeyCreate,
        body_example={"name": "CI", "scopes": ["executions:run", "teams:read"]},
    )
    def post(self, _request: Request) -> Response:
        """Make a key. It is shown in this answer and never again."""
        body = self.body(KeyCreate)
        scopes = sorted(self.actor.scopes) if body.scopes == ["all"] else body.scopes
        row, key = key_create(actor=self.actor, name=body.name, scopes=scopes, expires_at=body.expires_at)
        return self.answer(KeyMade(**_key(row), key=key), 201, Cache_Control="no-store")


class KeyRotateView(ApiView):
    """A key's successor."""

    scopes = {"POST": "keys:write"}

    @describe(
        "Rotate an API key",
        answer=KeyMade,
        status=201,
        example=_KEY_MADE_EXAMPLE,
        body=KeyRotate,
        body_example={"grace_hours": 24},
        problems={409: "the key is revoked; create a new one"},
    )
    def post(self, request: Request, key_id: UUID) -> Response:
        """Make a successor with the same name, scopes and expiry; the old key works a while longer.

        The body may be left out."""
        body = self.body(KeyRotate) if has_body(request) else KeyRotate()
        row, key = key_rotate(actor=self.actor, key_id=key_id, grace=timedelta(hours=body.grace_hours))
        return self.answer(KeyMade(**_key(row), key=key), 201, Cache_Control="no-store")


class KeyRevokeView(ApiView):
    """A key's end."""

    scopes = {"POST": "keys:write"}

    @describe(
        "Revoke an API key",
        answer=KeyRow,
        example=_KEY_EXAMPLE | {"state": "revoked", "revoked_at": _AT},
        body=WhyBody,
        body_example={"reason": "found in a log"},
    )
    def post(self, request: Request, key_id: UUID) -> Response:
        """End a key at once; again for a revoked one changes nothing. The body may be left out."""
        reason = self.body(WhyBody).reason if has_body(request) else ""
        return self.answer(KeyRow(**_key(key_revoke(actor=self.actor, key_id=key_id, reason=reason))))


def _key(row: ApiKey) -> dict[str, Any]:
    """Fields of KeyRow."""
    return {name: getattr(row, name) for name in KeyRow.model_fields}


# --- members ----------------------------------------------------------------------------------------------------------

RoleName = Literal["viewer", "operator", "admin"]


class MemberRow(Answer):
    """A user's place in the tenant."""

    id: int
    username: str
    role: RoleName
    notify_approvals: bool = Field(description="Mails when a run waits for a decision; not to viewers.")
    created_at: datetime


class MemberAdd(Body):
    """A user who becomes a member."""

    username: Annotated[str, Field(min_length=1, max_length=150)]
    role: RoleName
    reason: Reason = ""


class MemberChange(Body):
    """What is to change; what is left out stays."""

    role: RoleName | None = None
    notify_approvals: bool | None = Field(None, description="Mails when a run waits for a decision.")
    reason: Reason = ""


class MemberRemoved(Answer):
    """What is left to say of a former member."""

    id: int
    removed: Literal[True]


_MEMBER_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "username": "bob",
    "role": "operator",
    "notify_approvals": False,
    "created_at": _AT,
}
_LAST_ADMIN = {409: "a tenant needs an admin; make somebody else one first"}


class MembersView(ApiView):
    """The tenant's members."""

    scopes = {"GET": "members:write", "POST": "members:write"}
    queries = {"GET": PageQuery}
    query: PageQuery

    @describe("List members", answer=Page[MemberRow], example=page_example(_MEMBER_EXAMPLE))
    def get(self, _request: Request) -> Response:
        """Who belongs to the tenant: viewers see, operators edit and run teams, admins also manage members and keys."""
        with tenant(self.actor.tenant_id):
            rows = Membership.objects.select_related("user")
            found = paging.page(rows, ("id",), self.query.cursor, self.query.limit)
        return self.page(found, [as_json(_member(row)) for row in found.rows])

    @describe(
        "Add a member",
        answer=MemberRow,
        status=201,
        example=_MEMBER_EXAMPLE,
        body=MemberAdd,
        body_example={"username": "bob", "role": "operator"},
        problems={409: "bob is a member already; change the role instead"},
        headers=(LOCATION,),
    )
    def post(self, _request: Request) -> Response:
        """Make a user of this platform a member. A tenant's admins alone may; they learn which usernames exist."""
        body = self.body(MemberAdd)
        row = members.member_add(actor=self.actor, username=body.username, role=body.role, reason=body.reason)
        return self.answer(_member(row), 201, Location=reverse("api-member", args=[row.pk]))


class MemberView(ApiView):
    """One member."""

    scopes = {"GET": "members:write", "PATCH": "members:write", "DELETE": "members:write"}
    queries = {"DELETE": ReasonQuery}
    query: ReasonQuery

    @describe("Get a member", answer=MemberRow, example=_MEMBER_EXAMPLE)
    def get(self, _request: Request, member_id: int) -> Response:
        """One member and the role."""
        with tenant(self.actor.tenant_id):
            row = Membership.objects.select_related("user").filter(id=member_id).first()
        if row is None:
            raise NotFound(f"Member {member_id} not found")
        return self.answer(_member(row))

    @describe(
        "Change a member",
        answer=MemberRow,
        example=_MEMBER_EXAMPLE,
        body=MemberChange,
        body_example={"role": "viewer", "reason": "moved to another project"},
        problems=_LAST_ADMIN,
    )
    def patch(self, _request: Request, member_id: int) -> Response:
        """Give a member another role, or (not) mails about approvals."""
        body = self.body(MemberChange)
        wanted: Any = body.model_dump(include={"role", "notify_approvals", "reason"})
        row = members.member_change(actor=self.actor, member_id=member_id, **wanted)
        return self.answer(_member(row))

    @describe(
        "Remove a member",
        answer=MemberRemoved,
        example={"id": 7, "removed": True},
        problems=_LAST_ADMIN,
    )
    def delete(self, _request: Request, member_id: int) -> Response:
        """End a membership; the user stays."""
        members.member_remove(actor=self.actor, member_id=member_id, reason=self.query.reason)
        return self.answer(MemberRemoved(id=member_id, removed=True))


def _member(row: Membership) -> MemberRow:
    facts = {name: getattr(row, name) for name in ("role", "notify_approvals", "created_at")}
    return MemberRow(id=row.pk, username=row.user.get_username(), **facts)


urlpatterns = [
    path("me", MeView.as_view(), name="api-me"),
    path("api-keys", KeysView.as_view(), name="api-keys"),
    path("api-keys/<id:key_id>/rotate", KeyRotateView.as_view(), name="api-key-rotate"),
    path("api-keys/<id:key_id>/revoke", KeyRevokeView.as_view(), name="api-key-revoke"),
    path("members", MembersView.as_view(), name="api-members"),
    path("members/<int:member_id>", MemberView.as_view(), name="api-member"),
]
