"""Every address of the admin, asked for as every kind of user: nothing opens for the wrong one, nothing breaks."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, reverse

from executions.models import Approval, Execution, Step, StepKind, StepState, Worker
from executions.schedule_models import Schedule
from executions.webhook_models import Delivery, Webhook
from teams.keyring import key_create
from teams.models import AuditEntry, AuditSeal, Membership
from teams.tenancy import tenant
from tests import factories

PLATFORM = {"tenant", "user", "worker"}
ADMINS_ONLY = {"apikey", "membership", "tenanttool", "provideraccount", "toolcredential", "auditentry", "auditseal"}
NOT_FOR_VIEWERS = {"webhook", "delivery"}


@pytest.fixture
def rows(alice: Any) -> dict[str, Any]:
    """One row of acme for each model, with words nobody else may see."""
    from agents.models import ProviderAccount, RoleTemplate, TenantTool, ToolCredential

    team = factories.team(alice, agent_team_main_goal="SECRET-OF-ACME")
    key, _ = key_create(actor=alice.actor, name="SECRET-OF-ACME", scopes=["teams:read"])
    with tenant(alice.tenant.id):
        run = Execution.objects.create(
            team=team, version=1, resolved_spec={}, actor="user:alice", input="SECRET-OF-ACME"
        )
        step = Step.objects.create(
            execution=run, seq=1, event_seq=1, key="r1/Writer/llm0", kind=StepKind.LLM, state=StepState.DONE,
            role="Writer", fence=1, result={"message": "RESULT-ONLY"}, display={"message": "SECRET-OF-ACME"},
        )  # fmt: skip
        hook = Webhook.objects.create(name="SECRET-OF-ACME", url="https://example.com/SECRET-OF-ACME", secret="v1:k:x")
        delivery = Delivery.objects.create(webhook=hook, execution=run, event="run.failed", payload={})
        made = {
            "webhook": hook,
            "delivery": delivery,
            "team": team,
            "apikey": key,
            "schedule": Schedule.objects.create(
                team=team, name="SECRET-OF-ACME", cron="0 9 * * *", input="SECRET-OF-ACME"
            ),
            "execution": run,
            "step": step,
            "approval": Approval.objects.create(execution=run, step_key="x", args={}, args_hash="0"),
            "roletemplate": RoleTemplate.objects.create(role="SECRET-OF-ACME", prompt="p"),
            "tenanttool": TenantTool.objects.create(name="Chunk_Text", enabled=False),
            "provideraccount": ProviderAccount.objects.create(provider="openai", note="SECRET-OF-ACME"),
            "toolcredential": ToolCredential.objects.create(name="SECRET-OF-ACME", tool="Call_Web_API"),
            "auditentry": AuditEntry.objects.first(),
            "auditseal": AuditSeal.objects.create(horizon=1, entries=1, digest="0"),
            "membership": Membership.objects.first(),
        }
    from executions.models import TenantLimits, TenantSlots

    with tenant(alice.tenant.id):
        slots = TenantSlots.objects.first() or TenantSlots.objects.create(limit=1)
        limits = TenantLimits.objects.create(usd_per_day=7)
    worker = Worker.objects.create(id="w", host="h", pid=1, slots=1)
    made |= {"tenantslots": slots, "tenantlimits": limits}
    return {**made, "worker": worker, "tenant": alice.tenant, "user": alice.user}


def addresses(rows: dict[str, Any]) -> list[tuple[str, str]]:
    """Every address of the site as (model or "", path), with ids of acme's rows."""
    found = [
        ("", reverse(f"admin:{name}"))
        for name in ("index", "account", "password_change", "password_change_done", "jsi18n")
    ]
    for model, model_admin in admin.site._registry.items():
        name = model._meta.model_name or ""
        named = [pattern for pattern in model_admin.urls if isinstance(pattern, URLPattern) and pattern.name]
        found += [(name, _address(pattern, rows[name], rows)) for pattern in named]
    return found


def _address(pattern: URLPattern, row: Any, rows: dict[str, Any]) -> str:
    values = {"object_id": row.pk, "id": row.pk, "version": 1, "team_id": rows["team"].pk}
    return reverse(f"admin:{pattern.name}", kwargs={name: values[name] for name in pattern.pattern.converters})


