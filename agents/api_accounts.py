"""/api/v1/provider-accounts, /platform-keys and /tool-credentials: what a tenant's calls sign in with.

Secrets are written and never read: answers hold their last four characters at most.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from django.urls import path, reverse
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from agents import account_services, credential_services
from agents.models import ProviderAccount, ToolCredential
from agents.secret_rows import MAX_NOTE, MAX_SECRET
from teams.api_base import ApiView, has_body
from teams.api_schema import LOCATION, describe
from teams.api_shapes import Reason, ReasonQuery, page_example
from teams.shapes import Answer, Body, Page

Secret = Annotated[str, Field(min_length=1, max_length=MAX_SECRET, repr=False)]
Note = Annotated[str, Field(max_length=MAX_NOTE)]

_ID, _AT = "5b0f7c52-9f0e-4f39-8c33-0a3c3f2f7d11", "2026-11-21T09:30:00Z"
_ENDS = "The last four characters of a long one, to tell it from others; never more."
_SCOPES = {"GET": "secrets:write", "POST": "secrets:write", "PATCH": "secrets:write", "DELETE": "secrets:write"}


class Removed(Answer):
    """What is left to say of it."""

    id: UUID
    removed: Literal[True]


_REMOVED = {"id": _ID, "removed": True}

# --- provider accounts ------------------------------------------------------------------------------------------------


class AccountAnswer(Answer):
    """A tenant's own account with a provider; never its key."""

    id: UUID
    provider: str
    key_ends_with: str = Field(description=_ENDS)
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


class AccountChange(Body):
    """What is to change; the rest stays, the key always."""

    base_url: str | None = None
    note: Note | None = None
    enabled: bool | None = None
    reason: Reason = ""


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
    "id": _ID,
    "provider": "openai",
    "key_ends_with": "Zk3q",
    "base_url": "",
    "enabled": True,
    "note": "contract 4711",
    "changed_at": _AT,
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

    scopes = _SCOPES

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

    scopes = _SCOPES
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
        changes, reason = _changes(self.body(AccountChange))
        row = account_services.account_change(actor=self.actor, account_id=account_id, changes=changes, reason=reason)
        return self.answer(_account(row))

    @describe("Delete a provider account", answer=Removed, example=_REMOVED)
    def delete(self, _request: Request, account_id: UUID) -> Response:
        """Drop it with its key; the platform's is used from then on, unless the tenant forbids that."""
        reason = cast(ReasonQuery, self.query).reason
        account_services.account_delete(actor=self.actor, account_id=account_id, reason=reason)
        return self.answer(Removed(id=account_id, removed=True))


class AccountRotateView(ApiView):
    """An account's next key."""

    scopes = _SCOPES

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

    scopes = _SCOPES

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


# --- tool credentials -------------------------------------------------------------------------------------------------


class CredentialAnswer(Answer):
    """What a tool signs in with; never the value."""

    id: UUID
    name: str
    tool: str
    header: str
    scheme: str
    value_ends_with: str = Field(description=_ENDS)
    hosts: list[str]
    enabled: bool
    note: str
    changed_at: datetime


class CredentialCreate(Body):
    """A new credential."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="What it opens.")
    tool: str = Field(description="The tool of the catalogue that sends it.")
    value: Secret = Field(description="Kept sealed; no answer ever holds it.")
    hosts: list[str] = Field(description="host or host:port, the only places it is ever sent to.")
    header: str = "Authorization"
    scheme: str = Field("", description="A word before the value, for example Bearer; empty: none.")
    note: Note = ""
    enabled: bool = True
    reason: Reason = ""


class CredentialChange(Body):
    """What is to change; the rest stays, the value always."""

    header: str | None = None
    scheme: str | None = None
    hosts: list[str] | None = None
    note: Note | None = None
    enabled: bool | None = None
    reason: Reason = ""


class CredentialRotate(Body):
    """A value in the place of the present one."""

    value: Secret
    reason: Reason = ""


_CREDENTIAL: dict[str, Any] = {
    "id": _ID,
    "name": "issue tracker",
    "tool": "Call_Web_API",
    "header": "Authorization",
    "scheme": "Bearer",
    "value_ends_with": "9fQx",
    "hosts": ["tracker.example.com"],
    "enabled": True,
    "note": "",
    "changed_at": _AT,
}
_TAKEN = {409: "there is a credential named issue tracker already: rotate its value, or choose another name"}


def _credential(row: ToolCredential) -> CredentialAnswer:
    return CredentialAnswer(
        id=row.id,
        name=row.name,
        tool=row.tool,
        header=row.header,
        scheme=row.scheme,
        value_ends_with=row.ends_with,
        hosts=row.hosts,
        enabled=row.enabled,
        note=row.note,
        changed_at=row.updated_at,
    )


class CredentialsView(ApiView):
    """The tenant's credentials for tools."""

    scopes = _SCOPES

    @describe("List tool credentials", answer=Page[CredentialAnswer], example=page_example(_CREDENTIAL))
    def get(self, _request: Request) -> Response:
        """All on one page, by name."""
        rows = [_credential(row) for row in credential_services.credential_list(actor=self.actor)]
        return self.answer(Page[Any](results=rows, next=None, previous=None))

    @describe(
        "Create a tool credential",
        answer=CredentialAnswer,
        status=201,
        example=_CREDENTIAL,
        body=CredentialCreate,
        body_example={
            "name": "issue tracker",
            "tool": "Call_Web_API",
            "value": "the-token",
            "scheme": "Bearer",
            "hosts": ["tracker.example.com"],
        },
        problems=_TAKEN,
        headers=(LOCATION,),
    )
    def post(self, _request: Request) -> Response:
        """The tool sends it to these hosts and nowhere else; agents never see it."""
        row = credential_services.credential_create(actor=self.actor, **self.body(CredentialCreate).model_dump())
        return self.answer(_credential(row), 201, Location=reverse("api-tool-credential", args=[row.id]))


