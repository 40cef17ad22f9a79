"""/api/v1/tool-credentials: what a tenant's tools sign in with at the hosts they call."""

from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

from django.urls import path, reverse
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from agents import credential_services
from agents.api_secrets import ENDS, EXAMPLE_AT, EXAMPLE_ID, REMOVED, SCOPES, Change, Note, Removed, Secret
from agents.models import ToolCredential
from teams.api_base import ApiView
from teams.api_schema import LOCATION, describe
from teams.api_shapes import Reason, ReasonQuery, page_example
from teams.shapes import Answer, Body, Page


class CredentialAnswer(Answer):
    """What a tool signs in with; never the value."""

    id: UUID
    name: str
    tool: str
    header: str
    scheme: str
    value_ends_with: str = Field(description=ENDS)
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


class CredentialChange(Change):
    """What is to change; the rest stays, the value always."""

    header: str | None = None
    scheme: str | None = None
    hosts: list[str] | None = None
    note: Note | None = None
    enabled: bool | None = None


class CredentialRotate(Body):
    """A value in the place of the present one."""

    value: Secret
    reason: Reason = ""


_CREDENTIAL: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "name": "issue tracker",
    "tool": "Call_Web_API",
    "header": "Authorization",
    "scheme": "Bearer",
    "value_ends_with": "9fQx",
    "hosts": ["tracker.example.com"],
    "enabled": True,
    "note": "",
    "changed_at": EXAMPLE_AT,
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

    scopes = SCOPES

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

    scopes = SCOPES
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
        change = self.body(CredentialChange)
        row = credential_services.credential_change(
            actor=self.actor, credential_id=credential_id, changes=change.changes(), reason=change.reason
        )
        return self.answer(_credential(row))

    @describe("Delete a tool credential", answer=Removed, example=REMOVED)
    def delete(self, _request: Request, credential_id: UUID) -> Response:
        """Drop it with its value."""
        reason = cast(ReasonQuery, self.query).reason
        credential_services.credential_delete(actor=self.actor, credential_id=credential_id, reason=reason)
        return self.answer(Removed(id=credential_id, removed=True))


class CredentialRotateView(ApiView):
    """A credential's next value."""

    scopes = SCOPES

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

    scopes = SCOPES

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


urlpatterns = [
    path("tool-credentials", CredentialsView.as_view(), name="api-tool-credentials"),
    path("tool-credentials/<id:credential_id>", CredentialView.as_view(), name="api-tool-credential"),
    path("tool-credentials/<id:credential_id>/test", CredentialTestView.as_view(), name="api-tool-credential-test"),
    path(
        "tool-credentials/<id:credential_id>/rotate", CredentialRotateView.as_view(), name="api-tool-credential-rotate"
    ),
]
