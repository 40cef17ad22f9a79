"""Role templates in the admin; tools and accounts have modules of their own."""
# ruff: noqa: ARG002 - the signatures are Django's

from dataclasses import asdict
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from agents import admin_accounts, admin_tools  # noqa: F401  they register their pages
from agents.models import RoleTemplate
from agents.services import template_reset, template_set
from agents.templates import DEFAULT_TEMPLATES
from agents.tools import CATALOGUE
from teams.badges import badge, stamp
from teams.forms import ServiceForm
from teams.modeladmin import TenantModelAdmin
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
        then = "the default holds again" if row.role in DEFAULT_TEMPLATES else "there is none for this role then"
        lines = [f"The tenant's own wording is dropped; {then}.", "Agents of saved teams stay as they are."]
        return self.ask_and_change(
            request, row, partial(template_reset, actor=actor, role=row.role), back=self.back_to_list(),
            done=f"The template for {row.role} is gone.", title=f"Delete the template for {row.role}?",
            consequences=lines, button="Delete", danger=True,
        )  # fmt: skip


admin.site.register(RoleTemplate, RoleTemplateAdmin)
