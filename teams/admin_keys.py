"""API keys in the admin: made, rotated and revoked; a key itself is on one page, once."""
# ruff: noqa: ARG002 - the signatures are Django's

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from teams.forms import ApiKeyForm, ReasonForm
from teams.keyring import ROTATION_GRACE, key_revoke, key_rotate
from teams.modeladmin import TenantModelAdmin, attempt
from teams.models import ApiKey

ROTATING = (
    f"A new key with the same name, scopes and expiry is made and shown once; the old one works for another "
    f"{ROTATION_GRACE.total_seconds() / 3600:.0f} hours.",
    "Give the new key to what uses the old one within that time.",
)
REVOKING = (
    "The key stops working at once: everything that uses it is answered with 401.",
    "This cannot be undone; to go on, make a new key.",
)


class ApiKeyAdmin(TenantModelAdmin):
    """Keys of the tenant, for its admins."""

    scope_to_view = scope_to_change = "keys:write"
    form = ApiKeyForm
    object_pages = {"rotate": "Rotate", "revoke": "Revoke"}
    list_display = ["name", "shown_prefix", "state", "shown_scopes", "created_by", "last_used_at", "expires_at"]
    search_fields = ["name", "prefix"]
    ordering = ["-created_at"]
    actions = None
    readonly_fields = [
        "shown_prefix", "state", "shown_scopes", "created_by", "created_at", "last_used_at", "revoked_at"
    ]  # fmt: skip

    @admin.display(description="key")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"tb_live_{key.prefix}_…"

    @admin.display(description="scopes")
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return key.state

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).defer("digest")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        made = ["name", "shown_prefix", "state", "shown_scopes", "expires_at", *self.readonly_fields[3:]]
        return made if obj else ["name", "scopes", "expires_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is never edited: it is rotated or revoked."""
        return obj is None and super().has_change_permission(request)

    def offers(self, request: HttpRequest, obj: ApiKey, name: str) -> bool:
        return self.has_change_permission(request) and obj.state == "active"

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ApiKeyForm, change: bool) -> None:
        """The form has stored the key; hand it on to the answer."""
        request.new_key = form.key  # type: ignore[attr-defined]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """One way to save: whatever was pressed, the next page is the one with the key."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**one, **(extra_context or {})})

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> Any:
        """Show the key in the answer itself: on its way to another page it would have to be stored."""
        return self._once(request, obj, request.new_key)  # type: ignore[attr-defined]

    def rotate_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Confirm, make the successor and show it once."""
        actor, old = self.writer(request), self.found(request, object_id)
        if request.method != "POST":
            return self.confirm(request, old, title=f"Rotate {old}?", consequences=ROTATING, button="Rotate")
        made = attempt(request, lambda: key_rotate(actor=actor, key_id=old.id))
        return self._once(request, *made) if made else self.back_to(old.id)

    def revoke_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Confirm and revoke."""
        actor, row = self.writer(request), self.found(request, object_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            if attempt(request, lambda: key_revoke(actor=actor, key_id=row.id, reason=reason)):
                messages.success(request, f"{row} is revoked.")
            return self.back_to_list()
        return self.confirm(
            request, row, title=f"Revoke {row}?", consequences=REVOKING, button="Revoke", form=form, danger=True
        )

    def _once(self, request: HttpRequest, row: ApiKey, key: str) -> TemplateResponse:
        response = self.page(request, "admin/teams/apikey/once.html", title="Your new API key", object=row, key=key)
        response.headers["Cache-Control"] = "no-store"
        return response
