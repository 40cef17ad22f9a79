"""API keys in the admin: made, rotated and revoked; a key itself is on one page, once."""
# ruff: noqa: ARG002 - the signatures are Django's

from functools import partial
from typing import Any, Final

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from teams.access import ALL_SCOPES, SCOPES
from teams.audit_words import who
from teams.badges import Look, badge, stamp
from teams.forms import ApiKeyForm
from teams.keyring import ROTATION_GRACE, key_revoke, key_rotate
from teams.modeladmin import TenantModelAdmin
from teams.models import ApiKey
from teams.objectpages import attempt

ROTATING = (
    f"A new key with the same name, scopes and expiry is made and shown once; the old one works for another "
    f"{ROTATION_GRACE.total_seconds() / 3600:.0f} hours.",
    "Give the new key to what uses the old one within that time.",
)
REVOKING = (
    "The key stops working at once: everything that uses it is answered with 401.",
    "This cannot be undone; to go on, make a new key.",
)


_LOOKS: Final[dict[str, Look]] = {"active": "is-good", "expired": "is-quiet", "revoked": "is-bad"}
_SCOPES_SHOWN: Final = 3


class StateFilter(admin.SimpleListFilter):
    """Keys that work, and keys that no longer do."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        ended = models.Q(expires_at__lte=timezone.now())
        if self.value() == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        if self.value() == "expired":
            return queryset.filter(ended, revoked_at__isnull=True)
        return queryset.filter(~ended, revoked_at__isnull=True) if self.value() == "active" else queryset


class ApiKeyAdmin(TenantModelAdmin):
    """Keys of the tenant, for its admins."""

    scope_to_view = scope_to_change = "keys:write"
    form = ApiKeyForm
    object_pages = {"rotate": "Rotate", "revoke": "Revoke"}
    list_display = ["name", "shown_prefix", "state", "shown_scopes", "last_used", "expires", "shown_maker"]
    list_filter = [StateFilter]
    search_fields = ["name", "prefix", "created_by"]
    search_help_text = "Search for a name, a key's prefix or its maker."
    ordering = ["-created_at"]
    empty_text = "A key lets a program start runs and read results here: give it the scopes it needs and copy it once."
    actions = None
    readonly_fields = [
        "shown_prefix", "state", "meant_scopes", "shown_maker", "made", "last_used", "expires", "revoked"
    ]  # fmt: skip

    @admin.display(description="key", ordering="prefix")
    def shown_prefix(self, key: ApiKey) -> SafeString:
        return format_html('<code class="tb-mono">tb_live_{}_…</code>', key.prefix)

    @admin.display(description="scopes")
    def shown_scopes(self, key: ApiKey) -> str:
        """All of them by one word: fifteen names would fill the list."""
        if set(key.scopes) >= ALL_SCOPES:
            return "all"
        if len(key.scopes) > _SCOPES_SHOWN:
            return f"{', '.join(key.scopes[:_SCOPES_SHOWN])} and {len(key.scopes) - _SCOPES_SHOWN} more"
        return ", ".join(key.scopes)

    @admin.display(description="may")
    def meant_scopes(self, key: ApiKey) -> SafeString:
        said = ((scope, SCOPES.get(scope, "")) for scope in key.scopes)
        return format_html("<ul>{}</ul>", format_html_join("", '<li><code class="tb-mono">{}</code> {}</li>', said))

    @admin.display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        return badge(key.state, _LOOKS[key.state])

    @admin.display(description="last used", ordering="last_used_at")
    def last_used(self, key: ApiKey) -> SafeString:
        return stamp(key.last_used_at, "never")

    @admin.display(description="ends", ordering="expires_at")
    def expires(self, key: ApiKey) -> SafeString:
        return stamp(key.expires_at, "never")

    @admin.display(description="made", ordering="created_at")
    def made(self, key: ApiKey) -> SafeString:
        return stamp(key.created_at)

    @admin.display(description="revoked")
    def revoked(self, key: ApiKey) -> SafeString:
        return stamp(key.revoked_at)

    @admin.display(description="made by", ordering="created_by")
    def shown_maker(self, key: ApiKey) -> str:
        return who(key.created_by)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).defer("digest")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["name", *self.readonly_fields] if obj else ["name", "scopes", "lifetime", "expires_at"]

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
        revoke = partial(key_revoke, actor=actor, key_id=row.id)
        return self.ask_and_change(
            request, row, revoke, done=f"{row} is revoked.", back=self.back_to_list(),
            title=f"Revoke {row}?", consequences=REVOKING, button="Revoke", danger=True,
        )  # fmt: skip

    def _once(self, request: HttpRequest, row: ApiKey, key: str) -> TemplateResponse:
        response = self.page(request, "admin/teams/apikey/once.html", title="Your new API key", object=row, key=key)
        response.headers["Cache-Control"] = "no-store"
        return response
