"""Two tenants with a row of everything each. Every text of acme's rows says so: none may reach globex."""

import os
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from agents.models import ProviderAccount, RoleTemplate, TenantTool, ToolCredential
from executions import schedules, webhooks
from executions.models import Approval, Execution, Status, Step, TenantDay, TenantLimits, TenantSlots, Worker
from executions.schedule_models import Schedule
from executions.services import execution_start
from executions.webhook_models import Delivery, Webhook
from teams.keyring import key_create
from teams.models import ApiKey, AuditSeal, Membership, Role, Team, Tenant
from teams.secrets import seal_into
from teams.services import team_update
from teams.tenancy import TenantModel, tenant
from tests import factories
from tests.factories import Person

MARKER = "ACME-SECRET-MARKER"
OWN = "globex-text"
WORKER = "worker-7f3a9c"
CURSOR_ROWS = 3
"""Rows of what is listed in pages, so that a page of one has a next one."""


@dataclass(frozen=True)
class Rows:
    """The ids of one tenant's rows, by the name of the parameter that asks for them, and by model label."""

    who: Person
    key: str
    idempotency_key: str
    by_parameter: dict[str, str]
    by_model: dict[str, str]


def number_from(first: int) -> None:
    """Give all rows from now on numbers that appear nowhere else, so that they can be told in a page."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        names = owner.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'").fetchall()
        for place, (name,) in enumerate(names):
            if not name.startswith("django_"):
                owner.execute(f"ALTER SEQUENCE {name} RESTART {first + 1000 * place}")


def build(slug: str, text: str) -> Rows:
    """Make a tenant whose every text holds `text`."""
    of = Tenant.objects.create(slug=slug, name=f"{slug} {text}")
    who = factories.person(f"admin-{text}", of, Role.ADMIN)
    key = who.key()
    for number in range(1, CURSOR_ROWS):
        factories.person(f"viewer-{text}-{number}", of, Role.VIEWER)
    for number in range(CURSOR_ROWS):
        key_create(actor=who.actor, name=f"{text} {number}", scopes=["teams:read"])
    teams = [_team(who, text) for _number in range(CURSOR_ROWS)]
    runs = [_run(who, team, text) for team in teams]
    _rest(who, runs[0], text)
    for team in teams:
        given = {"name": text, "team_id": team.id, "cron": "0 9 1 1 *", "input": text}
        schedules.schedule_create(actor=who.actor, fields=given, reason=text)
    _hooks(who, runs, text)
    Worker.objects.get_or_create(id=WORKER, defaults={"host": "h", "pid": 1, "slots": 1})
    return Rows(who, key, f"{text}-0", _by_parameter(who, teams[0], runs[0], text), _by_model(who))


def _hooks(who: Person, runs: list[Execution], text: str) -> None:
    for run in runs:
        given = {"name": text, "url": f"https://example.com/{text}", "events": ["run.failed"]}
        row, _secret = webhooks.webhook_create(actor=who.actor, fields=given, reason=text)
        with tenant(who.tenant.id):
            payload = {"type": "run.failed", "text": text}
            Delivery.objects.create(
                webhook=row, execution=run, event="run.failed", payload=payload, answer=text, status="failed", tries=1
            )


def _team(who: Person, text: str) -> Team:
    team: Team = factories.team(who, "Writer", "Critic", agent_team_main_goal=text, metadata={"note": text})
    changed = factories.config("Writer", "Critic", agent_team_main_goal=f"{text} again")
    team = team_update(actor=who.actor, team_id=team.id, config=changed, reason=text, name=text).team
    with tenant(who.tenant.id):
        team.pending_proposal = factories.proposal(team, f"{text} agent", reason=text, prompt=text)
        team.save(update_fields=["pending_proposal"])
    return team


def _run(who: Person, team: Team, text: str) -> Execution:
    run = execution_start(
        actor=who.actor, team_id=team.id, input=text, idempotency_key=f"{text}-0" if not _runs(who) else None
    ).execution
    with tenant(who.tenant.id):
        for number in (1, 2):
            Step.objects.create(
                execution=run, seq=number, event_seq=number, key=f"r1/{text}/llm{number}", kind="llm", state="done",
                role=text, fence=1, request={"model": f"{text}-{number}"}, result={"text": text},
                display={"text": text},
            )  # fmt: skip
        Execution.objects.filter(id=run.id).update(
            status=Status.FAILED, event_seq=3, status_seq=3, step_seq=2, finished_at=timezone.now(),
            result={"final_answer": text}, display={"final_answer": text}, error={"code": "x", "message": text},
        )  # fmt: skip
    return run


def _runs(who: Person) -> int:
    with tenant(who.tenant.id):
        return Execution.objects.count()


def _rest(who: Person, run: Execution, text: str) -> None:
    with tenant(who.tenant.id):
        RoleTemplate.objects.create(role=f"{text} role", name=text, personality=text, prompt=text)
        TenantTool.objects.create(name="search", enabled=False)
        account = ProviderAccount(tenant=who.tenant, provider="mistral", note=text)
        seal_into(account, "api_key", text)
        account.save()
        credential = ToolCredential(
            tenant=who.tenant, name=text, tool="Call_Web_API", hosts=[f"{text.lower()}.example"]
        )
        seal_into(credential, "value", text)
        credential.save()
        for number in range(CURSOR_ROWS):
            Approval.objects.create(
                execution=run, step_key=f"{text} {number}", tool=text, args={"text": text}, args_hash="", note=text
            )
        AuditSeal.objects.create(horizon=1, entries=0, digest=text)
        TenantSlots.objects.get_or_create(defaults={"limit": 5})
        TenantLimits.objects.create(tokens_per_day=7_000_000)
        TenantDay.objects.create(day=timezone.now().date())


def _by_parameter(who: Person, team: Team, run: Execution, text: str) -> dict[str, str]:
    with tenant(who.tenant.id):
        return {
            "team_id": str(team.id),
            "execution_id": str(run.id),
            "step_key": f"r1/{text}/llm1",
            "approval_id": str(Approval.objects.order_by("step_key")[0].id),
            "key_id": str(ApiKey.objects.filter(name=f"{text} 0").get().id),
            "member_id": str(Membership.objects.get(user=who.user).pk),
            "schedule_id": str(Schedule.objects.order_by("pk")[0].pk),
            "webhook_id": str(Webhook.objects.order_by("pk")[0].pk),
            "delivery_id": str(Delivery.objects.order_by("pk")[0].pk),
            "role": f"{text} role",
            "account_id": str(ProviderAccount.objects.get().id),
            "credential_id": str(ToolCredential.objects.get().id),
            "tenant_id": who.tenant.slug,
        }


def _by_model(who: Person) -> dict[str, str]:
    """One row of each registered model, by its label."""
    ids = {"teams.tenant": who.tenant.id, "auth.user": who.user.pk, "executions.worker": WORKER}
    with tenant(who.tenant.id):
        for model in apps.get_models():
            if issubclass(model, TenantModel):
                row = model._default_manager.order_by("pk").first()
                assert row is not None, f"the world has no {model._meta.label}: add one in tests/contracts/world.py"
                ids[model._meta.label_lower] = row.pk
    return {label: str(pk) for label, pk in ids.items()}


def missing(rows: Rows) -> Rows:
    """The same parameters with ids that nobody has."""

    def like(value: str) -> str:
        return "987654321" if value.isdecimal() else str(uuid4()) if _is_uuid(value) else f"nobody-{uuid4().hex}"

    return Rows(
        rows.who, rows.key, "",
        {name: like(value) for name, value in rows.by_parameter.items()},
        {label: like(value) for label, value in rows.by_model.items()},
    )  # fmt: skip


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def fingerprint(tenant_id: UUID) -> list[tuple[str, str]]:
    """A digest of all of a tenant's rows by table, seen from this connection and its open transaction."""
    # A key's last use is written by using it, which the tests do.
    each = (
        f"SELECT '{model._meta.db_table}', md5(coalesce(string_agg((to_jsonb(t) - 'last_used_at')::text, ''"
        f" ORDER BY to_jsonb(t)::text), '')) FROM {model._meta.db_table} t"
        for model in apps.get_models()
        if hasattr(model, "across_tenants")
    )
    with tenant(tenant_id), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return sorted(cursor.fetchall())


def user_of(rows: Rows) -> User:
    """The tenant's admin, to be signed in."""
    return rows.who.user
