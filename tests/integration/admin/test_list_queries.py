"""How many questions each list asks: as many for twenty-five rows as for two, of whichever model, whoever looks."""

from typing import Any

from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents.models import ProviderAccount, RoleTemplate, TenantTool, ToolCredential
from executions.models import Approval, Execution, Status, Step, StepKind, StepState, TenantLimits, TenantSlots, Worker
from executions.schedule_models import Schedule
from executions.webhook_models import Delivery, Webhook
from teams.keyring import key_create
from teams.models import AuditEntry, AuditSeal, Role
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person

FEW, MANY = 2, 25
ONE_OF_EACH_TENANT = {"executions.tenantslots", "executions.tenantlimits"}
PLATFORM = {"teams.tenant", "auth.user", "executions.worker"}


def one_more_of_each(owner: Person, number: int) -> None:
    """A row of every model in the owner's tenant, and a tenant beside it with those that each tenant has one of."""
    team = factories.team(owner)
    key_create(actor=owner.actor, name=f"key {number}", scopes=["teams:read"])
    factories.person(f"member-{number}", owner.tenant, Role.VIEWER)
    Worker.objects.create(id=f"worker-{number}", host="h", pid=1, slots=1)
    with tenant(factories.TenantFactory.create().id):
        TenantLimits.objects.create(usd_per_day=7)
        if not TenantSlots.objects.exists():
            TenantSlots.objects.create(limit=1)
    with tenant(owner.tenant.id):
        run = Execution.objects.create(
            team=team, version=1, resolved_spec={}, actor="user:alice", input="a question", status=Status.WAITING
        )
        Step.objects.create(
            execution=run, seq=1, event_seq=1, key="r1/Writer/llm0", kind=StepKind.LLM, state=StepState.DONE,
            role="Writer", fence=1, display={"message": "m"},
        )  # fmt: skip
        Approval.objects.create(execution=run, step_key="x", tool="Chunk_Text", args={"a": 1}, args_hash="0")
        hook = Webhook.objects.create(name=f"hook {number}", url="https://example.com/x", secret="v1:k:x", team=team)
        Delivery.objects.create(webhook=hook, execution=run, event="run.failed", payload={})
        Schedule.objects.create(team=team, name=f"schedule {number}", cron="0 9 * * *")
        RoleTemplate.objects.create(role=f"Role {number}", prompt="p")
        TenantTool.objects.create(name=f"Tool_{number}", enabled=False)
        ProviderAccount.objects.create(provider=f"provider-{number}")
        ToolCredential.objects.create(name=f"credential {number}", tool="Call_Web_API")
        AuditEntry(action="team.update", object_type="team", object_id=str(team.pk), actor="user:alice").save()
        AuditSeal.objects.create(horizon=number, entries=1, digest="0")


def questions(browser: Client, labels: set[str]) -> dict[str, tuple[int, Any]]:
    """How many questions each list asks, and how many rows it says it has. Asked twice: the first look fills caches."""
    found = {}
    for model in admin.site._registry:
        if model._meta.label_lower not in labels:
            continue
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        browser.get(address)
        with CaptureQueriesContext(connection) as asked:
            answer = browser.get(address)
        assert answer.status_code == 200, address
        shown = answer.context.get("cl")
        found[model._meta.label_lower] = (len(asked), shown and shown.result_count)
    return found


def registered() -> set[str]:
    return {model._meta.label_lower for model in admin.site._registry}


def test_no_list_asks_more_for_more_rows(transactional_db: Any, alice: Any, root: Any, signed_in: Any) -> None:
    registered = {model._meta.label_lower for model in admin.site._registry}
    member, across = signed_in(alice), signed_in(root)
    across.post("/admin/tenant/", {"tenant": "all"})
    lists = [(member, registered - PLATFORM - ONE_OF_EACH_TENANT), (across, registered)]
    for number in range(FEW):
        one_more_of_each(alice, number)
    few = [questions(*each) for each in lists]
    for number in range(FEW, MANY):
        one_more_of_each(alice, number)
    many = [questions(*each) for each in lists]
    for before, after, (_, labels) in zip(few, many, lists, strict=True):
        assert {label for label, (_asked, rows) in after.items() if rows is None or rows >= MANY} == labels
        assert {label: asked for label, (asked, _) in after.items()} == {label: n for label, (n, _) in before.items()}
