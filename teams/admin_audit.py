"""The audit trail in the admin: who did what, in sentences; narrowed, looked into, taken away as CSV."""
# ruff: noqa: ARG002 - the signatures are Django's

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from teams import audit_words
from teams.adminbase import acting, required_actor
from teams.badges import stamp
from teams.changelists import LooksUp
from teams.errors import Forbidden
from teams.modeladmin import ReadOnlyAdmin
from teams.models import AuditEntry, AuditSeal, Membership
from teams.spreadsheet import harmless
from teams.tenancy import tenant

CSV_ROWS: Final = 50_000
"""The most entries one file holds."""

_PAGE: Final = 1000
_MEMBERS_OFFERED: Final = 50
_COLUMNS: Final = ("at", "actor", "action", "object_type", "object_id", "what", "before", "after", "reason")

OBJECTS: Final = {
    "team": "Team", "execution": "Run", "approval": "Approval", "schedule": "Schedule", "webhook": "Webhook",
    "membership": "Member", "apikey": "API key", "provideraccount": "Provider account",
    "toolcredential": "Tool credential", "tenanttool": "Tool", "roletemplate": "Role template",
    "tenantlimits": "Limits", "tenant": "The tenant", "user": "User",
}  # fmt: skip

VERBS: Final = {
    "create": ("create", "add", "make"), "update": ("update", "change", "set", "switch", "rename", "budget"),
    "delete": ("delete", "remove", "revoke", "disable", "cancel", "reset"),
    "restore": ("restore", "rollback", "retry", "release"),
    "decide": ("approve", "reject", "resolve"), "rotate": ("rotate", "reencrypt"),
}  # fmt: skip
_VERB_LABELS: Final = {
    "create": "Made or added", "update": "Changed", "delete": "Deleted, removed or ended",
    "restore": "Restored, rolled back or tried again", "decide": "Decided", "rotate": "Secrets renewed",
}  # fmt: skip


class WhoFilter(admin.SimpleListFilter):
    """Who acted: one of the members, any API key, the product itself, or whoever the address names."""

    title = "who"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = [("key:", "API keys"), ("system:", "The product itself")]
        if acting(request) is not None:
            members = Membership.objects.order_by("user__username").values_list("user__username", flat=True)
            found = [(f"user:{name}", str(name)) for name in members[:_MEMBERS_OFFERED]] + found
        named = request.GET.get(self.parameter_name, "")
        if named and named not in dict(found):
            found.append((named, audit_words.who(named)))
        return found

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(actor__startswith=value) if value.endswith(":") else queryset.filter(actor=value)


class ObjectFilter(admin.SimpleListFilter):
    """What was changed. The kinds are known, so no entry has to be read to offer them."""

    title = "what was changed"
    parameter_name = "object_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(OBJECTS.items())

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset.filter(object_type=self.value()) if self.value() else queryset


class VerbFilter(admin.SimpleListFilter):
    """What was done to it."""

    title = "what was done"
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(_VERB_LABELS.items())

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        either = models.Q()
        for verb in VERBS.get(self.value() or "", ()):
            either |= models.Q(action__endswith=f".{verb}")
        return queryset.filter(either)


