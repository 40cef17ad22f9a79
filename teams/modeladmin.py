"""Base classes of the product's admin pages: who may what, audit instead of Django's log, history, pages of one object.

Rights are asked twice: of the membership's model permissions (teams.access.MembershipBackend) and in the words of
scopes, the same ones the API asks for. Pages change nothing themselves: they call a service with the request's actor.
"""
# ruff: noqa: ARG002 - the signatures are Django's

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from teams import audit
from teams.access import Actor
from teams.adminbase import acting, looks_across_tenants, required_actor
from teams.changelists import BoundedPaginator
from teams.errors import Forbidden, NotFound, TeamBuilderError
from teams.forms import ServiceForm
from teams.models import AuditEntry
from teams.tenancy import TenantModel

if TYPE_CHECKING:  # Unfold has no types; its class is the admin's with another look
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

_HISTORY_ROWS = 100

T = TypeVar("T")


def pretty(value: object) -> SafeString | str:
    """Show JSON as indented text, escaped; "-" for nothing."""
    if value in (None, "", [], {}):
        return "-"
    return format_html('<pre class="json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, default=str))


def sentence(error: TeamBuilderError) -> str:
    """An error in one line: what is wrong and where."""
    places = "; ".join(f"{found['loc']}: {found['msg']}" if found["loc"] else found["msg"] for found in error.errors)
    return f"{error.detail} {places}".strip()


def attempt(request: HttpRequest, change: Callable[[], T]) -> T | None:
    """Make a change; a refused one becomes a message and None. Missing rights still end in a page of their own."""
    try:
        return change()
    except Forbidden:
        raise
    except TeamBuilderError as error:
        messages.error(request, sentence(error))
        return None


class _ObjectPages(ModelAdmin):
    """Pages of one object besides its form, each `<id>/<name>/` and linked above the form.

    `object_pages` maps a name to its button's text; the view is the method `<name>_page(request, object_id)`.
    """

    object_pages: ClassVar[Mapping[str, str]] = {}
    narrowed_by: ClassVar[tuple[str, ...]] = ()
    """Fields by which links narrow the list, besides those of its filters."""
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # a count of all rows for each choice of each filter
    paginator = BoundedPaginator
    view_on_site = False

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<uuid:object_id>/{name}/",
                self.admin_site.admin_view(getattr(self, f"{name}_page")),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{name}",
            )
            for name in self.object_pages
        ]
        return own + super().get_urls()

    def offers(self, request: HttpRequest, obj: Any, name: str) -> bool:
        """Whether the page `name` of this object is linked for this user; the page itself checks again."""
        return self.has_change_permission(request, obj)

    def page_url(self, name: str, *args: Any) -> str:
        """Return the address of a page of this model: "changelist", "change", "history" or one of `object_pages`."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def tools(self, request: HttpRequest, obj: Any) -> list[tuple[str, str]]:
        """Return the links above an object's form as (text, address)."""
        offered = [name for name in self.object_pages if self.offers(request, obj, name)]
        return [(self.object_pages[name], self.page_url(name, obj.pk)) for name in offered]

    def has_history(self, request: HttpRequest) -> bool:
        """Whether this user may see who changed an object."""
        return True

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Whether the address may narrow the list so: by its filters alone.

        Django lets it ask for any column of the model; letter by letter that tells what no page shows, such as a run's
        `result` or the digest of a key.
        """
        name = lookup.partition("__")[0]
        columns = {known for field in self.opts.get_fields() for known in (field.name, getattr(field, "attname", ""))}
        if name in columns and name not in self._filtered(request):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def _filtered(self, request: Any) -> set[str]:
        filters = self.get_list_filter(request)
        named = [found if isinstance(found, str) else getattr(found, "parameter_name", None) or "" for found in filters]
        return {name.partition("__")[0] for name in (*named, *self.narrowed_by, self.date_hierarchy or "")}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, titled by what is in it rather than by what to do with it."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        context["tools"] = self.tools(request, obj) if obj else []
        context["has_history"] = obj is not None and self.has_history(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def found(self, request: HttpRequest, object_id: object) -> Any:
        """Return an object of the scope; raise `NotFound`, alike for foreign and missing ones."""
        obj = self.get_object(request, str(object_id))
        if obj is None:
            raise NotFound(f"There is no such {self.opts.verbose_name} here.")
        return obj

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """Render a page of this model."""
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, template, {**frame, **context})

    def confirm(self, request: HttpRequest, obj: Any, **context: Any) -> TemplateResponse:
        """Ask before a change: `title`, `consequences` (sentences), `button`, and perhaps a `form`."""
        return self.page(request, "admin/confirm.html", object=obj, **context)

    def back_to_list(self) -> HttpResponseRedirect:
        """Go to the list."""
        return HttpResponseRedirect(self.page_url("changelist"))

    def back_to(self, object_id: object) -> HttpResponseRedirect:
        """Go to an object."""
        return HttpResponseRedirect(self.page_url("change", object_id))

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What changed, as {"before", "after"} for the audit trail; never passwords."""
        names = [name for name in form.changed_data if "password" not in name]
        before = {name: _plain(form.initial.get(name)) for name in names if not add}
        return {"before": before or None, "after": {name: _plain(form.cleaned_data.get(name)) for name in names}}


