"""/api/v1/provider-accounts and /platform-keys: what a tenant's calls to models sign in with."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from django.urls import path, reverse
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from agents import account_services
from agents.api_secrets import ENDS, EXAMPLE_AT, EXAMPLE_ID, REMOVED, SCOPES, Change, Note, Removed, Secret
from agents.models import ProviderAccount
from teams.api_base import ApiView, has_body
from teams.api_schema import LOCATION, describe
from teams.api_shapes import Reason, ReasonQuery, page_example
from teams.shapes import Answer, Body, Page


class AccountAnswer(Answer):
    """A tenant's own account with a provider; never its key."""

    id: UUID
    provider: str
    key_ends_with: str = Field(description=ENDS)
    base_url: str = Field(description="The tenant's own address; empty: the provider's.")
    enabled: bool
    note: str
    changed_at: datetime


class AccountCreate(Body):
    """A new account."""

    provider: str = Field(description="Its name in GET /api/v1/providers.")
    api_key: Secret = Field(description="Kept sealed; no answer ever holds it.")
    base_url: str = Field("", description="Only where the provider's entry allows it.")
    note: Note = ""
    enabled: bool = True
    reason: Reason = ""


class AccountChange(Change):
    """What is to change; the rest stays, the key always."""

    base_url: str | None = None
    note: Note | None = None
    enabled: bool | None = None


class AccountRotate(Body):
    """A key in the place of the present one."""

    api_key: Secret
    reason: Reason = ""


class AccountTest(Body):
    """Which model to ask."""

    model: Annotated[str, Field(max_length=200)] = Field("", description="Empty: the tenant's default or a known one.")


class AccountTested(Answer):
    """What came of it."""

    ok: bool
    model: str
    code: str = Field(description="Why it failed, for machines: bad_credentials, rate_limited, ...; else empty.")
    message: str = Field(description="The same for people.")


_ACCOUNT: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "provider": "openai",
    "key_ends_with": "Zk3q",
    "base_url": "",
    "enabled": True,
    "note": "contract 4711",
    "changed_at": EXAMPLE_AT,
}


def _account(row: ProviderAccount) -> AccountAnswer:
    return AccountAnswer(
        id=row.id,
        provider=row.provider,
        key_ends_with=row.ends_with,
        base_url=row.base_url,
        enabled=row.enabled,
        note=row.note,
        changed_at=row.updated_at,
    )


class AccountsView(ApiView):
    """The tenant's accounts."""

    scopes = SCOPES

    @describe("List provider accounts", answer=Page[AccountAnswer], example=page_example(_ACCOUNT))
    def get(self, _request: Request) -> Response:
        """All on one page, by provider: at most one for each."""
        rows = [_account(row) for row in account_services.account_list(actor=self.actor)]
        return self.answer(Page[Any](results=rows, next=None, previous=None))

    @describe(
        "Create a provider account",
        answer=AccountAnswer,
        status=201,
        example=_ACCOUNT,
        body=AccountCreate,
        body_example={"provider": "openai", "api_key": "the-key", "note": "contract 4711"},
        problems={409: "there is an account with openai already: rotate its key, or delete it"},
        headers=(LOCATION,),
    )
    def post(self, _request: Request) -> Response:
        """Calls to the provider sign in with this key from now on, and not with the platform's."""
        row = account_services.account_create(actor=self.actor, **self.body(AccountCreate).model_dump())
        return self.answer(_account(row), 201, Location=reverse("api-provider-account", args=[row.id]))


class AccountView(ApiView):
    """One account."""

    scopes = SCOPES
    queries = {"DELETE": ReasonQuery}

    @describe("Get a provider account", answer=AccountAnswer, example=_ACCOUNT)
    def get(self, _request: Request, account_id: UUID) -> Response:
        """One account, without its key."""
        return self.answer(_account(account_services.account_get(actor=self.actor, account_id=account_id)))

    @describe(
        "Change a provider account",
        answer=AccountAnswer,
        example=_ACCOUNT | {"enabled": False},
        body=AccountChange,
        body_example={"enabled": False, "reason": "the contract has ended"},
    )
    def patch(self, _request: Request, account_id: UUID) -> Response:
        """Off: as if it were not there. The key is changed by rotating it."""
        change = self.body(AccountChange)
        row = account_services.account_change(
            actor=self.actor, account_id=account_id, changes=change.changes(), reason=change.reason
        )
        return self.answer(_account(row))

    @describe("Delete a provider account", answer=Removed, example=REMOVED)
    def delete(self, _request: Request, account_id: UUID) -> Response:
        """Drop it with its key; the platform's is used from then on, unless the tenant forbids that."""
        reason = cast(ReasonQuery, self.query).reason
        account_services.account_delete(actor=self.actor, account_id=account_id, reason=reason)
        return self.answer(Removed(id=account_id, removed=True))


