"""/api/v1/webhooks: other systems told of runs, and what came of each telling."""

from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar
from uuid import UUID

from django.urls import path, reverse
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from executions import webhooks
from executions.api_shapes import RUN_ID
from executions.webhook_models import Delivery, DeliveryStatus, Webhook, every_event
from teams.api_base import ApiView, has_body
from teams.api_schema import LOCATION, describe
from teams.api_shapes import TEAM_ID, NameText, Reason, ReasonQuery, WhyBody, page_example
from teams.paging import page
from teams.shapes import Answer, Body, Page, PageQuery, as_json
from teams.tenancy import tenant

_SCOPE = webhooks.SCOPE
_ID = "8a4ab5f1-6f5c-4e55-8f2a-51f0b0c2d7a3"
_DELIVERY_ID = "f1b6f3f0-7b0e-4a57-9a55-0d5b8c9e2b44"
_AT = "2026-11-21T09:30:00Z"

# --- shapes -----------------------------------------------------------------------------------------------------------

Url = Annotated[
    str, Field(description="Takes a POST. Must be on the open internet, unless an operator allows it (OUTBOUND_ALLOW).")
]
Events = Annotated[list[str], Field(description=f"Events it is told of, of: {', '.join(every_event())}.")]
TeamId = Annotated[UUID | None, Field(strict=False, description="Only runs of this team; null: of every team.")]


class WebhookBody(Body):
    """A new webhook."""

    name: NameText = Field(description="What listens there.")
    url: Url
    events: Events = Field(default_factory=every_event)
    team_id: TeamId = None
    enabled: bool = True
    reason: Reason = ""


class WebhookChange(Body):
    """What is to change; what is left out stays."""

    name: NameText = ""
    url: Url = ""
    events: Events = Field(default_factory=list)
    team_id: TeamId = None
    enabled: bool = Field(True, description="False: nothing is sent, and what waits to be sent is given up.")
    reason: Reason = ""


class RotateBody(Body):
    """How long the old secret goes on signing beside the new one."""

    grace_hours: Annotated[float, Field(ge=0, le=webhooks.MAX_GRACE / timedelta(hours=1))] = Field(
        webhooks.ROTATION_GRACE / timedelta(hours=1), description="0: the new one alone signs at once."
    )
    reason: Reason = ""


class WebhookAnswer(Answer):
    """A webhook as it stands, without its secret."""

    id: UUID
    name: str
    url: str
    events: list[str]
    team_id: UUID | None
    enabled: bool
    failures: int = Field(description="Tries in a row that failed.")
    note: str = Field(description="Why it was switched off by itself; empty: it was not.")
    former_until: datetime | None = Field(description="Until then the former secret signs, too.")
    created_by: str
    created_at: datetime
    updated_at: datetime


class WebhookMade(WebhookAnswer):
    """A webhook with its secret, shown this once."""

    secret: str


class WebhookDeleted(Answer):
    """What is left to say of a deleted webhook."""

    webhook_id: UUID
    deleted: bool


class DeliveryQuery(PageQuery):
    """Which deliveries to list; the newest come first."""

    webhook_id: UUID | None = Field(None, description="To this webhook.")
    execution_id: UUID | None = Field(None, description="Of this run, also to an address named with it alone.")
    status: DeliveryStatus | None = None


class DeliveryAnswer(Answer):
    """An event on its way to a webhook."""

    id: UUID = Field(description="The header webhook-id.")
    webhook_id: UUID
    execution_id: UUID | None = Field(description="Null: a test event, which is about no run.")
    event: str
    payload: dict[str, Any]
    status: DeliveryStatus
    tries: int
    next_at: datetime | None = Field(description="When it is tried next; null: it is not.")
    answer_status: int | None = Field(description="HTTP status of the latest answer; null: there was none.")
    answer: str = Field(description="Beginning of the latest answer.")
    error: str = Field(description="What was wrong with the latest try.")
    ms: int | None
    created_at: datetime
    tried_at: datetime | None