def test_every_model_is_in_the_walk(rows: dict[str, Any]) -> None:
    registered = {model._meta.model_name for model in admin.site._registry}
    assert registered == set(rows)


def test_anonymous_is_asked_to_sign_in(rows: dict[str, Any]) -> None:
    for _model, address in addresses(rows):
        answer = Client().get(address)
        assert (answer.status_code, answer.url.split("?")[0]) == (302, "/admin/login/"), address


def test_staff_of_no_tenant_are_told_what_to_do(rows: dict[str, Any], nobody: Any, signed_in: Any) -> None:
    browser = signed_in(nobody)
    for model, address in addresses(rows):
        answer = browser.get(address)
        assert answer.status_code == (200 if not model and address != "/admin/" else 403), address
        assert b"SECRET-OF-ACME" not in answer.getvalue(), address
    assert b"Ask an admin of your tenant" in browser.get("/admin/").content


def test_another_tenants_admin_sees_nothing(rows: dict[str, Any], charlie: Any, signed_in: Any) -> None:
    browser = signed_in(charlie)
    for model, address in addresses(rows):
        answer = browser.get(address)
        assert b"SECRET-OF-ACME" not in answer.getvalue(), address
        if model in PLATFORM:
            assert answer.status_code == 403, address
        elif str(rows[model].pk) in address if model else False:
            # Django's own pages lead away from what is not there; ours say 404. Missing rows answer alike, see below.
            assert answer.status_code in {302, 403, 404}, (address, answer.status_code)


def test_foreign_and_missing_answer_alike(rows: dict[str, Any], charlie: Any, signed_in: Any) -> None:
    browser = signed_in(charlie)
    for model, address in addresses(rows):
        if not model or model in PLATFORM or str(rows[model].pk) not in address:
            continue
        missing_id = "2b0c5f80-0000-4000-8000-000000000000" if len(str(rows[model].pk)) == 36 else "987654321"
        missing = browser.get(address.replace(str(rows[model].pk), missing_id))
        assert browser.get(address).status_code == missing.status_code, address


@pytest.mark.parametrize("who", ["vera", "bob", "alice", "root"])
def test_members_see_what_their_role_may(who: str, rows: dict[str, Any], request: Any, signed_in: Any) -> None:
    browser = signed_in(request.getfixturevalue(who))
    for model, address in addresses(rows):
        answer = browser.get(address)
        assert answer.status_code in {200, 302, 403, 404, 405}, (who, address, answer.status_code)
        closed = ADMINS_ONLY | NOT_FOR_VIEWERS if who == "vera" else ADMINS_ONLY if who == "bob" else set()
        if model in closed or (model in PLATFORM and who != "root"):
            assert answer.status_code == 403, (who, address)
        elif address.endswith("/change/") and model != "auditentry":
            assert answer.status_code == 200, (who, address)
        assert b"RESULT-ONLY" not in answer.getvalue(), address


def test_across_tenants_every_page_opens_or_says_why(
    transactional_db: Any, rows: dict[str, Any], root: Any, signed_in: Any
) -> None:
    browser = signed_in(root)
    browser.post("/admin/tenant/", {"tenant": "all"})
    for model, address in addresses(rows):
        answer = browser.get(address)
        assert not (address.endswith("/add/") and model not in PLATFORM and answer.status_code == 200), address
        looks = address.endswith(("/change/", f"/{model}/", "/history/")) and model != "auditentry"
        assert answer.status_code in ({200} if looks else {200, 302, 403}), (address, answer.status_code)


def test_a_viewer_can_post_nothing(rows: dict[str, Any], vera: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    field = browser.get("/admin/teams/team/").context["tenant_token"]
    before = _counts(vera)
    for model, address in addresses(rows):
        if not model:
            continue
        answer = browser.post(address, {"_tenant": field, "reason": "", "confirmed": "yes", "enabled": "1"})
        # A list without an action to run is shown again; everything that could change something is refused.
        assert answer.status_code == 403 or address.endswith((f"/{model}/", "/history/", "/compare/")), (
            address,
            answer.status_code,
        )
    assert _counts(vera) == before


def _counts(who: Any) -> list[int]:
    with tenant(who.tenant.id):
        return [model.objects.count() for model in (AuditEntry, Execution, Membership)]
