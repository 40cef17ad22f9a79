"""The world in the pictures, made by the product's own services; only days are put back afterwards, by the owner."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from agents.account_services import account_create
from agents.credential_services import credential_create
from agents.models import ProviderAccount, RoleTemplate, TenantTool
from agents.services import template_get, template_set, tool_set
from executions.budgets import Limits
from executions.limits import LimitValues, limits_set
from executions.models import Approval, Execution, Source, Status
from executions.schedules import schedule_change, schedule_create
from executions.services import execution_cancel, execution_start
from executions.webhooks import webhook_create, webhook_test
from teams.access import Actor, actor_of_member, memberships_of, system_actor
from teams.directory import member_set, tenant_create
from teams.keyring import key_create, key_revoke
from teams.models import AuditEntry, Tenant
from teams.proposals import team_recommend
from teams.services import team_create, team_delete, team_rename, team_rollback, team_update
from teams.tenancy import tenant
from tests.chaos.services import Services
from tests.fake_rules import Rule
from tests.fakes import FakeLLMServer
from tests.shots import cast

PASSWORD = "correct-horse-battery"
PATIENCE_S = 120.0
ENDED = {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.BUDGET_EXCEEDED, Status.QUARANTINED, Status.WAITING}

QUESTIONS = {
    "Billing questions": [
        "Why is my invoice 12.40 EUR higher than last month?", "What is the item 'seat, prorated'?",
        "Can I have the invoice in my company's name?",
    ],
    "Refunds": ["I was charged twice for order A-20481. Please send one of them back."],
    "Incident summaries": ["Checkout was slow on Tuesday between 10:04 and 10:26 UTC."],
    "Release notes": ["Week 47", "Week 46"],
    "Translation desk": ["German, to the customer of ticket 5512", "German, ticket 5540"],
    "Welcome mails": ["For the plan Team"],
}  # fmt: skip


@dataclass
class World:
    """Ids by name, for the addresses of the pages."""

    acme: Tenant
    globex: Tenant
    people: dict[str, Actor] = field(default_factory=dict)
    teams: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)


def build() -> World:
    """Make people, teams and everything around them; no worker is needed."""
    world = World(
        tenant_create(slug="acme-support", name="Acme Support", by="install"),
        tenant_create(slug="globex", name="Globex", by="install"),
    )
    _people(world)
    _around(world)
    _teams(world)
    return world


# --- people -----------------------------------------------------------------------------------------------------------


def _people(world: World) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    members = {"alice": "admin", "bob": "operator", "dana": "operator", "erik": "viewer"}
    install = system_actor(world.acme.id, world.acme.slug, "install")
    for name, role in members.items():
        member_set(actor=install, username=name, role=role, password=PASSWORD, reason="joins the support desk")
        world.people[name] = _actor(name, world.acme)
    other = system_actor(world.globex.id, world.globex.slug, "install")
    member_set(actor=other, username="charlie", role="admin", password=PASSWORD)
    member_set(actor=other, username="alice", role="viewer", reason="looks after both")
    world.people["charlie"] = _actor("charlie", world.globex)


def _actor(name: str, of: Tenant) -> Actor:
    user = User.objects.get(username=name)
    return actor_of_member(user, next(member for member in memberships_of(user.pk) if member.tenant_id == of.id))


# --- what teams need --------------------------------------------------------------------------------------------------


def _around(world: World) -> None:
    alice, hosts = world.people["alice"], ["billing.acme-support.example"]
    tool_set(actor=alice, name="Call_Web_API", settings={"allowed_hosts": hosts}, reason="refunds need the billing API")
    credential_create(
        actor=alice, name="Billing API", tool="Call_Web_API", value="bill_3f9a77c1", hosts=hosts, scheme="Bearer",
        note="read and refund only", reason="for the refund team",
    )  # fmt: skip
    account_create(
        actor=alice, provider="groq", api_key="gsk_0123456789", note="the support desk's own account", reason="trial"
    )
    limits_set(
        actor=alice, reason="agreed for the fourth quarter",
        values=LimitValues(tokens_per_day=200_000, usd_per_day=Decimal(5), runs_per_day=400, concurrent_runs=6),
    )  # fmt: skip
    key, _ = key_create(actor=alice, name="Help desk integration", scopes=["teams:read", "executions:run"])
    world.rows["key"] = key
    expires = timezone.now() + timedelta(days=6)
    key_create(actor=alice, name="Nightly report", scopes=["executions:read", "usage:read"], expires_at=expires)
    old, _ = key_create(actor=alice, name="Old integration", scopes=["teams:read"])
    key_revoke(actor=alice, key_id=old.id, reason="left with the agency that used it")
    critic = template_get(actor=alice, role="Critic").template
    personality = "You are strict, polite and brief. You name what is missing."
    template_set(
        actor=world.people["bob"], role="Critic", prompt=critic.prompt, name=critic.name, personality=personality,
        tools=critic.tools, reason="our wording for critics",
    )  # fmt: skip


# --- teams ------------------------------------------------------------------------------------------------------------


def _teams(world: World) -> None:
    alice, bob, dana = (world.people[name] for name in ("alice", "bob", "dana"))
    for name, config, who, reason in (
        ("Billing questions", cast.BILLING, alice, "first draft of the billing desk"),
        ("Refunds", cast.REFUNDS, bob, "refunds by hand take too long"),
        ("Incident summaries", cast.INCIDENT, alice, "from the incident guide"),
        ("Release notes", cast.NOTES, dana, ""),
        ("Help page gaps", cast.GAPS, bob, "what should we write next?"),
        ("Churn report", cast.CHURN, dana, "asked for by the board"),
        ("Translation desk", cast.TRANSLATE, dana, ""),
        ("Welcome mails", cast.WELCOME, bob, "three mails instead of nine"),
        ("Yearly survey", cast.SURVEY, dana, "once a year"),
    ):
        world.teams[name] = team_create(actor=who, config=config, name=name, reason=reason).team
    _versions(world)
    team_delete(actor=alice, team_id=world.teams["Yearly survey"].id, reason="done for this year")
    team_recommend(actor=bob, team_id=world.teams["Help page gaps"].id, reason="who is missing?")
    team_create(actor=world.people["charlie"], config=cast.NOTES, name="Globex release notes")
    _schedules(world)


def _versions(world: World) -> None:
    """Five more versions of one team, by three people; one of them was a mistake and is rolled back."""
    team = world.teams["Billing questions"]
    alice, bob, dana = (world.people[name] for name in ("alice", "bob", "dana"))
    config = _with_ids(team.config)
    triage, expert, reviewer = config["agents"]
    shorter = {**expert, "agent_goal_based_prompt": f"{expert['agent_goal_based_prompt']} Use at most 120 words."}
    asks = cast.agent("Translator", "Tomas", "You translate and keep the tone.", model=cast.SMALL)
    warm = {**shorter, "LLM_configuration": {"temperature": 0.7, "max_tokens": 400}}
    larger = {**shorter, "LLM_model": cast.LARGE, "LLM_configuration": {"temperature": 0.3, "max_tokens": 400}}
    for who, agents, flow, rounds, reason in (
        (bob, [triage, shorter, reviewer], "Triage->BillingExpert->Reviewer", 1, "answers were too long"),
        (dana, [triage, warm, asks, reviewer], "Triage->BillingExpert->Translator->Reviewer", 1, "German customers"),
        (bob, [triage, warm, reviewer, asks], "Triage->Reviewer->BillingExpert->Translator", 3, "review earlier"),
    ):
        changed = {**config, "agents": agents, "agent_team_flow": flow, "max_turns": rounds}
        team_update(actor=who, team_id=team.id, config=changed, reason=reason)
    team_rollback(actor=alice, team_id=team.id, target_version=2, reason="reviewing first made answers worse")
    changed = {**config, "agents": [triage, larger, reviewer], "agent_team_flow": "Triage->BillingExpert->Reviewer"}
    team_update(actor=dana, team_id=team.id, config=changed, reason="fewer wrong amounts with the larger model")
    team_rename(actor=dana, team_id=world.teams["Welcome mails"].id, name="Onboarding mails", reason="says it better")


def _with_ids(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, "agents": [dict(agent) for agent in config["agents"]]}


def _schedules(world: World) -> None:
    bob, notes = world.people["bob"], world.teams["Release notes"]
    fields = {"name": "Friday's release notes", "team_id": notes.id, "cron": "0 14 * * 5", "input": "This week"}
    row = schedule_create(actor=bob, fields={**fields, "time_zone": "Europe/Berlin"}, reason="for the newsletter")
    world.rows["schedule"] = row
    fields = {"name": "Churn on the first", "team_id": world.teams["Churn report"].id, "cron": "0 7 1 * *"}
    other = schedule_create(actor=bob, fields=fields)
    schedule_change(actor=bob, schedule_id=other.pk, fields={"enabled": False}, reason="the numbers are not in yet")
    fields = {"name": "Chat channel", "url": "https://hooks.acme-support.example/runs", "events": ["run.failed"]}
    world.rows["webhook"] = webhook_create(actor=bob, fields=fields, reason="tell us of failures")[0]


# --- runs -------------------------------------------------------------------------------------------------------------


def cancelled(world: World) -> None:
    """A run that somebody took back before a worker had it."""
    run = _start(world, "Release notes", "Week 45")
    execution_cancel(actor=world.people["bob"], execution_id=run.id, reason="the wrong week")
    world.runs["cancelled"] = run


def run_all(world: World, services: Services, model: FakeLLMServer) -> None:
    """Some thirty runs in a worker's hands, spread over two weeks; then those of today."""
    past = [_start(world, name, text) for name, texts in QUESTIONS.items() if name != "Refunds" for text in texts * 2]
    past += [_start(world, "Billing questions", text) for text in QUESTIONS["Billing questions"]]
    past += [_start(world, "Churn report", None) for _ in range(3)]
    _settled(world, past)
    _put_back(services, past)
    today = {
        "failed": _start(world, "Churn report", "October"),
        "budget": _start(world, "Billing questions", "Explain all lines", budget=Limits(tokens=120)),
        "waiting": _start(world, "Refunds", QUESTIONS["Refunds"][0]),
        "rejected": _start(world, "Refunds", "Order A-20501, the parcel came late."),
        "quarantined": _start(world, "Translation desk", "French, ticket 5544"),
        "succeeded": _start(world, "Incident summaries", QUESTIONS["Incident summaries"][0]),
    }
    _settled(world, list(today.values()))
    _quarantine(services, today["quarantined"])
    _reject(world, today["rejected"])
    # From now on the Analyst takes minutes: one run stays under way.
    slow = Rule(match="You find the most likely", answer=cast.SLOW, latency_ms=600_000)
    model.rules.insert(0, slow)
    today["running"] = _start(world, "Incident summaries", "Mails were late on Thursday from 14:10 UTC on.")
    world.runs |= today
    _wait(lambda: _row(world, today["running"].id).step_seq >= 3, "the run under way is at its analyst")
    webhook_test(actor=world.people["bob"], webhook_id=world.rows["webhook"].pk)
    with tenant(world.acme.id):
        world.rows["approval"] = Approval.objects.filter(decision="").first()
        for model_class in (RoleTemplate, TenantTool, ProviderAccount):
            world.rows[model_class._meta.model_name] = model_class.objects.first()
        world.rows["auditentry"] = AuditEntry.objects.filter(action="team.update").first()