_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "name": "Ticket system",
    "url": "https://hooks.example.com/runs",
    "events": ["run.succeeded", "run.failed"],
    "team_id": None,
    "enabled": True,
    "failures": 0,
    "note": "",
    "former_until": None,
    "created_by": "user:alice",
    "created_at": _AT,
    "updated_at": _AT,
}
_MADE = {**_EXAMPLE, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
_BODY = {name: _EXAMPLE[name] for name in ("name", "url", "events")}
_DELIVERY: dict[str, Any] = {
    "id": _DELIVERY_ID,
    "webhook_id": _ID,
    "execution_id": RUN_ID,
    "event": "run.succeeded",
    "payload": {
        "type": "run.succeeded",
        "timestamp": _AT,
        "data": {
            "execution_id": RUN_ID,
            "team_id": TEAM_ID,
            "version": 1,
            "status": "succeeded",
            "source": "api",
            "attempt": 1,
            "error_code": None,
        },
    },
    "status": "delivered",
    "tries": 1,
    "next_at": None,
    "answer_status": 204,
    "answer": "",
    "error": "",
    "ms": 48,
    "created_at": _AT,
    "tried_at": _AT,
}
_TEST_DELIVERY = {
    **_DELIVERY,
    "execution_id": None,
    "event": "webhook.test",
    "payload": {
        "type": "webhook.test",
        "timestamp": _AT,
        "data": {"webhook_id": _ID, "name": "Ticket system", "asked_by": "user:alice"},
    },
    "status": "pending",
    "tries": 0,
    "next_at": _AT,
    "answer_status": None,
    "ms": None,
    "tried_at": None,
}
_NONE = f"Webhook ID {_ID} not found"

# --- views ------------------------------------------------------------------------------------------------------------


class WebhooksView(ApiView):
    """The tenant's webhooks."""

    scopes: ClassVar = {"GET": _SCOPE, "POST": _SCOPE}
    queries: ClassVar = {"GET": PageQuery}
    query: PageQuery

    @describe("List webhooks", answer=Page[WebhookAnswer], example=page_example(_EXAMPLE))
    def get(self, _request: Request) -> Response:
        """Newest first; not those of single runs, and never a secret."""
        with tenant(self.actor.tenant_id):
            found = page(webhooks.own_webhooks(), ("-created_at", "id"), self.query.cursor, self.query.limit)
        return self.page(found, [as_json(WebhookAnswer(**_facts(row))) for row in found.rows])

    @describe(
        "Create a webhook",
        answer=WebhookMade,
        example=_MADE,
        status=201,
        body=WebhookBody,
        body_example=_BODY,
        problems={404: f"Team ID {TEAM_ID} not found or is deleted", 409: "a tenant has at most 50 webhooks"},
        headers=[LOCATION],
    )
    def post(self, _request: Request) -> Response:
        """Have an address told of runs. Its secret is in this answer and never again."""
        body = self.body(WebhookBody)
        fields = {name: getattr(body, name) for name in webhooks.EDITABLE}
        row, secret = webhooks.webhook_create(actor=self.actor, fields=fields, reason=body.reason)
        return self.answer(WebhookMade(**_facts(row), secret=secret), 201, Location=reverse("webhook", args=[row.id]))


class WebhookOne(ApiView):
    """One webhook."""

    scopes: ClassVar = {"GET": _SCOPE, "PATCH": _SCOPE, "DELETE": _SCOPE}
    queries: ClassVar = {"DELETE": ReasonQuery}

    @describe("Get a webhook", answer=WebhookAnswer, example=_EXAMPLE, problems={404: _NONE})
    def get(self, _request: Request, webhook_id: UUID) -> Response:
        """Without its secret."""
        return self.answer(WebhookAnswer(**_facts(webhooks.webhook_get(actor=self.actor, webhook_id=webhook_id))))

    @describe(
        "Change a webhook",
        answer=WebhookAnswer,
        example=_EXAMPLE,
        body=WebhookChange,
        body_example={"events": ["run.succeeded", "run.failed"], "reason": "the rest is noise"},
        problems={404: _NONE},
    )
    def patch(self, _request: Request, webhook_id: UUID) -> Response:
        """Change what is sent. Switched on again, it starts without its failures; its secret stays."""
        body = self.body(WebhookChange)
        fields: dict[str, Any] = {
            name: getattr(body, name) for name in webhooks.EDITABLE if name in body.model_fields_set
        }
        row = webhooks.webhook_change(actor=self.actor, webhook_id=webhook_id, fields=fields, reason=body.reason)
        return self.answer(WebhookAnswer(**_facts(row)))

    @describe(
        "Delete a webhook", answer=WebhookDeleted, example={"webhook_id": _ID, "deleted": True}, problems={404: _NONE}
    )
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Delete it with its deliveries; its history stays."""
        reason = self.body(WhyBody).reason if has_body(request) else ""
        query: Any = self.query
        webhooks.webhook_delete(actor=self.actor, webhook_id=webhook_id, reason=reason or query.reason)
        return self.answer(WebhookDeleted(webhook_id=webhook_id, deleted=True))


class WebhookRotate(ApiView):
    """A new secret."""

    scopes: ClassVar = {"POST": _SCOPE}

    @describe(
        "Rotate a webhook's secret",
        answer=WebhookMade,
        example={**_MADE, "former_until": "2026-11-22T09:30:00Z"},
        body=RotateBody,
        body_example={"grace_hours": 24},
        problems={404: _NONE},
    )
    def post(self, _request: Request, webhook_id: UUID) -> Response:
        """Make a new secret, shown this once. Until the grace is over, deliveries carry both signatures."""
        body = self.body(RotateBody)
        row, secret = webhooks.webhook_rotate(
            actor=self.actor, webhook_id=webhook_id, grace=timedelta(hours=body.grace_hours), reason=body.reason
        )
        return self.answer(WebhookMade(**_facts(row), secret=secret))


class WebhookTest(ApiView):
    """A test event for one webhook."""

    scopes: ClassVar = {"POST": _SCOPE}

    @describe(
        "Send a test event",
        answer=DeliveryAnswer,
        example=_TEST_DELIVERY,
        status=202,
        problems={404: _NONE, 409: "the webhook is switched off; switch it on first"},
    )
    def post(self, _request: Request, webhook_id: UUID) -> Response:
        """Send `webhook.test` to it, whatever events it is told of: signed, tried again and listed like any other."""
        return self.answer(_delivery(webhooks.webhook_test(actor=self.actor, webhook_id=webhook_id)), 202)


class Deliveries(ApiView):
    """What was sent, and what is to be."""

    scopes: ClassVar = {"GET": _SCOPE}
    queries: ClassVar = {"GET": DeliveryQuery}
    query: DeliveryQuery

    @describe("List deliveries", answer=Page[DeliveryAnswer], example=page_example(_DELIVERY))
    def get(self, _request: Request) -> Response:
        """Newest first."""
        asked = self.query
        wanted = {"webhook_id": asked.webhook_id, "execution_id": asked.execution_id, "status": asked.status}
        with tenant(self.actor.tenant_id):
            rows = Delivery.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
            found = page(rows, ("-created_at", "id"), asked.cursor, asked.limit)
        return self.page(found, [as_json(_delivery(row)) for row in found.rows])


class DeliveryAgain(ApiView):
    """One delivery once more."""

    scopes: ClassVar = {"POST": _SCOPE}

    @describe(
        "Redeliver",
        answer=DeliveryAnswer,
        example={**_DELIVERY, "status": "pending", "tries": 0, "next_at": _AT},
        status=202,
        problems={404: f"Delivery ID {_DELIVERY_ID} not found", 409: "the webhook is switched off; switch it on first"},
    )
    def post(self, _request: Request, delivery_id: UUID) -> Response:
        """Send it again at once, under the same webhook-id, with all its tries before it."""
        return self.answer(_delivery(webhooks.delivery_again(actor=self.actor, delivery_id=delivery_id)), 202)


def _facts(row: Webhook) -> dict[str, Any]:
    return {name: getattr(row, name) for name in WebhookAnswer.model_fields}


def _delivery(row: Delivery) -> DeliveryAnswer:
    facts = {name: getattr(row, name) for name in DeliveryAnswer.model_fields}
    return DeliveryAnswer(**{**facts, "status": DeliveryStatus(row.status)})


urlpatterns = [
    path("webhooks", WebhooksView.as_view(), name="webhooks"),
    path("webhooks/deliveries", Deliveries.as_view(), name="webhook-deliveries"),
    path("webhooks/deliveries/<id:delivery_id>/redeliver", DeliveryAgain.as_view(), name="webhook-redeliver"),
    path("webhooks/<id:webhook_id>", WebhookOne.as_view(), name="webhook"),
    path("webhooks/<id:webhook_id>/rotate", WebhookRotate.as_view(), name="webhook-rotate"),
    path("webhooks/<id:webhook_id>/test", WebhookTest.as_view(), name="webhook-test"),
]
