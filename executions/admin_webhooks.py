"""Webhooks and their deliveries in the admin. A secret is on one page, once."""
# ruff: noqa: ARG002 - the signatures are Django's

from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions import webhooks
from executions.admin_fields import TeamField
from executions.admin_look import duration
from executions.webhook_models import Delivery, DeliveryStatus, Webhook, every_event
from teams.adminbase import required_actor
from teams.badges import Look, badge, stamp
from teams.changelists import WideRows
from teams.forms import ServiceForm
from teams.modeladmin import ReadOnlyAdmin, TenantModelAdmin, pretty
from teams.objectpages import attempt
from teams.services import MAX_REASON

_FIELDS = ["name", "url", "events", "team", "enabled"]
_NOTED = ["note", "failures", "former_until", "created_by", "created_at", "updated_at"]
_LOOKS: dict[DeliveryStatus, Look] = {
    DeliveryStatus.PENDING: "is-info",
    DeliveryStatus.DELIVERED: "is-good",
    DeliveryStatus.FAILED: "is-bad",
}
_ROTATING = (
    "A new secret is made and shown once.",
    f"For {webhooks.ROTATION_GRACE.total_seconds() / 3600:.0f} hours deliveries are signed with the old one, too: give "
    "the new one to the receiver within that time.",
)


class WebhookForm(ServiceForm):
    """A webhook, with the reason for the change."""

    secret = ""
    team = TeamField(required=False, help_text="Blank: runs of every team.")
    events = forms.MultipleChoiceField(
        choices=[(event, event) for event in every_event()], widget=forms.CheckboxSelectMultiple
    )
    reason = forms.CharField(
        label="Why this change", required=False, max_length=MAX_REASON, widget=forms.TextInput(attrs={"size": 80})
    )

    class Meta:
        model = Webhook
        fields = _FIELDS
        widgets = {"url": forms.TextInput(attrs={"size": 80})}
        labels = {"url": "URL"}

    def field_of(self, loc: str) -> str | None:
        return "team" if loc == "team_id" else super().field_of(loc)

    def store(self) -> None:
        values = self.cleaned_data
        team = values["team"]
        given = {name: values[name] for name in _FIELDS if name != "team"} | {"team_id": team.pk if team else None}
        more: Any = {"actor": self.actor, "fields": given, "reason": values["reason"]}
        if self.instance._state.adding:
            row, self.secret = webhooks.webhook_create(**more)
            self.instance.pk = row.pk
        else:
            if given["team_id"] == self.initial["team"]:
                del given["team_id"]
            webhooks.webhook_change(webhook_id=self.instance.pk, **more)


