"""Starting, cancelling and retrying runs. Every front door ends here; from `execution_start` on there is one path.

The row is committed first, then a ring is sent: a lost ring loses nothing, a lost row would lose the run.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.build_cache import own_copy
from agents.providers import provider
from agents.ready import ready_team
from agents.registry import ResolvedAgent
from agents.tools import CATALOGUE
from executions import moves, tasks, webhooks
from executions.budgets import Limits
from executions.facts import Limited, StartFacts, start_facts
from executions.hooks import RunWebhook
from executions.limits import MARKED, admit_run, limited_by, raised
from executions.models import OPEN, Execution, Source, Status, TenantLimits, TenantSlots
from executions.moves import fresh_deadline, locked, move, tell, unknown_steps, withdraw_questions
from executions.runspec import AgentRun, RunSpec, ToolSchema
from teams import audit
from teams.access import Actor
from teams.canonical import walk_problems
from teams.errors import Conflict, Forbidden, Invalid, Located
from teams.models import Team
from teams.proposals import UnfilledRoles, shown_proposal
from teams.services import team_get, team_version
from teams.storing import not_found
from teams.tenancy import tenant

MAX_INPUT_BYTES = 1_000_000
MAX_KEY = 200
_IDEMPOTENCY = "execution_idempotency"
_BY_PEOPLE = {Source.ADMIN, Source.COMMAND, Source.CHAT}


@dataclass(frozen=True)
class Started:
    """An accepted run; `replayed`: it was accepted before, under the same Idempotency-Key."""

    execution: Execution
    replayed: bool = False


def execution_start(
    *,
    actor: Actor,
    team_id: UUID,
    input: Any = None,  # noqa: A002 - the name callers write
    version: int | None = None,
    idempotency_key: str | None = None,
    source: str = Source.API,
    stream_tokens: bool = False,
    webhook: RunWebhook | None = None,
    budget: Limits | None = None,
) -> Started:
    """Accept a run of a team's current version, or of an older one.

    Its model calls are streamed to watchers from the first word on with `stream_tokens`, or when a person started it;
    else from the first call made while somebody watches. A `webhook` is told of this run alone. What does not fit
    `budget` is not called, and the run stops.

    Raises `NotFound` (team or version), `Invalid` (input, key, webhook), `StoredConfigBroken`, and `Conflict` when
    the team cannot run now or the key was used for another request.
    """
    actor.require("executions:run")
    _checked(actor, input, idempotency_key, webhook)
    budgeted = None if budget is None else budget.stored()
    body_hash = _body_hash(team_id, version, input, webhook, budgeted)
    try:
        # One scope for the look and the write: what a run starts from is read and stored in five round trips.
        with tenant(actor.tenant_id):
            if idempotency_key and (earlier := _earlier(actor, idempotency_key, body_hash)):
                return Started(earlier, replayed=True)
            facts = start_facts(actor.tenant_id, team_id)
            pinned, spec = _resolved(actor, facts, version)
            limited = limited_by(spec, budget, facts.limited)
            execution = Execution(
                team_id=team_id,
                version=pinned,
                resolved_spec={**spec, **limited, "stream": stream_tokens or source in _BY_PEOPLE},
                budget=budgeted,
                input=input,
                idempotency_key=idempotency_key or None,
                idempotency_hash=body_hash if idempotency_key else "",
                source=source,
                actor=actor.label,
                deadline_at=fresh_deadline(),
                has_webhooks=facts.has_webhooks or webhook is not None,
            )
            _insert(execution, facts, webhook)
    except IntegrityError as error:
        return Started(_first_of_two(actor, idempotency_key, body_hash, error), replayed=True)
    return Started(execution)


def execution_cancel(*, actor: Actor, execution_id: UUID, reason: str = "") -> Execution:
    """Stop a run: at once when it is not in a worker's hands, else before its next call.

    Raises `NotFound`, and `Conflict` with the present state when it has ended.
    """
    actor.require("executions:run")
    with tenant(actor.tenant_id):
        execution = locked(execution_id)
        if execution.status not in OPEN:
            raise Conflict(f"the run is {execution.status}; only a run that has not ended can be cancelled")
        if execution.status == Status.RUNNING:
            execution.cancel_requested = True
            execution.save(update_fields=["cancel_requested"])
        else:
            withdraw_questions(execution, actor)
            move(execution, Status.CANCELLED, finished_at=timezone.now(), cancel_requested=True)
        audit.record(actor, "execution.cancel", execution, after={"status": execution.status}, reason=reason)
        tell(execution)
    return execution


def execution_retry(*, actor: Actor, execution_id: UUID, reason: str = "") -> Execution:
    """Queue a failed or cancelled run again: the same run, done steps kept, with a fresh deadline.

    Raises `NotFound`, and `Conflict` with the present state otherwise.
    """
    actor.require("executions:run")
    with tenant(actor.tenant_id):
        execution = locked(execution_id)
        if execution.status not in {Status.FAILED, Status.CANCELLED}:
            raise Conflict(f"the run is {execution.status}; only a failed or cancelled one can be retried")
        if Team.objects.filter(id=execution.team_id, is_deleted=True).exists():
            raise Conflict(f"Team ID {execution.team_id} is deleted; restore it before retrying its runs")
        if unknown := unknown_steps(execution_id):
            raise Conflict(f"nobody knows whether these calls happened, say so first (resolve): {', '.join(unknown)}")
        before = {"status": execution.status, "attempt": execution.attempt}
        move(
            execution,
            Status.QUEUED,
            **({"resolved_spec": MARKED} if TenantLimits.objects.exists() else {}),
            attempt=execution.attempt + 1,
            tries=0,
            recovery_count=0,
            cancel_requested=False,
            error=None,
            finished_at=None,
            has_webhooks=True,  # it may be older than the first webhook
            rung_at=timezone.now(),
            deadline_at=fresh_deadline(),
        )
        audit.record(
            actor, "execution.retry", execution, before=before, after={"attempt": execution.attempt}, reason=reason
        )
        tell(execution)
        transaction.on_commit(tasks.ring)
    return execution


def execution_raise_budget(*, actor: Actor, execution_id: UUID, limits: Limits, reason: str = "") -> Execution:
    """Let a run that stopped for its budget go on with a larger one, or with the same when the tenant's limit stopped
    it. Raises `NotFound`, `Conflict` with the present state, and `Invalid` for a limit that is not above the old one.
    """
    actor.require("executions:run")
    with tenant(actor.tenant_id):
        execution = locked(execution_id)
        if execution.status != Status.BUDGET_EXCEEDED:
            raise Conflict(
                f"the run is {execution.status}; only one that is budget_exceeded goes on with another budget"
            )
        old, stopped_by = Limits.of(execution.budget), str((execution.error or {}).get("limit", ""))
        new = raised(old, limits, stopped_by)
        if limits.usd is not None:
            limited_by(execution.resolved_spec, limits, Limited())
        fresh = {"error": None, "rung_at": timezone.now(), "deadline_at": fresh_deadline()}
        move(execution, Status.QUEUED, budget=new.stored(), **fresh)
        before, after = {"budget": old.stored()}, {"budget": new.stored()}
        audit.record(actor, "execution.budget", execution, before=before, after=after, reason=reason)
        tell(execution)
        transaction.on_commit(tasks.ring)
    return execution


def execution_get(*, actor: Actor, execution_id: UUID) -> Execution:
    """Return a run; raise `NotFound`, with one text for foreign and missing."""
    with tenant(actor.tenant_id):
        execution = Execution.objects.filter(id=execution_id).first()
    if execution is None:
        raise moves.not_found(execution_id)
    return execution


# --- inside -----------------------------------------------------------------------------------------------------------


def _first_of_two(actor: Actor, key: str | None, body_hash: str, error: IntegrityError) -> Execution:
    """The same key at the same moment: the unique index let one through, this request is its replay."""
    if _IDEMPOTENCY not in str(error) or not key:
        raise error
    if (first := _earlier(actor, key, body_hash)) is None:
        raise error
    return first


def _insert(execution: Execution, facts: StartFacts, webhook: RunWebhook | None) -> None:
    if facts.limited.runs:
        admit_run()
    if not facts.has_slots:
        TenantSlots.objects.bulk_create(
            [TenantSlots(tenant_id=facts.tenant.id, limit=settings.TENANT_RUN_LIMIT)], ignore_conflicts=True
        )
    execution.save(force_insert=True)
    if webhook is not None:
        webhooks.bind(execution, webhook)
    transaction.on_commit(tasks.ring)


def _resolved(actor: Actor, facts: StartFacts, version: int | None) -> tuple[int, dict[str, Any]]:
    """The version to run, and what its agents will be told, frozen: see executions/runspec.py."""
    if facts.version is None:
        raise not_found(facts.team_id)
    row = None if version is None else team_version(actor=actor, team_id=facts.team_id, version=version)
    if not facts.tenant.is_active:
        raise Forbidden("this tenant is switched off; no run starts")
    number, config_hash = (facts.version, facts.config_hash) if row is None else (row.version, row.config_hash)
    config = facts.config if row is None else lambda: row.config
    try:
        ready = ready_team(config, config_hash, facts.tenant, facts.off, facts.accounts)
    except UnfilledRoles as error:
        team = team_get(actor=actor, team_id=facts.team_id)
        waits = team.pending_proposal is not None and team.pending_proposal["version"] == number
        raise UnfilledRoles(error.roles, shown_proposal(team) if waits else None) from error
    run = RunSpec.of(
        goal=ready.goal,
        roles=ready.roles,
        max_turns=ready.max_turns,
        agents=[_agent_run(agent) for agent in ready.agents],
        overflow=settings.CONTEXT_OVERFLOW,
    )
    return number, {**run.to_dict(), "notes": _notes(ready.agents)}


def _agent_run(agent: ResolvedAgent) -> AgentRun:
    return AgentRun(
        role=agent.role,
        provider=agent.provider,
        model=agent.model,
        agent_id=agent.agent_id,
        name=agent.name,
        personality=agent.personality,
        goal_prompt=agent.prompt,
        parameters=own_copy(agent.parameters),
        context_tokens=agent.context_tokens,
        tools=tuple(ToolSchema(**CATALOGUE[name].described()) for name in _callable_tools(agent)),
        asks_before_writes=agent.asks_before_writes,
        fallback=agent.fallback,
    )


def _callable_tools(agent: ResolvedAgent) -> list[str]:
    """Those of the agent's tools that there is something behind, if its model can be told of tools at all."""
    if provider(agent.provider).refused({"tools": []}):
        return []
    return [name for name in agent.tools if CATALOGUE[name].available]