def _start(world: World, name: str, text: Any, **more: Any) -> Execution:
    who = world.people["bob" if name in {"Refunds", "Release notes"} else "alice"]
    return execution_start(
        actor=who, team_id=world.teams[name].id, input=text, source=Source.ADMIN, stream_tokens=True, **more
    ).execution


def _reject(world: World, run: Execution) -> None:
    from executions.approvals import approval_decide

    with tenant(world.acme.id):
        asked = Approval.objects.get(execution_id=run.id)
    note = "Late parcels are not refunded; offer a voucher."
    approval_decide(actor=world.people["dana"], approval_id=asked.id, approve=False, note=note)
    _wait(lambda: _row(world, run.id).status == Status.SUCCEEDED, "the rejected run ends")


def _row(world: World, run_id: Any) -> Execution:
    with tenant(world.acme.id):
        return Execution.objects.get(id=run_id)


def _settled(world: World, runs: list[Execution]) -> None:
    ids = [run.id for run in runs]

    def settled() -> bool:
        with tenant(world.acme.id):
            return set(Execution.objects.filter(id__in=ids).values_list("status", flat=True)) <= ENDED

    _wait(settled, "every run has ended or waits for a person")


def _wait(check: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not check():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.1)


# --- days gone by -----------------------------------------------------------------------------------------------------

