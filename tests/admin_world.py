"""A tenant with a row of each model the admin shows, every text of it chosen by the test."""

from collections.abc import Callable
from typing import Any

from agents.models import ProviderAccount, RoleTemplate, TenantTool, ToolCredential
from executions.models import Approval, Execution, Step, StepKind, StepState, TenantLimits, TenantSlots, Worker
from executions.schedule_models import Schedule
from executions.webhook_models import Delivery, Webhook
from teams.keyring import key_create
from teams.models import AuditEntry, AuditSeal, Membership, Team
from teams.secrets import seal_into
from teams.services import team_update
from teams.tenancy import tenant
from tests import factories

NOT_SHOWN = "RESULT-ONLY"
"""Stands where replays read and people never: no page may show it."""

Say = Callable[[str], str]
"""`say("key name")` is the text to write into the field the test calls so; at most 100 characters."""


def build(owner: Any, say: Say) -> dict[str, Any]:
    """One row for each model, by the model's name: through the services where they make it, else as it would be
    stored. Some fields hold what no service takes: the pages must not rely on it."""
    team = _team(owner, say)
    key, _ = key_create(actor=owner.actor, name=say("key name"), scopes=["teams:read"])
    with tenant(owner.tenant.id):
        made: dict[str, Any] = {"team": team, "apikey": key, **_run(team, say), **_told(team, say), **_set_up(say)}
        AuditEntry.objects.create(
            actor=f"user:{say('audit actor')}", action="team.rename", object_type="team", object_id="gone",
            before={"name": say("audit before"), say("audit key"): 1}, after={"name": say("audit after")},
            reason=say("audit reason"),
        )  # fmt: skip
        made["auditentry"] = AuditEntry.objects.order_by("-id").first()
        made["auditseal"] = AuditSeal.objects.create(horizon=1, entries=1, digest="0")
        made["membership"] = Membership.objects.order_by("id").first()
        made["tenantslots"] = TenantSlots.objects.first() or TenantSlots.objects.create(limit=1)
        made["tenantlimits"] = TenantLimits.objects.create(usd_per_day=7)
    worker = Worker.objects.create(id="w", host=say("worker host"), pid=1, slots=1)
    return {**made, "worker": worker, "tenant": owner.tenant, "user": owner.user}


def _team(owner: Any, say: Say) -> Team:
    """A team of three versions, with a proposal that waits."""
    team = factories.team(owner, agent_team_main_goal=say("first goal"))
    config = factories.config(say("role"), "Critic", agent_team_main_goal=say("goal"), allow_TBA_how_many_more=3)
    config["agents"][0] |= {
        "agent_name": say("agent name"), "agent_personality": say("personality"),
        "agent_goal_based_prompt": say("prompt"), "LLM_model": {"provider": "openai", "model": say("model")},
    }  # fmt: skip
    given: Any = {"actor": owner.actor, "team_id": team.id}
    for number in ("one", "two"):
        config["agents"][1]["agent_goal_based_prompt"] = say(f"prompt {number}")
        team = team_update(config=config, name=say("team name"), reason=say(f"reason {number}"), **given).team
    with tenant(owner.tenant.id):
        proposed = factories.proposal(team, say("proposed role"), reason=say("proposal"), prompt=say("proposed prompt"))
        team.pending_proposal = {**proposed, "asked_by": f"user:{say('proposal asker')}", "model": say("TBA model")}
        team.save_without_historical_record(update_fields=["pending_proposal"])  # type: ignore[attr-defined]
    return team


