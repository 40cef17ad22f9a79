"""The editor's pages: the form, the picture that follows it, the config as a file."""
# ruff: noqa: ARG002 - the signatures are Django's

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.utils.text import slugify

from console.editor.drawing import drawn
from console.editor.forms import TeamEditorForm
from console.editor.typed import FILL, config_of
from teams.admin_proposals import ProposalPages
from teams.admin_versions import tell
from teams.errors import Forbidden
from teams.forms import in_reading_order
from teams.models import Team


class EditorPages(ProposalPages):
    """A team's form, in place of its JSON."""

    form = TeamEditorForm
    change_form_template: ClassVar[str] = "admin/teams/team/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("preview/", self.admin_site.admin_view(self.preview_page), name="teams_team_preview"),
            path("<uuid:object_id>/json/", self.admin_site.admin_view(self.json_page), name="teams_team_json"),
        ]
        return own + super().get_urls()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ["name"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        form.locked = not may
        return form

    def typed_config(self, request: HttpRequest, team: Team | None) -> Any:
        """The config that the form says; None where the form will refuse it, or only shows it."""
        if FILL in request.POST:
            return None
        return config_of(request.POST, in_reading_order(team.config) if team else None)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        editor = context["adminform"].form
        config = self._drawn_config(request, editor)
        context |= {"editor": editor, "drawing": drawn(config), "locked": editor.locked}
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().changeform_view(request, *args, **kwargs)
        shown = (getattr(response, "context_data", None) or {}).get("editor")
        if shown and shown.moved:
            response.status_code = 409
        return response

    def save_model(self, request: HttpRequest, obj: Team, form: TeamEditorForm, change: bool) -> None:
        """The form has stored the team; here is only what the answer says of it."""
        obj.name, obj.version = form.saved.team.name, form.saved.team.version
        tell(request, form.saved)

    def _drawn_config(self, request: HttpRequest, editor: TeamEditorForm) -> Mapping[str, Any]:
        if editor.is_bound:
            return config_of(editor.data, strict=False) or {}  # type: ignore[arg-type]
        return editor.before or {}

    def preview_page(self, request: HttpRequest) -> HttpResponse:
        """The picture of what is typed, as a piece of HTML. It stores nothing."""
        self.writer(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return HttpResponse(drawn(config_of(request.POST, strict=False) or {}))

    def json_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The stored config as a file."""
        if request.method not in {"GET", "HEAD"}:
            self.writer(request)
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.has_view_permission(request):
            raise Forbidden
        team = self.found(request, object_id)
        text = json.dumps(in_reading_order(team.config), indent=2, ensure_ascii=False)
        answer = HttpResponse(text + "\n", content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="{slugify(team.name) or "team"}.json"'
        return answer