_RUN_BACK = """UPDATE executions_execution SET created_at = created_at - %s, started_at = started_at - %s,
    finished_at = finished_at - %s WHERE id = %s RETURNING id"""
_STEPS_BACK = """UPDATE executions_step SET created_at = created_at - %s, updated_at = updated_at - %s
    WHERE execution_id = %s RETURNING id"""
_HISTORY_BACK = """UPDATE teams_historicalteam SET history_date = history_date - %s WHERE history_id = %s
    RETURNING history_id"""
_QUARANTINE = """UPDATE executions_execution SET status = 'quarantined', recovery_count = 3, result = NULL,
    display = NULL, error = %s::jsonb WHERE id = %s RETURNING id"""


def _put_back(services: Services, runs: list[Execution]) -> None:
    for place, run in enumerate(runs):
        back = timedelta(days=1 + (place * 5) % 13, hours=(place * 7) % 9, minutes=place * 11 % 60)
        services.rows(_RUN_BACK, back, back, back, run.id)
        services.rows(_STEPS_BACK, back, back, run.id)
    rows = services.rows("SELECT history_id FROM teams_historicalteam ORDER BY history_id DESC")
    for place, (row,) in enumerate(rows):
        services.rows(_HISTORY_BACK, timedelta(hours=5 + 21 * place, minutes=13 * place % 60), row)


def _quarantine(services: Services, run: Execution) -> None:
    error = '{"code": "quarantined", "message": "3 workers were lost while they held this run"}'
    services.rows(_QUARANTINE, error, run.id)