class CredentialView(ApiView):
    """One credential."""

    scopes = _SCOPES
    queries = {"DELETE": ReasonQuery}

    @describe("Get a tool credential", answer=CredentialAnswer, example=_CREDENTIAL)
    def get(self, _request: Request, credential_id: UUID) -> Response:
        """One credential, without its value."""
        row = credential_services.credential_get(actor=self.actor, credential_id=credential_id)
        return self.answer(_credential(row))

    @describe(
        "Change a tool credential",
        answer=CredentialAnswer,
        example=_CREDENTIAL | {"enabled": False},
        body=CredentialChange,
        body_example={"enabled": False, "reason": "not needed any more"},
        problems={409: "issue tracker is sent to tracker.example.com in Authorization already"},
    )
    def patch(self, _request: Request, credential_id: UUID) -> Response:
        """Where and how it is sent. The value is changed by rotating it."""
        changes, reason = _changes(self.body(CredentialChange))
        row = credential_services.credential_change(
            actor=self.actor, credential_id=credential_id, changes=changes, reason=reason
        )
        return self.answer(_credential(row))

    @describe("Delete a tool credential", answer=Removed, example=_REMOVED)
    def delete(self, _request: Request, credential_id: UUID) -> Response:
        """Drop it with its value."""
        reason = cast(ReasonQuery, self.query).reason
        credential_services.credential_delete(actor=self.actor, credential_id=credential_id, reason=reason)
        return self.answer(Removed(id=credential_id, removed=True))


class CredentialRotateView(ApiView):
    """A credential's next value."""

    scopes = _SCOPES

    @describe(
        "Rotate a tool credential's value",
        answer=CredentialAnswer,
        example=_CREDENTIAL,
        body=CredentialRotate,
        body_example={"value": "the-new-token", "reason": "yearly"},
        problems={409: "issue tracker is sent to tracker.example.com in Authorization already"},
    )
    def post(self, _request: Request, credential_id: UUID) -> Response:
        """Put a new value in the place of the old one; tools send it from now on."""
        body = self.body(CredentialRotate)
        row = credential_services.credential_rotate(
            actor=self.actor, credential_id=credential_id, value=body.value, reason=body.reason
        )
        return self.answer(_credential(row))


class CredentialTest(Body):
    """Which address to ask."""

    url: Annotated[str, Field(min_length=1, max_length=2000)] = Field(description="At one of the credential's hosts.")


class CredentialTested(Answer):
    """What came of it; the answer itself is not shown."""

    ok: bool
    status: int | None = Field(description="The HTTP status; null: there was no answer.")
    code: str = Field(description="Why it failed, for machines; else empty.")
    message: str = Field(description="The same for people.")


class CredentialTestView(ApiView):
    """A try."""

    scopes = _SCOPES

    @describe(
        "Test a tool credential",
        answer=CredentialTested,
        example={"ok": True, "status": 200, "code": "", "message": ""},
        body=CredentialTest,
        body_example={"url": "https://tracker.example.com/api/me"},
        problems={409: "evil.example is not among this credential's hosts: tracker.example.com"},
    )
    def post(self, _request: Request, credential_id: UUID) -> Response:
        """Ask GET of an address at one of its hosts, signed in with it. Redirects are not followed."""
        url = self.body(CredentialTest).url
        asked = credential_services.credential_test(actor=self.actor, credential_id=credential_id, url=url)
        return self.answer(CredentialTested(**vars(asked)))


def _changes(body: AccountChange | CredentialChange) -> tuple[dict[str, Any], str]:
    """What a caller wrote, but for the reason; null is as if it were left out."""
    given = body.model_dump(exclude={"reason"}, exclude_none=True)
    return given, body.reason


urlpatterns = [
    path("provider-accounts", AccountsView.as_view(), name="api-provider-accounts"),
    path("provider-accounts/<id:account_id>", AccountView.as_view(), name="api-provider-account"),
    path("provider-accounts/<id:account_id>/rotate", AccountRotateView.as_view(), name="api-provider-account-rotate"),
    path("provider-accounts/<id:account_id>/test", AccountTestView.as_view(), name="api-provider-account-test"),
    path("platform-keys", PlatformKeysView.as_view(), name="api-platform-keys"),
    path("tool-credentials", CredentialsView.as_view(), name="api-tool-credentials"),
    path("tool-credentials/<id:credential_id>", CredentialView.as_view(), name="api-tool-credential"),
    path("tool-credentials/<id:credential_id>/test", CredentialTestView.as_view(), name="api-tool-credential-test"),
    path(
        "tool-credentials/<id:credential_id>/rotate", CredentialRotateView.as_view(), name="api-tool-credential-rotate"
    ),
]
