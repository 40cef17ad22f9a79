"""Which pages are in the pictures, and as whom they are seen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from playwright.sync_api import Page

from tests.shots.world import World


@dataclass(frozen=True)
class Shot:
    """One page: its picture's name, its address, who looks, whether also in the dark, and what is done before."""

    name: str
    path: str
    who: str = "alice"
    dark: bool = False
    before: Callable[[Page], Any] | None = None


def _at(name: str, *args: Any, query: str = "") -> str:
    return reverse(f"admin:{name}", args=[str(value) for value in args]) + query


def shots(world: World) -> list[Shot]:
    """Every picture, in the order of the menu."""
    return [
        Shot("login", "/admin/login/", "", dark=True),
        Shot("dashboard", _at("index"), dark=True),
        *_teams(world),
        *_runs(world),
        *_around(world),
        *_access(world),
        *_platform(world),
    ]


def _teams(world: World) -> list[Shot]:
    billing, gaps, survey = (world.teams[name].id for name in ("Billing questions", "Help page gaps", "Yearly survey"))
    return [
        Shot("teams", _at("teams_team_changelist"), dark=True),
        Shot("teams-deleted", _at("teams_team_changelist", query="?state=deleted")),
        Shot("team-add", _at("teams_team_add")),
        Shot("team-edit", _at("teams_team_change", billing), dark=True),
        Shot("team-refused", _at("teams_team_change", billing), before=_spoil),
        Shot("team-view-only", _at("teams_team_change", billing), "erik"),
        Shot("team-delete", _at("teams_team_delete", billing)),
        Shot("team-deleted", _at("teams_team_change", survey)),
        Shot("versions", _at("teams_team_history", billing), dark=True),
        Shot("version", _at("teams_team_version", billing, 3)),
        Shot("compare", _at("teams_team_compare", billing, query="?a=3&b=4"), dark=True),
        Shot("proposal", _at("teams_team_proposal", gaps)),
        Shot("import", _at("teams_team_import")),
    ]


def _runs(world: World) -> list[Shot]:
    runs = [
        Shot(
            f"run-{name}",
            _at("executions_execution_change", run.id),
            dark=name in {"waiting", "running", "failed"},
            before=_listen if name == "running" else None,
        )
        for name, run in world.runs.items()
    ]
    return [
        Shot("runs", _at("executions_execution_changelist"), dark=True),
        Shot("run-start", _at("executions_execution_start", world.teams["Incident summaries"].id)),
        *runs,
        Shot("approvals", _at("executions_approval_changelist"), dark=True),
        Shot("approval", _at("executions_approval_change", world.rows["approval"].pk)),
        Shot("schedules", _at("executions_schedule_changelist")),
        Shot("schedule", _at("executions_schedule_change", world.rows["schedule"].pk)),
        Shot("schedule-add", _at("executions_schedule_add")),
    ]


def _around(world: World) -> list[Shot]:
    names = ["agents_roletemplate", "agents_tenanttool", "agents_provideraccount", "agents_toolcredential"]
    lists = [Shot(name.partition("_")[2] + "s", _at(f"{name}_changelist")) for name in names]
    return [
        *lists,
        Shot("roletemplate", _at("agents_roletemplate_change", world.rows["roletemplate"].pk)),
        Shot("tenanttool", _at("agents_tenanttool_change", world.rows["tenanttool"].pk)),
        Shot("provideraccount", _at("agents_provideraccount_change", world.rows["provideraccount"].pk)),
        Shot("toolcredential-add", _at("agents_toolcredential_add")),
        Shot("webhooks", _at("executions_webhook_changelist")),
        Shot("webhook", _at("executions_webhook_change", world.rows["webhook"].pk)),
        Shot("deliveries", _at("executions_delivery_changelist")),
    ]


def _access(world: World) -> list[Shot]:
    return [
        Shot("audit", _at("teams_auditentry_changelist"), dark=True),
        Shot("audit-entry", _at("teams_auditentry_change", world.rows["auditentry"].pk)),
        Shot("members", _at("teams_membership_changelist")),
        Shot("member-add", _at("teams_membership_add")),
        Shot("keys", _at("teams_apikey_changelist")),
        Shot("key-add", _at("teams_apikey_add")),
        Shot("limits", _at("executions_tenantlimits_changelist")),
        Shot("account", _at("account")),
        Shot("password", _at("password_change")),
    ]


def _platform(world: World) -> list[Shot]:
    everywhere = "root"
    return [
        Shot("dashboard-all-tenants", _at("index"), everywhere),
        Shot("tenants", _at("teams_tenant_changelist"), everywhere),
        Shot("tenant", _at("teams_tenant_change", world.acme.pk), everywhere),
        Shot("users", _at("auth_user_changelist"), everywhere),
        Shot("workers", _at("executions_worker_changelist"), everywhere),
        Shot("refused", _at("teams_apikey_changelist"), "erik"),
        Shot("not-found", _at("teams_team_change", "2b0c5f80-0000-4000-8000-000000000000")),
    ]


def _spoil(page: Page) -> None:
    """Send an editor's form that cannot be saved, past the browser's own checks."""
    page.eval_on_selector_all("form", "forms => forms.forEach(form => form.noValidate = true)")
    page.locator("[name=agents-1-temperature]").evaluate("field => { field.value = '5' }")
    page.locator("[name=flow], [name=agent_team_flow]").first.fill("Triage -> BillingExpert -> Nobody")
    page.get_by_role("button", name="Save", exact=True).click()


def _listen(page: Page) -> None:
    """Wait for the words of the agent that speaks."""
    page.locator("#run-words").wait_for(state="visible")
