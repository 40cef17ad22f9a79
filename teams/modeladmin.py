"""Base classes of the product's admin pages: who may what, audit instead of Django's log, history.

Rights are asked twice: of the membership's model permissions (teams.access.MembershipBackend) and in the words of
scopes, the same ones the API asks for. Pages change nothing themselves: they call a service with the request's actor.
"""
# ruff: noqa: ARG002 - the signatures are Django's

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from teams import audit
from teams.access import Actor
from teams.adminbase import acting, looks_across_tenants, required_actor
from teams.errors import Forbidden
from teams.forms import ServiceForm
from teams.models import AuditEntry
from teams.objectpages import ObjectPages
from teams.pastof import changes_of, told_of
from teams.tenancy import TenantModel


def pretty(value: object) -> SafeString | str:
    """Show JSON as indented text, escaped; "-" for nothing."""
    if value in (None, "", [], {}):
        return "-"
    return format_html('<pre class="json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, default=str))


class TenantModelAdmin(ObjectPages):
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
            rows=list(changes_of(obj)) if hasattr(obj, "history") else self._audit_of(request, obj),
            **(extra_context or {}),
        )

    def _audit_of(self, request: HttpRequest, obj: TenantModel) -> list[dict[str, Any]]:
        actor = acting(request)
        if actor is not None:
            actor.require("audit:read")
        return told_of(self.opts.model_name, obj)


class ReadOnlyAdmin(TenantModelAdmin):
    """Rows that a machine writes: people look."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.fields or () if isinstance(name, str)]


class PlatformModelAdmin(ObjectPages):
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
        return self.page(
            request,
            "admin/object_history.html",
            title=f"History of {obj}",
            object=obj,
            rows=told_of(self.opts.model_name, obj),
            **(extra_context or {}),
        )