class WebhookAdmin(TenantModelAdmin):
    """The tenant's webhooks, without those of single runs."""

    scope_to_view = scope_to_change = webhooks.SCOPE
    form = WebhookForm
    object_pages = {"rotate": "New secret", "test": "Send a test event"}
    list_display = ["name", "state", "url", "team", "failures", "note"]
    list_filter = ["enabled"]
    list_select_related = ["team"]
    search_fields = ["name"]
    actions = None
    readonly_fields = _NOTED
    change_list_template = "admin/executions/webhook/change_list.html"

    @admin.display(description="state", ordering="enabled")
    def state(self, row: Webhook) -> SafeString:
        if not row.enabled:
            return badge("off", "is-quiet")
        return badge("failing", "is-warn") if row.failures else badge("on", "is-good")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).filter(execution=None).defer("secret", "former_secret", "team__config")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        reason = ["reason"] if self.has_change_permission(request, obj) else []
        return [*_FIELDS, *reason, *(_NOTED if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Webhook, form: WebhookForm, change: bool) -> None:
        """The form has stored the webhook; hand the secret of a new one on to the answer."""
        request.new_secret = form.secret  # type: ignore[attr-defined]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """One way to save: whatever was pressed, the next page is the one with the secret."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**one, **(extra_context or {})})

    def response_add(self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None) -> Any:
        """Show the secret in the answer itself: on its way to another page it would have to be stored."""
        return self._once(request, obj, request.new_secret)  # type: ignore[attr-defined]

    def rotate_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm, make a new secret and show it once."""
        actor, row = self.writer(request), self.found(request, object_id)
        if request.method != "POST":
            return self.confirm(
                request, row, title=f"A new secret for {row}?", consequences=_ROTATING, button="New secret"
            )
        made = attempt(request, lambda: webhooks.webhook_rotate(actor=actor, webhook_id=row.id))
        return self._once(request, *made) if made else self.back_to(row.id)

    def tools(self, request: HttpRequest, obj: Webhook) -> list[tuple[str, str]]:
        """What was sent is one step away."""
        sent = f"{reverse('admin:executions_delivery_changelist')}?webhook__id__exact={obj.pk}"
        return [*super().tools(request, obj), ("Deliveries", sent)]

    def test_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm, queue a test event and show how it fares."""
        actor, row = self.writer(request), self.found(request, object_id)
        button = self.object_pages["test"]
        if request.method != "POST":
            lines = ["A webhook.test is sent, signed and tried again like any other, whatever events are chosen."]
            return self.confirm(request, row, title=f"{button} to {row}?", consequences=lines, button=button)
        sent = attempt(request, lambda: webhooks.webhook_test(actor=actor, webhook_id=row.id))
        if sent is None:
            return self.back_to(row.id)
        messages.success(request, "The test event is on its way. Load this page again to see the answer.")
        return HttpResponseRedirect(reverse("admin:executions_delivery_change", args=[sent.id]))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Confirm and delete."""
        actor, row = self.writer(request), self.found(request, object_id)
        delete = partial(webhooks.webhook_delete, actor=actor, webhook_id=row.id)
        lines = ["It is told of nothing any more, and the list of its deliveries goes with it.", "Its history stays."]
        return self.ask_and_change(
            request, row, delete, done=f"The webhook {row} is deleted.", back=self.back_to_list(),
            title=f"Delete {row}?", consequences=lines, button="Delete", danger=True,
        )  # fmt: skip

    def _once(self, request: HttpRequest, row: Webhook, secret: str) -> TemplateResponse:
        page = "admin/executions/webhook/once.html"
        response = self.page(request, page, title="The webhook's secret", object=row, secret=secret)
        response.headers["Cache-Control"] = "no-store"
        return response


class DeliveryAdmin(WideRows, ReadOnlyAdmin):
    """What was sent, and what is to be."""

    scope_to_view = webhooks.SCOPE
    object_pages = {"again": "Send again"}
    list_display = ["badge", "event", "webhook", "run", "tries", "answer_status", "took", "next", "created"]
    list_display_links = ["event"]
    change_list_template = "admin/executions/delivery/change_list.html"
    list_filter = ["status", "event"]
    narrowed_by = ("webhook",)
    list_select_related = ["webhook"]
    ordering = ["-created_at", "id"]
    not_listed = ("payload", "answer", "error")
    actions = None
    fields = [
        "webhook", "execution", "event", "status", "tries", "next_at", "answer_status", "answer", "error", "ms",
        "shown_payload", "created_at", "tried_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        secrets = ("webhook__secret", "webhook__former_secret")
        return super().get_queryset(request).select_related("webhook").defer(*secrets)

    @admin.display(description="status", ordering="status")
    def badge(self, row: Delivery) -> SafeString:
        status = DeliveryStatus(row.status)
        return badge(status.value, _LOOKS[status])

    @admin.display(description="run")
    def run(self, row: Delivery) -> SafeString | str:
        if row.execution_id is None:
            return "-"
        address = reverse("admin:executions_execution_change", args=[row.execution_id])
        return format_html('<a href="{}">{}</a>', address, str(row.execution_id)[:8])

    @admin.display(description="took", ordering="ms")
    def took(self, row: Delivery) -> str:
        return "-" if row.ms is None else duration(row.ms)

    @admin.display(description="next try", ordering="next_at")
    def next(self, row: Delivery) -> SafeString | str:
        return stamp(row.next_at) if row.status == DeliveryStatus.PENDING else "-"

    @admin.display(description="told", ordering="created_at")
    def created(self, row: Delivery) -> SafeString:
        return stamp(row.created_at)

    @admin.display(description="body")
    def shown_payload(self, row: Delivery) -> SafeString | str:
        return pretty(row.payload)

    def offers(self, request: HttpRequest, obj: Delivery, name: str) -> bool:
        return self._has(request, webhooks.SCOPE) and obj.webhook.enabled

    def again_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Confirm and send again."""
        actor, row = required_actor(request, webhooks.SCOPE), self.found(request, object_id)
        if request.method == "POST":
            if attempt(request, lambda: webhooks.delivery_again(actor=actor, delivery_id=row.id)):
                messages.success(request, "It is sent again.")
            return self.back_to(row.id)
        lines = ["It is sent at once, under the same webhook-id, with all its tries before it."]
        return self.confirm(request, row, title=f"Send {row} again?", consequences=lines, button="Send again")
