"""The admin's menu by task, its search and its files, as Unfold asks for them by name (settings.UNFOLD)."""
# ruff: noqa: ARG001 - the signatures are Unfold's

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from unfold.dataclasses import SearchResult

from teams.adminbase import acting, looks_across_tenants
from teams.models import Team

_FOUND_TEAMS = 8

# Group -> (title, icon, model as app.model). A page that the user may not see is left out. Steps, deliveries, seals
# and slots are reached from the pages they belong to, and by search.
_MENU: dict[str, list[tuple[str, str, str]]] = {
    "Work": [
        ("Agent teams", "groups", "teams.team"),
        ("Runs", "play_circle", "executions.execution"),
        ("Waiting for you", "approval", "executions.approval"),
        ("Schedules", "schedule", "executions.schedule"),
    ],
    "Set up": [
        ("Role templates", "badge", "agents.roletemplate"),
        ("Tools", "construction", "agents.tenanttool"),
        ("Provider accounts", "cloud", "agents.provideraccount"),
        ("Tool credentials", "passkey", "agents.toolcredential"),
        ("Webhooks", "webhook", "executions.webhook"),
    ],
    "Insight": [
        ("Audit", "history", "teams.auditentry"),
    ],
    "Administration": [
        ("Members", "group", "teams.membership"),
        ("API keys", "key", "teams.apikey"),
        ("Limits", "savings", "executions.tenantlimits"),
    ],
    "Platform": [
        ("Tenants", "apartment", "teams.tenant"),
        ("Users", "person", "auth.user"),
        ("Workers", "memory", "executions.worker"),
    ],
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu's groups with the pages this user may see; Unfold's shape of navigation."""
    index = {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index"), "active": _is_index(request)}
    shown = {_label(model): model_admin for model, model_admin in admin.site._registry.items()}
    groups: list[dict[str, Any]] = [{"title": "", "items": [index]}]
    for title, entries in _MENU.items():
        items = [
            {"title": name, "icon": icon, "link": link, "active": request.path.startswith(link)}
            for name, icon, label in entries
            if label in shown and _may_see(request, shown[label]) and (link := _link(label))
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def account(request: HttpRequest) -> list[dict[str, str]]:
    """Return the links of the user's own menu."""
    links = []
    for title, name in (("My account", "account"), ("Change password", "password_change")):
        try:
            links.append({"title": title, "link": reverse(f"admin:{name}")})
        except NoReverseMatch:
            continue
    return links


def found(request: HttpRequest, term: str) -> list[SearchResult]:
    """Return live teams of the tenant whose name holds the term, for the search box."""
    if acting(request) is None:
        return []
    teams = Team.objects.filter(is_deleted=False, name__icontains=term).order_by("name")[:_FOUND_TEAMS]
    return [
        SearchResult(
            title=team.name,
            description=f"Team, version {team.version}",
            link=reverse("admin:teams_team_change", args=[team.pk]),
            icon="groups",
        )
        for team in teams
    ]


def styles(request: HttpRequest) -> str:
    """Return the address of the admin's own style sheet."""
    return static("teams/admin.css")


def keyboard_script(request: HttpRequest) -> str:
    """Return the address of the script that makes the theme's menus usable by keyboard."""
    return static("teams/keyboard.js")


def once_script(request: HttpRequest) -> str:
    """Return the address of the script that lets no form be sent twice by an impatient click."""
    return static("teams/once.js")


def favicon(request: HttpRequest) -> str:
    """Return the address of the icon."""
    return static("teams/favicon.svg")


def _label(model: Any) -> str:
    return str(model._meta.label_lower)


def _link(label: str) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_changelist")


def _is_index(request: HttpRequest) -> bool:
    return request.path == reverse("admin:index")


def _may_see(request: HttpRequest, model_admin: Any) -> bool:
    if not getattr(model_admin, "is_platform", False) and acting(request) is None and not looks_across_tenants(request):
        return False
    return bool(model_admin.has_module_permission(request) and model_admin.has_view_permission(request))
