"""Provider accounts and tool credentials in the admin: secrets are typed in and never shown."""
# ruff: noqa: ARG002 - the signatures are Django's

from functools import partial
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents import providers
from agents.account_services import (
    account_change,
    account_create,
    account_delete,
    account_rotate,
    platform_keys_get,
    platform_keys_set,
)
from agents.credential_services import credential_change, credential_create, credential_delete, credential_rotate
from agents.models import ProviderAccount, ToolCredential
from agents.registry import own_of
from agents.secret_rows import MAX_SECRET
from agents.tools import CATALOGUE
from teams.access import Actor
from teams.adminbase import acting
from teams.badges import badge, stamp
from teams.errors import Forbidden
from teams.forms import ServiceForm
from teams.modeladmin import TenantModelAdmin
from teams.models import PlatformKeys
from teams.objectpages import attempt
from teams.services import MAX_REASON

_HOSTS_SHOWN: Final = 3


class SecretForm(ServiceForm):
    """A row with a secret: wanted for a new one, left blank to keep the present one."""

    secret_field: ClassVar[str]

    secret = forms.CharField(
        required=False,
        max_length=MAX_SECRET,
        strip=False,
        widget=forms.PasswordInput(attrs={"size": 60, "autocomplete": "off"}),
    )
    reason = forms.CharField(
        label="Why this change", required=False, max_length=MAX_REASON, widget=forms.TextInput(attrs={"size": 80})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "secret" not in self.fields:
            return
        self.fields["secret"].label = {"api_key": "API key"}.get(self.secret_field, self.secret_field.capitalize())
        # Help texts are shown as HTML, and four characters of a secret are enough for an element.
        kept = format_html("blank: the present one stays (ends with {})", self.instance.ends_with or "…")
        self.fields["secret"].help_text = "never shown again" if self.instance._state.adding else kept
        self.fields["secret"].required = self.instance._state.adding

    def field_of(self, loc: str) -> str | None:
        return "secret" if loc == self.secret_field else super().field_of(loc)


class ProviderAccountForm(SecretForm):
    """A tenant's own key for a provider."""

    secret_field = "api_key"  # noqa: S105 - a field's name
    provider = forms.ChoiceField()

    class Meta:
        model = ProviderAccount
        fields = ["provider", "base_url", "enabled", "note"]
        labels = {"base_url": "Base URL"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(found := self.fields.get("provider"), forms.ChoiceField):
            found.choices = [(name, f"{name}: {entry.label}") for name, entry in providers.providers().items()]

    def store(self) -> None:
        values = self.cleaned_data
        given = {name: values[name] for name in ("base_url", "enabled", "note")}
        secret, reason = values.get("secret", ""), values["reason"]
        if self.instance._state.adding:
            row = account_create(actor=self.actor, provider=values["provider"], api_key=secret, reason=reason, **given)
            self.instance.pk = row.pk
            return
        account_change(actor=self.actor, account_id=self.instance.pk, changes=given, reason=reason)
        if secret:
            account_rotate(actor=self.actor, account_id=self.instance.pk, api_key=secret, reason=reason)


class ToolCredentialForm(SecretForm):
    """What a tool signs in with."""

    secret_field = "value"  # noqa: S105 - a field's name
    tool = forms.ChoiceField(choices=[(tool.name, tool.name) for tool in CATALOGUE.values()])
    hosts = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}), help_text="host or host:port, one a line"
    )

    class Meta:
        model = ToolCredential
        fields = ["name", "tool", "header", "scheme", "hosts", "enabled", "note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["hosts"] = "\n".join(self.instance.hosts)

    def clean_hosts(self) -> list[str]:
        """One a line."""
        return str(self.cleaned_data["hosts"]).split()

    def store(self) -> None:
        values = self.cleaned_data
        given = {name: values[name] for name in ("header", "scheme", "hosts", "enabled", "note")}
        secret, reason = values.get("secret", ""), values["reason"]
        if self.instance._state.adding:
            row = credential_create(
                actor=self.actor, name=values["name"], tool=values["tool"], value=secret, reason=reason, **given
            )
            self.instance.pk = row.pk
            return
        credential_change(actor=self.actor, credential_id=self.instance.pk, changes=given, reason=reason)
        if secret:
            credential_rotate(actor=self.actor, credential_id=self.instance.pk, value=secret, reason=reason)


class _SecretAdmin(TenantModelAdmin):
    """Rows with a secret, for the tenant's admins."""

    scope_to_view = scope_to_change = "secrets:write"
    actions = None
    form: type[SecretForm]
    made_of: ClassVar[tuple[str, ...]] = ()
    fixed: ClassVar[tuple[str, ...]] = ()
    gone: ClassVar[str] = ""

    @admin.display(description="state", ordering="enabled")
    def state(self, row: Any) -> SafeString:
        return badge("in use", "is-good") if row.enabled else badge("switched off", "is-quiet")

    @admin.display(description="secret")
    def key(self, row: Any) -> SafeString:
        """Its last characters, by which people tell it from another; the rest is never read."""
        return format_html('<span class="tb-mono">…{}</span>', row.ends_with) if row.ends_with else badge("set")

    @admin.display(description="changed", ordering="updated_at")
    def changed(self, row: Any) -> SafeString:
        return stamp(row.updated_at)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What a row is for never changes: another one is another row."""
        return [*self.fixed, "key", "changed"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = list(self.made_of)
        if obj is None:
            return [*shown, "secret", "reason"]
        shown += ["key", "changed"]
        return [*shown, "secret", "reason"] if self.has_change_permission(request, obj) else shown

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer(self.form.secret_field)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form has stored the row."""

    def drop(self, actor: Actor, row: Any, *, reason: str) -> None:
        """Delete a row."""
        raise NotImplementedError

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Confirm and drop it."""
        actor, row = self.writer(request), self.found(request, object_id)
        lines = [self.gone, "The secret cannot be brought back."]
        return self.ask_and_change(
            request, row, partial(self.drop, actor, row), done=f"{row} is gone.", back=self.back_to_list(),
            title=f"Delete {row}?", consequences=lines, button="Delete", danger=True,
        )  # fmt: skip


class ProviderAccountAdmin(_SecretAdmin):
    """The tenant's own accounts, and whether it allows the platform's keys."""

    form = ProviderAccountForm
    empty_text = "With an account of your own, teams call a provider with your key and on your bill."
    list_display = ["provider", "state", "key", "note", "changed"]
    ordering = ["provider"]
    made_of = ("provider", "base_url", "enabled", "note")
    fixed = ("provider",)
    gone = "The platform's key is used from now on, unless the tenant forbids that."

    def drop(self, actor: Actor, row: ProviderAccount, *, reason: str) -> None:
        account_delete(actor=actor, account_id=row.pk, reason=reason)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        actor = acting(request)
        if actor is None:
            return super().changelist_view(request, extra_context)
        if not self.has_view_permission(request):
            raise Forbidden
        if request.method == "POST" and "platform_keys" in request.POST:
            wanted = request.POST["platform_keys"]
            if attempt(request, lambda: platform_keys_set(actor=self.writer(request), value=wanted)):
                messages.success(request, f"The platform's keys are {wanted}.")
            return self.back_to_list()
        allowed = platform_keys_get(actor=actor) == PlatformKeys.ALLOWED
        context = {"platform_keys_allowed": allowed, "callable": _callable(actor), **(extra_context or {})}
        return super().changelist_view(request, context)


def _callable(actor: Actor) -> list[dict[str, Any]]:
    """Each provider of the platform: with whose key this tenant's teams call it, or what is missing."""
    accounts = own_of(actor.tenant_id).accounts  # as they are now: an operator has just changed them
    shown = []
    for entry in providers.providers().values():
        missing, own = accounts.missing(entry), entry.name in accounts.own
        key = "your own account" if own else "the platform's key" if entry.key_variable else "no key needed"
        shown.append({"entry": entry, "missing": missing, "own": own, "key": key})
    return shown


class ToolCredentialAdmin(_SecretAdmin):
    """The tenant's credentials for tools."""

    form = ToolCredentialForm
    list_display = ["name", "tool", "state", "shown_hosts", "key", "changed"]
    list_filter = ["enabled"]
    empty_text = "A tool that calls a host which wants to know who calls needs one. Agents never see it."
    search_help_text = "Search for a name or a tool."
    search_fields = ["name", "tool"]
    ordering = ["name"]
    made_of = ("name", "tool", "header", "scheme", "hosts", "enabled", "note")
    fixed = ("name", "tool")
    gone = "The tool calls its hosts without it from now on."

    @admin.display(description="sent to")
    def shown_hosts(self, row: ToolCredential) -> str:
        beyond = len(row.hosts) - _HOSTS_SHOWN
        return ", ".join(row.hosts[:_HOSTS_SHOWN]) + (f" and {beyond} more" if beyond > 0 else "")

    def drop(self, actor: Actor, row: ToolCredential, *, reason: str) -> None:
        credential_delete(actor=actor, credential_id=row.pk, reason=reason)


admin.site.register(ProviderAccount, ProviderAccountAdmin)
admin.site.register(ToolCredential, ToolCredentialAdmin)