class TenantModelAdmin(_ObjectPages):
    """Pages over one model of a tenant. By default everybody with `scope_to_view` looks and nobody changes."""

    scope_to_view: ClassVar[str] = "teams:read"
    scope_to_change: ClassVar[str] = ""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = self.model.objects.get_queryset()
        if ordering := self.get_ordering(request):
            rows = rows.order_by(*ordering)
        if not looks_across_tenants(request):
            return rows
        # A queryset that joins anything is left as it is by the list, which would otherwise join these.
        joined = self.list_select_related if isinstance(self.list_select_related, list | tuple) else ()
        return rows.select_related("tenant", *joined)

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        return [*columns, "tenant"] if looks_across_tenants(request) else columns

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        looks = looks_across_tenants(request) or self._has(request, self.scope_to_view)
        return looks and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._has(request, self.scope_to_change) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has(request, self.scope_to_change) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted for good unless a subclass says how."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.actor, form.request = acting(request), request  # a class made for this request
        return form

    def _has(self, request: HttpRequest, scope: str) -> bool:
        actor = acting(request)
        return actor is not None and scope in actor.scopes

    def writer(self, request: HttpRequest) -> Actor:
        """Return who acts; raise `Forbidden` without the right to change this model."""
        return required_actor(request, self.scope_to_change)

    # --- audit and history ---

    def has_history(self, request: HttpRequest) -> bool:
        """Versioned models keep their own; of others the audit trail tells, to those who may read it."""
        actor = acting(request)
        return hasattr(self.model, "history") or actor is None or "audit:read" in actor.scopes

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, "create", obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, "update", obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        for obj in queryset:
            self._record(request, "delete", obj, {"before": {"object": str(obj)}})

    def _record(self, request: HttpRequest, verb: str, obj: Any, change: Mapping[str, Any]) -> None:
        # What a service stores it has written into the audit trail itself.
        if not issubclass(self.form, ServiceForm):
            audit.record(self.writer(request), f"{self.opts.model_name}.{verb}", obj, **change)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Who changed this object, when and why: its own history, or for others the audit trail."""
        if not self.has_view_permission(request):
            raise Forbidden
        obj = self.found(request, object_id)
        return self.page(
            request,
            "admin/object_history.html",
            title=f"History of {obj}",
            object=obj,
            rows=list(_changes_of(obj)) if hasattr(obj, "history") else self._audit_of(request, obj),
            **(extra_context or {}),
        )

    def _audit_of(self, request: HttpRequest, obj: TenantModel) -> list[dict[str, Any]]:
        actor = acting(request)
        if actor is not None:
            actor.require("audit:read")
        entries = AuditEntry.objects.filter(object_type=self.opts.model_name, object_id=str(obj.pk))[:_HISTORY_ROWS]
        return [
            {"at": entry.at, "who": entry.actor, "what": entry.action, "after": entry.after, "why": entry.reason}
            for entry in entries
        ]


class ReadOnlyAdmin(TenantModelAdmin):
    """Rows that a machine writes: people look."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.fields or () if isinstance(name, str)]


class PlatformModelAdmin(_ObjectPages):
    """Pages over the platform's own rows, for superusers. A change is told to the tenants of `tenants_of`."""

    is_platform = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows others hang on are switched off, not deleted."""
        return False

    def tenants_of(self, obj: Any) -> list[UUID]:
        """Return the tenants whose audit trail a change of `obj` belongs to."""
        return []

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, "create", obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, "update", obj, message)

    def _record(self, request: HttpRequest, verb: str, obj: Any, change: Mapping[str, Any]) -> None:
        for tenant_id in self.tenants_of(obj):
            AuditEntry(
                tenant_id=tenant_id,
                actor=f"user:{request.user.get_username()}",
                action=f"{self.opts.model_name}.{verb}",
                object_type=self.opts.model_name or "",
                object_id=str(obj.pk),
                before=change.get("before"),
                after=change.get("after"),
            ).save()

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The audit entries about this object, in whichever tenant."""
        obj = self.found(request, object_id)
        entries = AuditEntry.objects.filter(object_type=self.opts.model_name, object_id=str(obj.pk))[:_HISTORY_ROWS]
        rows = [{"at": e.at, "who": e.actor, "what": e.action, "after": e.after, "why": e.reason} for e in entries]
        return self.page(
            request,
            "admin/object_history.html",
            title=f"History of {obj}",
            object=obj,
            rows=rows,
            **(extra_context or {}),
        )


_KINDS = {"+": "created", "~": "changed", "-": "removed"}
_NOT_SHOWN = {"id", "tenant", "actor", "updated_at", "created_at"}


def _changes_of(obj: Any) -> Iterable[dict[str, Any]]:
    rows = list(type(obj).history.filter(id=obj.pk)[: _HISTORY_ROWS + 1])
    for row, former in zip(rows[:_HISTORY_ROWS], [*rows[1:], None], strict=False):
        changed = row.diff_against(former).changed_fields if former else []
        yield {
            "at": row.history_date,
            "who": row.actor,
            "what": _KINDS[row.history_type],
            "after": {name: _plain(getattr(row, name)) for name in changed if name not in _NOT_SHOWN},
            "why": row.history_change_reason or "",
        }


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str, list, dict)) else str(value)
