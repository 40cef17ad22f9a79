"""The admin's frame: every view runs, and its page is rendered, inside the chosen tenant's scope.

Three kinds of views: a tenant's (most of them; one tenant, or for superusers all of them, read-only), the platform's
(tenants, users, workers; superusers only) and those about the signed-in account, which need no tenant at all.
"""
# ruff: noqa: ARG002 - the signatures are Django's

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any, Literal, Protocol

from django.contrib import messages
from django.contrib.auth.backends import ModelBackend
from django.core.paginator import Paginator
from django.core.signing import BadSignature, Signer
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from teams import tenancy
from teams.access import ALL_TENANTS, SESSION_TENANT, Actor, Member, actor_of_member, tenant_choice
from teams.errors import Conflict, Forbidden, NotFound, TeamBuilderError
from teams.problems import as_problem

View = Callable[..., HttpResponse]
Kind = Literal["tenant", "platform", "account"]

TENANT_FIELD = "_tenant"
"""Hidden field of every form: the tenant its page was made for, signed."""


class PasswordBackend(ModelBackend):
    """Signs users in by password and grants nothing.

    Django's own backend would also answer for global groups and permissions, which no tenant has given.
    """

    def _get_permissions(self, user_obj: Any, obj: Any, from_name: str) -> set[str]:
        return set()

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return False

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return False


def acting(request: HttpRequest) -> Actor | None:
    """Return who acts in the chosen tenant; None where no single tenant is chosen."""
    actor: Actor | None = getattr(request, "actor", None)
    return actor


def required_actor(request: HttpRequest, scope: str) -> Actor:
    """Return who acts; raise `Forbidden` without the scope, or while looking across tenants."""
    actor = acting(request)
    if actor is None:
        raise Forbidden("Choose one tenant first: across tenants you can look, but change nothing.")
    actor.require(scope)
    return actor


def looks_across_tenants(request: HttpRequest) -> bool:
    """Whether a superuser looks at all tenants at once."""
    return bool(getattr(request, "across_tenants", False))


class SitePages(Protocol):
    """Pages that belong to no model; an app puts them into the site's `pages`. `is_account`: they need no tenant."""

    def urls(self) -> list[URLPattern]:
        """Return their addresses below the site's."""
        ...


def tenant_title(request: HttpRequest) -> str:
    """Return the name of the tenant that is worked in, for the page's frame."""
    if looks_across_tenants(request):
        return "All tenants (look only)"
    member: Member | None = getattr(request.user, "member", None)
    return (member.name or member.slug) if member else ""