class AccountRotateView(ApiView):
    """An account's next key."""

    scopes = SCOPES

    @describe(
        "Rotate a provider account's key",
        answer=AccountAnswer,
        example=_ACCOUNT,
        body=AccountRotate,
        body_example={"api_key": "the-new-key", "reason": "yearly"},
    )
    def post(self, _request: Request, account_id: UUID) -> Response:
        """Put a new key in the place of the old one. Revoke the old one at the provider a minute later."""
        body = self.body(AccountRotate)
        row = account_services.account_rotate(
            actor=self.actor, account_id=account_id, api_key=body.api_key, reason=body.reason
        )
        return self.answer(_account(row))


class AccountTestView(ApiView):
    """A try."""

    scopes = SCOPES

    @describe(
        "Test a provider account",
        answer=AccountTested,
        example={"ok": True, "model": "gpt-4o-mini", "code": "", "message": ""},
        body=AccountTest,
        body_example={"model": "gpt-4o-mini"},
        problems={409: "the account is off: switch it on, then test it"},
    )
    def post(self, request: Request, account_id: UUID) -> Response:
        """Ask a model for one word with this key; it costs a few tokens. The body may be left out."""
        body = self.body(AccountTest) if has_body(request) else AccountTest()
        tested = account_services.account_test(actor=self.actor, account_id=account_id, model=body.model)
        return self.answer(AccountTested(**vars(tested)))


class PlatformKeysAnswer(Answer):
    """Whether the tenant's models may be called with the platform's keys."""

    platform_keys: Literal["allowed", "forbidden"]


class PlatformKeysBody(Body):
    """The tenant's choice."""

    platform_keys: Literal["allowed", "forbidden"]
    reason: Reason = ""


class PlatformKeysView(ApiView):
    """The tenant's choice."""

    scopes = {"GET": "secrets:write", "PUT": "secrets:write"}

    @describe("Get the use of platform keys", answer=PlatformKeysAnswer, example={"platform_keys": "allowed"})
    def get(self, _request: Request) -> Response:
        """Whether a provider without an account of the tenant's own is called with the platform's key."""
        return self.answer(
            PlatformKeysAnswer(platform_keys=_choice(account_services.platform_keys_get(actor=self.actor)))
        )

    @describe(
        "Allow or forbid platform keys",
        answer=PlatformKeysAnswer,
        example={"platform_keys": "forbidden"},
        body=PlatformKeysBody,
        body_example={"platform_keys": "forbidden", "reason": "our own contract covers our data"},
    )
    def put(self, _request: Request) -> Response:
        """Forbidden: providers without an account of the tenant's own cannot be called, and runs of such teams answer
        409."""
        body = self.body(PlatformKeysBody)
        value = account_services.platform_keys_set(actor=self.actor, value=body.platform_keys, reason=body.reason)
        return self.answer(PlatformKeysAnswer(platform_keys=_choice(value)))


def _choice(value: str) -> Literal["allowed", "forbidden"]:
    return "forbidden" if value == "forbidden" else "allowed"


urlpatterns = [
    path("provider-accounts", AccountsView.as_view(), name="api-provider-accounts"),
    path("provider-accounts/<id:account_id>", AccountView.as_view(), name="api-provider-account"),
    path("provider-accounts/<id:account_id>/rotate", AccountRotateView.as_view(), name="api-provider-account-rotate"),
    path("provider-accounts/<id:account_id>/test", AccountTestView.as_view(), name="api-provider-account-test"),
    path("platform-keys", PlatformKeysView.as_view(), name="api-platform-keys"),
]