def _run(team: Team, say: Say) -> dict[str, Any]:
    """A run with all kinds of steps that waits for a decision and for word of a lost call."""
    role = say("step role")
    agent = {"role": role, "provider": say("provider"), "model": say("run model"), "name": say("run agent")}
    run = Execution.objects.create(
        team=team, version=1, actor=say("run actor"), input=say("run input"), owner=say("run worker"), status="waiting",
        idempotency_key=say("run key"), result={"final_answer": NOT_SHOWN}, display={"final_answer": say("answer")},
        error={"code": say("error code"), "message": say("run error"), "loc": say("error place")}, step_seq=4,
        budget={"tokens": 10},
        resolved_spec={
            "goal": say("run goal"), "flow": [["Writer", role]], "max_turns": 1, "agents": {role: agent},
        },
    )  # fmt: skip
    steps = [
        (StepKind.LLM, StepState.DONE, {"message": say("said"), "model": say("step model")}),
        (StepKind.TOOL, StepState.DONE, {
            "tool": say("tool"), "arguments": {say("argument"): say("value")}, "result": say("tool result"),
        }),
        (StepKind.TOOL, StepState.UNKNOWN, {"tool": say("lost tool"), "arguments": {"a": say("lost value")}}),
        (StepKind.NOTE, StepState.DONE, {"note": say("note")}),
        (StepKind.LLM, StepState.FAILED, {}),
    ]  # fmt: skip
    made = [
        Step.objects.create(
            execution=run, seq=seq, event_seq=seq, key=f"r1/Writer/{seq}{say('step key')}", kind=kind, state=state,
            role=role, fence=1, display=display, result={"message": NOT_SHOWN},
            error={"code": say("step code"), "message": say("step error")} if state == StepState.FAILED else None,
        )
        for seq, (kind, state, display) in enumerate(steps, 1)
    ]  # fmt: skip
    asked = {"tool": say("asked tool"), "role": say("asked role"), "args_hash": "0"}
    Approval.objects.create(
        execution=run, step_key="decided", args={say("asked name"): say("asked value")}, decision="rejected",
        decided_by=say("decider"), note=say("approval note"), **asked,
    )  # fmt: skip
    approval = Approval.objects.create(execution=run, step_key=say("asked key"), args={"x": [say("asked")]}, **asked)
    return {"execution": run, "step": made[0], "approval": approval}


def _told(team: Team, say: Say) -> dict[str, Any]:
    """Who is told of runs, and what starts them."""
    hook = Webhook(
        name=say("webhook name"), url=f"https://example.com/{say('webhook url')}", note=say("webhook note"),
        created_by=say("webhook maker"), team=team, tenant_id=team.tenant_id,
    )  # fmt: skip
    seal_into(hook, "secret", "whsec_eA==")
    hook.save()
    delivery = Delivery.objects.create(
        webhook=hook, event="run.failed", payload={"data": say("payload")}, answer=say("delivery answer"),
        error=say("delivery error"), answer_status=500, status="failed",
    )  # fmt: skip
    schedule = Schedule.objects.create(
        team=team, name=say("schedule name"), cron="0 9 * * *", input=say("schedule input"),
        last_error=say("schedule error"), created_by=say("schedule maker"), last_outcome="failed",
    )  # fmt: skip
    return {"webhook": hook, "delivery": delivery, "schedule": schedule}


def _set_up(say: Say) -> dict[str, Any]:
    """What a tenant sets for its agents."""
    return {
        "roletemplate": RoleTemplate.objects.create(
            role=say("template role"), name=say("template name"), personality=say("template personality"),
            prompt=say("template prompt"), tools=[say("template tool")],
        ),
        "tenanttool": TenantTool.objects.create(
            name="Call_Web_API", enabled=False, settings={"allowed_hosts": [say("tool host")]}
        ),
        "provideraccount": ProviderAccount.objects.create(
            provider="openai", note=say("account note"), base_url=say("account address"), ends_with=say("ends")[:4],
        ),
        "toolcredential": ToolCredential.objects.create(
            name=say("credential"), tool="Call_Web_API", header=say("header"), scheme=say("scheme")[:40],
            hosts=[say("credential host")], note=say("credential note"), ends_with=say("ends")[:4],
        ),
    }  # fmt: skip