class TenantAdminSite(UnfoldAdminSite):
    """The product's admin site."""

    site_header = "Agent Team Builder"
    site_title = "Agent Team Builder"
    index_title = "Overview"
    site_url = None

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages: list[SitePages] = []
        self.disable_action("delete_selected")  # nothing is deleted for good by ticking boxes

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [url for pages in self.pages for url in pages.urls()]
        switch = path("tenant/", self.admin_view(self.switch_tenant), name="switch_tenant")
        # No model has a page outside the admin; the way to one would tell whether a row of a given id exists.
        stock = [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]
        return [switch, *own, *stock]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Wrap a view: signed in, in the chosen tenant, forms of another tenant refused, our errors shown as pages."""

        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            kind = self._kind(view)
            _enter(request)
            try:
                if refused := self._refused(request, kind):
                    return refused
                _prepare(view, request, *args, **kwargs)
                with _scope(request, kind):
                    return _rendered(view(request, *args, **kwargs))
            except Exception as error:
                problem = as_problem(error)
                # What nobody expected stays a 500 with its trace. The scope has been left and rolled back by now.
                if problem is None:
                    raise
                return self.problem_page(request, problem)

        admin_view: View = super().admin_view(update_wrapper(scoped, view), cacheable)
        return admin_view

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            **super().each_context(request),
            "templates": {"navigation": "admin/navigation.html"},
            "tenants": getattr(request, "tenants", []),
            "tenant": getattr(request.user, "member", None),
            "across_tenants": looks_across_tenants(request),
            "tenant_token": _signer().sign(_chosen(request)),
        }

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Find pages and teams. The theme's own keeps answers by user for minutes, across a switch of the tenant."""
        term = request.GET.get("s", "").strip().lower()
        if not term:
            return HttpResponse()
        extended = "extended" in request.GET
        results = self._search_apps(self.get_app_list(request), term)
        if extended:
            results += self._get_value(self._get_config("COMMAND", request).get("search_callback"), request, term)
        template = "unfold/helpers/command_results.html" if extended else "unfold/helpers/search_results.html"
        page = Paginator(results, max(1, len(results))).page(1)
        context = {"page_obj": page.paginator, "results": page, "page_counter": 0, "execution_time": 0}
        return TemplateResponse(request, template, context, headers={"HX-Trigger": "search"})

    def switch_tenant(self, request: HttpRequest) -> HttpResponse:
        """Choose the tenant to work in, among the user's own."""
        return require_POST(self._switch)(request)

    def _switch(self, request: HttpRequest) -> HttpResponse:
        wanted = request.POST.get("tenant", "")
        may_look_across = request.user.is_superuser and wanted == ALL_TENANTS
        known = {str(member.tenant_id): member.name or member.slug for member in _tenants(request)}
        if wanted not in known and not may_look_across:
            raise NotFound("There is no such tenant, or you are not a member of it.")
        request.session[SESSION_TENANT] = wanted
        messages.info(request, f"You now work in {known[wanted]}." if wanted in known else "You now see all tenants.")
        return HttpResponseRedirect(reverse("admin:index", current_app=self.name))

    def problem_page(self, request: HttpRequest, problem: TeamBuilderError) -> TemplateResponse:
        """Show an error of the product with its status."""
        context = {**self.each_context(request), "title": problem.title, "problem": problem}
        return TemplateResponse(request, "admin/problem.html", context, status=problem.status)

    def catch_all_view(self, request: HttpRequest, url: str) -> HttpResponse:
        """Add the slash that admin addresses end with; the rest of the product has none (APPEND_SLASH)."""
        if url.endswith("/"):
            raise Http404
        return HttpResponseRedirect(request.get_full_path(force_append_slash=True))

    def _kind(self, view: View) -> Kind:
        owner = getattr(view, "__self__", None)
        if (owner is self and view.__name__ in _ACCOUNT_VIEWS) or getattr(owner, "is_account", False):
            return "account"
        return "platform" if getattr(owner, "is_platform", False) else "tenant"

    def _refused(self, request: HttpRequest, kind: Kind) -> HttpResponse | None:
        """The page that answers instead of the view, if any."""
        if kind == "account":
            return None
        if kind == "platform":
            if not request.user.is_superuser:
                raise Forbidden("This page is for the platform's superusers.")
            return None
        if acting(request) is None and not looks_across_tenants(request):
            context = {**self.each_context(request), "title": "You belong to no tenant yet"}
            return TemplateResponse(request, "admin/no_tenant.html", context, status=Forbidden.status)
        return self._foreign_form(request) if request.method not in _SAFE_METHODS else None

    def _foreign_form(self, request: HttpRequest) -> HttpResponse | None:
        try:
            made_for = _signer().unsign(request.POST.get(TENANT_FIELD, ""))
        except BadSignature:
            made_for = ""
        if made_for != _chosen(request):
            names = {str(member.tenant_id): member.name or member.slug for member in _tenants(request)}
            context = {**self.each_context(request), "title": "This form belongs to another tenant"}
            context |= {"form_tenant": made_for if made_for in names else "", "form_tenant_name": names.get(made_for)}
            return TemplateResponse(request, "admin/other_tenant.html", context, status=Conflict.status)
        if looks_across_tenants(request):
            raise Forbidden("Choose one tenant first: across tenants you can look, but change nothing.")
        return None


_ACCOUNT_VIEWS = {"logout", "password_change", "password_change_done", "i18n_javascript", "switch_tenant"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def _enter(request: HttpRequest) -> None:
    """Put the user's tenants, the chosen membership and the actor on the request: one query."""
    user = request.user
    choice = tenant_choice(request)
    member = choice.member
    request.tenants = choice.tenants  # type: ignore[attr-defined]
    request.across_tenants = choice.across  # type: ignore[attr-defined]
    request.actor = actor_of_member(user, member) if member else None  # type: ignore[attr-defined,arg-type]
    user.member = member  # type: ignore[union-attr]


def _signer() -> Signer:
    return Signer(salt="teams.adminbase.tenant")


def _tenants(request: HttpRequest) -> list[Member]:
    tenants: list[Member] = getattr(request, "tenants", [])
    return tenants


def _chosen(request: HttpRequest) -> str:
    actor = acting(request)
    return str(actor.tenant_id) if actor else ALL_TENANTS


def _prepare(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
    """Let a view do what may take long before its scope is opened: a scope is a transaction, and must be short.

    A class names the method for each such view in `before_scope`; what it returns is `request.prepared`.
    """
    owner = getattr(view, "__self__", None)
    name = getattr(owner, "before_scope", {}).get(view.__name__)
    if name and request.method not in _SAFE_METHODS:
        request.prepared = getattr(owner, name)(request, *args, **kwargs)  # type: ignore[attr-defined]


@contextmanager
def _scope(request: HttpRequest, kind: Kind) -> Iterator[None]:
    actor = acting(request)
    if kind == "account":
        yield
    elif kind == "platform":
        with tenancy.across_tenants(f"admin: platform pages for {request.user}"):
            yield
    elif actor is not None:
        with tenancy.tenant(actor.tenant_id):
            yield
    else:
        with tenancy.across_tenants(f"admin: all tenants for {request.user}"):
            # Whatever a page may try, nothing can be written while somebody looks across tenants.
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
            yield


def _rendered(response: HttpResponse) -> HttpResponse:
    """Render a lazy page now: its template still asks for rows, which outside the scope would raise."""
    if isinstance(response, TemplateResponse) and not response.is_rendered:
        return response.render()
    return response
