"""Teams as a document in the admin: an export of those ticked, and a page that imports once it has shown what comes."""

import hashlib
import json
from typing import Any, get_args

from django import forms
from django.contrib import admin, messages
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from teams import strict_json
from teams.adminbase import required_actor
from teams.errors import Invalid
from teams.modeladmin import TenantModelAdmin
from teams.models import Team
from teams.objectpages import attempt
from teams.services import MAX_REASON
from teams.transfer import Format, Mode, Report, export_teams, import_teams

_FORMATS = {
    "auto": "Find out from the document",
    "agent-team-builder": "Export of teams (JSON)",
    "autogen-studio": "AutoGen Studio (JSON)",
    "crewai": "CrewAI (agents.yaml and tasks.yaml)",
}
_MODES = {
    "create": "make new teams with new ids",
    "update": "store new versions of the teams that are here",
    "skip": "leave the teams that are here as they are",
}
_EDITOR = {"rows": 16, "cols": 110, "class": "json", "spellcheck": "false"}


class ImportForm(forms.Form):
    """A document, typed or uploaded. An upload ends up in the text field, so that what is shown is what is imported."""

    format = forms.ChoiceField(choices=[(name, _FORMATS[name]) for name in get_args(Format)], initial="auto")
    document = forms.CharField(
        label="Document",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs=_EDITOR),
        help_text="JSON, or the text of CrewAI's agents.yaml.",
    )
    file = forms.FileField(label="or upload it", required=False)
    tasks = forms.CharField(
        label="Tasks",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={**_EDITOR, "rows": 6}),
        help_text="Of CrewAI only: the text of tasks.yaml.",
    )
    tasks_file = forms.FileField(label="or upload them", required=False)
    mode = forms.ChoiceField(
        label="Ids that are here already",
        choices=[(name, _MODES[name]) for name in get_args(Mode)],
        initial="create",
        help_text="Other tools' teams are always new.",
    )
    reason = forms.CharField(
        label="Why", required=False, max_length=MAX_REASON, widget=forms.TextInput(attrs={"size": 80})
    )

    def clean(self) -> dict[str, Any]:
        """Put uploads into the text fields and read the document."""
        values: dict[str, Any] = super().clean() or {}
        for name, upload in (("document", "file"), ("tasks", "tasks_file")):
            if values.get(upload):
                self._take_in(values, name, upload)
        if not values.get("document", "").strip():
            self.add_error("document", "Paste a document or upload one.")
        if not self.errors:
            values["read"] = self._read(values)
        return values

    def digest(self) -> str:
        """Stands for what would be imported, so that nothing else is than what the report was about."""
        values = self.cleaned_data
        told = [values[name].replace("\r\n", "\n") for name in ("format", "document", "tasks", "mode")]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _take_in(self, values: dict[str, Any], name: str, upload: str) -> None:
        try:
            values[name] = values[upload].read().decode()
        except UnicodeDecodeError:
            self.add_error(upload, "This file is not UTF-8 text.")
        else:
            self.data = {**dict(self.data.items()), name: values[name]}

    def _read(self, values: dict[str, Any]) -> Any:
        document, tasks = values["document"], values["tasks"]
        is_crew = values["format"] == "crewai" or bool(tasks.strip()) or not document.lstrip().startswith(("{", "["))
        if is_crew and not document.lstrip().startswith("{"):
            return {"agents": document, **({"tasks": tasks} if tasks.strip() else {})}
        try:
            return strict_json.read(document.encode())
        except Invalid as error:
            raise forms.ValidationError({"document": [found["msg"] for found in error.errors]}) from error


class TransferPages(TenantModelAdmin):
    """An action and a page of the list of teams."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.import_page)
        return [path("import/", view, name="teams_team_import"), *super().get_urls()]

    @admin.action(permissions=["view"], description="Export selected teams as JSON")
    def export_selected(self, request: HttpRequest, queryset: QuerySet[Team]) -> HttpResponse | None:
        """Download the ticked teams; deleted ones are left out."""
        actor = required_actor(request, "teams:read")
        ids = list(queryset.filter(is_deleted=False).values_list("id", flat=True))
        document = attempt(request, lambda: export_teams(actor=actor, team_ids=ids)) if ids else None
        if document is None:
            messages.warning(request, "Nothing was exported: tick teams that are not deleted.")
            return None
        text = json.dumps(document, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
        disposition = f'attachment; filename="teams-{actor.tenant_slug}.json"'
        return HttpResponse(text, content_type="application/json", headers={"Content-Disposition": disposition})

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Show what an import would do; import when that is confirmed, and only what was shown."""
        actor = self.writer(request)
        form = ImportForm(request.POST or None, request.FILES or None)
        report: Report | None = None
        if request.method == "POST" and form.is_valid():
            values = form.cleaned_data
            confirmed = "confirm" in request.POST and request.POST.get("checked") == form.digest()
            given: Any = {"source": values["format"], "mode": values["mode"], "reason": values["reason"]}
            try:
                report = import_teams(actor=actor, document=values["read"], dry_run=not confirmed, **given)
            except Invalid as error:
                form.add_error("document", [f"{found['loc']}: {found['msg']}".lstrip(": ") for found in error.errors])
        if report is not None and not report.dry_run:
            messages.success(request, "Imported: " + _counted(report))
        checked = form.digest() if report is not None and report.dry_run else ""
        context = {"form": form, "report": report, "counted": _counted(report) if report else "", "checked": checked}
        return self.page(request, "admin/teams/team/import.html", title="Import teams", **context)


def _counted(report: Report) -> str:
    return ", ".join(f"{count} {action}" for action, count in report.counts.items() if count) or "no teams"