def _notes(agents: Sequence[ResolvedAgent]) -> list[str]:
    """What people should know of this run before it starts; written as its first steps."""
    notes = [
        f"{agent.role} runs without {', '.join(missing)}: not available yet, or its provider takes no tools"
        for agent in agents
        if (missing := [name for name in agent.tools if name not in _callable_tools(agent)])
    ]
    notes += [
        f"{agent.role}: the fallback model {agent.lost_fallback} is not available, so nothing stands in"
        for agent in agents
        if agent.lost_fallback
    ]
    return notes + [
        f"{agent.role}: {agent.swapped_from} is not available, {agent.provider}:{agent.model} takes its place"
        for agent in agents
        if agent.swapped_from
    ]


def _earlier(actor: Actor, key: str, body_hash: str) -> Execution | None:
    with tenant(actor.tenant_id):
        earlier = Execution.objects.filter(idempotency_key=key).first()
    if earlier is not None and earlier.idempotency_hash != body_hash:
        raise Conflict(f"this Idempotency-Key was used for another request (run {earlier.id}); take a new key")
    return earlier


def _body_hash(
    team_id: UUID, version: int | None, given: Any, webhook: RunWebhook | None, budget: dict[str, Any] | None
) -> str:
    body: dict[str, Any] = {"team_id": str(team_id), "version": version, "input": given}
    if webhook is not None:  # left out otherwise: hashes of before stay as they are
        body["webhook"] = [webhook.url, webhook.secret, webhook.events]
    if budget is not None:
        body["budget"] = budget
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def input_problems(given: Any) -> list[Located]:
    """Say what is wrong with a run's input: it is a text or an object, readable and not too large."""
    errors: list[Located] = []
    if given is not None and not isinstance(given, str | dict):
        errors.append(Located(loc="input", msg="must be a text or a JSON object"))
    elif given is not None:
        problems, readable = walk_problems({"input": given})
        errors += problems
        if readable and not problems and len(orjson.dumps(given)) > MAX_INPUT_BYTES:
            errors.append(Located(loc="input", msg=f"is larger than {MAX_INPUT_BYTES} bytes"))
    return errors


def _checked(actor: Actor, given: Any, key: str | None, webhook: RunWebhook | None) -> None:
    if webhook is not None:
        actor.require("webhooks:write")
    errors = [*input_problems(given), *(webhook.problems() if webhook else [])]
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
        errors.append(Located(loc="Idempotency-Key", msg=f"must be 1 to {MAX_KEY} printable characters"))
    if errors:
        raise Invalid("The request is not valid.", errors=errors)
