"""The tool catalogue in the admin: each tool with the tenant's switch, hosts and approval."""
# ruff: noqa: ARG002 - the signatures are Django's

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from agents.models import TenantTool
from agents.services import tool_list, tool_set
from teams.adminbase import acting
from teams.badges import badge, stamp
from teams.errors import Forbidden, Invalid, Located
from teams.modeladmin import TenantModelAdmin
from teams.objectpages import attempt
from teams.services import MAX_REASON


class ToolSettingsForm(forms.Form):
    """What a tenant sets for a tool, besides its switch."""

    approval = forms.ChoiceField(choices=TenantTool.Approval.choices)
    hosts = forms.CharField(required=False)
    once = forms.CharField(required=False)
    reason = forms.CharField(required=False, max_length=MAX_REASON)


HOST_LISTS = {"hosts": "allowed_hosts", "once": "idempotent_hosts"}
"""Fields of the form, each a host a line, and the settings they are."""


def _typed(post: Mapping[str, str]) -> dict[str, str]:
    return {field: post.get(field, "") for field in HOST_LISTS}


def _stored(settings: Mapping[str, Any]) -> dict[str, str]:
    return {field: "\n".join(settings.get(setting, [])) for field, setting in HOST_LISTS.items()}


class TenantToolAdmin(TenantModelAdmin):
    """The whole catalogue with the tenant's switches; a row exists only for a tool that was ever changed."""

    scope_to_view = scope_to_change = "tools:write"
    list_display = ["name", "state", "changed"]
    actions = None

    @admin.display(description="state", ordering="enabled")
    def state(self, row: TenantTool) -> SafeString:
        return badge("on", "is-good") if row.enabled else badge("off", "is-quiet")

    @admin.display(description="changed", ordering="updated_at")
    def changed(self, row: TenantTool) -> SafeString:
        return stamp(row.updated_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tools are the product's; a tenant switches them."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        actor = acting(request)
        if actor is None:
            return super().changelist_view(request, extra_context)
        if not self.has_view_permission(request):
            raise Forbidden
        typed: dict[str, Any] = {}
        if request.method == "POST":
            if attempt(request, lambda: self._change(request)):
                return self.back_to_list()
            typed = {request.POST.get("name", ""): request.POST}
        rows = dict(TenantTool.objects.values_list("name", "pk"))
        tools = [
            {
                "state": state,
                "row": rows.get(state.tool.name),
                **(_typed(typed[state.tool.name]) if state.tool.name in typed else _stored(state.settings)),
                "open": state.tool.name in typed,
            }
            for state in tool_list(actor=actor)
        ]
        approvals = TenantTool.Approval.choices
        return self.page(
            request, "admin/agents/tenanttool/catalogue.html", title="Tools", tools=tools, approvals=approvals
        )

    def _change(self, request: HttpRequest) -> bool:
        """Switch the tool, or store its settings: each is a form of its own on the page."""
        actor, post = self.writer(request), request.POST
        name = post.get("name", "")
        if "enabled" in post:
            on = post["enabled"] == "1"
            tool_set(actor=actor, name=name, enabled=on)
            messages.success(request, f"{name} is {'on' if on else 'off'}.")
            return True
        form = ToolSettingsForm(post)
        if not form.is_valid():
            raise Invalid("The form is not valid.", errors=[
                Located(loc=field, msg=str(problems[0])) for field, problems in form.errors.items()
            ])  # fmt: skip
        settings = None
        if "hosts" in post:
            settings = {setting: form.cleaned_data[field].split() for field, setting in HOST_LISTS.items()}
        chosen = {key: form.cleaned_data[key] for key in ("approval", "reason")}
        tool_set(actor=actor, name=name, settings=settings, **chosen)
        messages.success(request, f"{name} is changed.")
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Switched in the list, not edited."""
        return obj is None and super().has_change_permission(request)


admin.site.register(TenantTool, TenantToolAdmin)