class AuditEntryAdmin(LooksUp, ReadOnlyAdmin):
    """Who did what."""

    scope_to_view = "audit:read"
    list_display = ["shown_at", "what", "object_link", "reason"]
    list_display_links = ["shown_at", "what"]
    list_filter = [WhoFilter, ObjectFilter, VerbFilter]
    search_fields = ["actor", "object_id", "action", "reason"]
    empty_text = "Each change of this tenant is told here, with who made it and why."
    search_help_text = "Search for an actor, an action, an object's id or words of the reason."
    date_hierarchy = "at"
    fields = ["shown_at", "what", "object_link", "action", "actor", "shown_differences", "reason", "more"]
    actions = None

    @admin.display(description="when", ordering="at")
    def shown_at(self, entry: AuditEntry) -> SafeString:
        return stamp(entry.at)

    @admin.display(description="what happened")
    def what(self, entry: Any) -> str:
        if not hasattr(entry, "object_name"):
            _name([entry])
        return audit_words.sentence(entry, entry.object_name)

    @admin.display(description="object")
    def object_link(self, entry: AuditEntry) -> SafeString | str:
        said, address = OBJECTS.get(entry.object_type, entry.object_type), self._address_of(entry)
        name = f"{said} {entry.object_id}"
        link = '<a class="tb-link tb-nowrap" href="{}" aria-label="{}">{}</a>'
        return format_html(link, address, name, said) if address else said

    @admin.display(description="what differs")
    def shown_differences(self, entry: AuditEntry) -> SafeString:
        found = audit_words.differences(entry.before, entry.after)
        same = audit_words.unchanged(entry.before, entry.after)
        return render_to_string("admin/teams/auditentry/differences.html", {"differences": found, "same": same})

    @admin.display(description="see also")
    def more(self, entry: AuditEntry) -> SafeString:
        """The entries around this one: by the same actor, about the same object."""
        address = reverse("admin:teams_auditentry_changelist")
        queries = {
            f"all by {audit_words.who(entry.actor)}": {"who": entry.actor},
            "all about this object": {"object_type": entry.object_type, "q": entry.object_id},
        }
        links = ((f"{address}?{urlencode(query)}", text) for text, query in queries.items())
        return format_html_join(" · ", '<a class="tb-link" href="{}">{}</a>', links)

    def _address_of(self, entry: AuditEntry) -> str:
        """The page of an entry's object; "" for one that is gone, and for what has no page."""
        if entry.action.endswith((".delete", ".remove", ".reset")) and entry.object_type != "team":
            return ""
        for model in self.admin_site._registry:
            if model._meta.model_name == entry.object_type:
                name = f"admin:{model._meta.app_label}_{entry.object_type}_change"
                try:
                    return reverse(name, args=[entry.object_id])
                except NoReverseMatch:
                    return ""
        return ""

    def look_up(self, rows: list[Any]) -> None:
        """What the objects of the page's entries are called."""
        _name(rows)

    def has_history(self, request: HttpRequest) -> bool:
        """An entry never changes."""
        return False

    # --- CSV ---

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export_page)
        return [path("export/", export, name="teams_auditentry_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        query = request.GET.urlencode()
        address = reverse("admin:teams_auditentry_export") + (f"?{query}" if query else "")
        context = {"export_address": address, "export_rows": CSV_ROWS, **(extra_context or {})}
        return super().changelist_view(request, context)

    def export_page(self, request: HttpRequest) -> Any:
        """The filtered list of one tenant as CSV, streamed."""
        if not self.has_view_permission(request):
            raise Forbidden
        actor = required_actor(request, self.scope_to_view)
        entries: Any = self.get_changelist_instance(request).queryset  # type: ignore[attr-defined, unused-ignore]
        parts = _parts(entries.order_by("-id"), actor.tenant_id)
        # Streamed by WSGI servers. config.serving makes it whole in this request's thread, and wants no async iterator.
        response = StreamingHttpResponse(parts, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="audit-{actor.tenant_slug}.csv"'
        response.headers["Cache-Control"] = "no-store"
        return response


class AuditSealAdmin(ReadOnlyAdmin):
    """The hash chain over the audit trail."""

    scope_to_view = "audit:read"
    list_display = ["shown_at", "entries", "shown_digest", "horizon"]
    fields = ["shown_at", "entries", "digest", "horizon"]
    actions = None

    def has_history(self, request: HttpRequest) -> bool:
        """A seal never changes."""
        return False

    @admin.display(description="sealed", ordering="sealed_at")
    def shown_at(self, seal: AuditSeal) -> SafeString:
        return stamp(seal.sealed_at)

    @admin.display(description="digest")
    def shown_digest(self, seal: AuditSeal) -> SafeString:
        return format_html('<span class="tb-mono">{}…</span>', seal.digest[:16])

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        head = AuditSeal.objects.order_by("-horizon").first() if acting(request) else None
        return super().changelist_view(request, {"head": head, **(extra_context or {})})


def _name(entries: list[AuditEntry]) -> None:
    names = audit_words.names_of(entries)
    for entry in entries:
        entry.object_name = names.get((entry.object_type, entry.object_id), "")  # type: ignore[attr-defined]


def _parts(entries: Any, tenant_id: UUID) -> Iterator[bytes]:
    """The file, a piece for each page of entries. Each is read in a scope of its own: a slow reader holds none open."""
    yield _lines([_COLUMNS])
    written, last = 0, None
    while written < CSV_ROWS:
        with tenant(tenant_id):
            rows = list((entries.filter(id__lt=last) if last else entries)[:_PAGE])
            _name(rows)
        if not rows:
            return
        yield _lines(_cells(row) for row in rows)
        written, last = written + len(rows), rows[-1].id
    yield _lines([[f"These are the newest {written} entries. Narrow the list to a shorter time for older ones."]])


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cells(entry: Any) -> Iterable[str]:
    sides = [_json(entry.before), _json(entry.after)]
    told = [
        entry.actor,
        entry.action,
        entry.object_type,
        entry.object_id,
        audit_words.sentence(entry, entry.object_name),
        *sides,
    ]
    return [entry.at.isoformat(), *map(harmless, (*told, entry.reason))]


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
