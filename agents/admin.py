"""Role templates and the tool catalogue in the admin."""
# ruff: noqa: ARG002 - the signatures are Django's

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from agents import admin_accounts  # noqa: F401  registers its pages
from agents.models import RoleTemplate, TenantTool
from agents.services import template_reset, template_set, tool_list, tool_set
from agents.templates import DEFAULT_TEMPLATES
from agents.tools import CATALOGUE
from teams.adminbase import acting
from teams.badges import badge, stamp
from teams.errors import Forbidden, Invalid, Located
from teams.forms import ReasonForm, ServiceForm
from teams.modeladmin import TenantModelAdmin, attempt
from teams.services import MAX_REASON


class RoleTemplateForm(ServiceForm):
    """A tenant's wording of a role."""

    tools = forms.MultipleChoiceField(
        required=False,
        choices=[(tool.name, f"{tool.name}: {tool.description}") for tool in CATALOGUE.values()],
        widget=forms.CheckboxSelectMultiple,
    )
    reason = forms.CharField(
        label="Why this change", required=False, max_length=MAX_REASON, widget=forms.TextInput(attrs={"size": 80})
    )

    class Meta:
        model = RoleTemplate
        fields = ["role", "name", "personality", "prompt", "tools"]

    def store(self) -> None:
        given = {name: self.cleaned_data[name] for name in ("name", "personality", "prompt", "tools", "reason")}
        template_set(actor=self.actor, role=self.cleaned_data.get("role") or self.instance.role, **given)
        self.instance.pk = RoleTemplate.objects.values_list("pk", flat=True).get(role=self.instance.role.strip())


class RoleTemplateAdmin(TenantModelAdmin):
    """The tenant's own templates; below them the defaults that still hold, to start from."""

    scope_to_change = "templates:write"
    form = RoleTemplateForm
    empty_text = "The defaults hold. Start from one of them below, or word a role of your own."
    list_display = ["role", "name", "shown_origin", "shown_tools", "changed"]
    search_fields = ["role", "name"]
    search_help_text = "Search for a role or a name."
    ordering = ["role"]
    actions = None
    fields = ["role", "name", "personality", "prompt", "tools", "reason"]

    @admin.display(description="wording")
    def shown_origin(self, row: RoleTemplate) -> SafeString:
        return badge("in place of the default", "is-info") if row.role in DEFAULT_TEMPLATES else badge("your own role")

    @admin.display(description="tools")
    def shown_tools(self, row: RoleTemplate) -> str:
        return ", ".join(row.tools) or "none"

    @admin.display(description="changed", ordering="updated_at")
    def changed(self, row: RoleTemplate) -> SafeString:
        return stamp(row.updated_at)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The role is the template's name in flows: another role is another template."""
        return ["role"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if self.has_change_permission(request, obj) else self.fields[:-1]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?role=Critic` starts from the default wording."""
        default = DEFAULT_TEMPLATES.get(request.GET.get("role", ""))
        return asdict(default) if default else {}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        own = set(RoleTemplate.objects.values_list("role", flat=True))
        defaults = [template for role, template in DEFAULT_TEMPLATES.items() if role not in own]
        return super().changelist_view(request, {"defaults": defaults, **(extra_context or {})})

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: RoleTemplate, form: Any, change: bool) -> None:
        """The form has stored the template."""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Confirm and go back to the default, or to none."""
        actor, row = self.writer(request), self.found(request, object_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            attempt(request, lambda: template_reset(actor=actor, role=row.role, reason=reason))
            messages.success(request, f"The template for {row.role} is gone.")
            return self.back_to_list()
        then = "the default holds again" if row.role in DEFAULT_TEMPLATES else "there is none for this role then"
        consequences = [f"The tenant's own wording is dropped; {then}.", "Agents of saved teams stay as they are."]
        title = f"Delete the template for {row.role}?"
        return self.confirm(
            request, row, title=title, consequences=consequences, button="Delete", form=form, danger=True
        )


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


admin.site.register(RoleTemplate, RoleTemplateAdmin)
admin.site.register(TenantTool, TenantToolAdmin)
