"""What people answer a run that waits for them: yes or no to a tool call, what became of one, or go on."""

from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from executions import tasks
from executions.models import OPEN, Approval, Decision, Execution, Status, Step, StepState
from executions.moves import change_step, fresh_deadline, go_on, locked, move, tell, withdraw_questions
from executions.tool_steps import DID_NOT, approval_key
from teams import audit
from teams.access import Actor
from teams.errors import Conflict, NotFound
from teams.tenancy import tenant

Outcome = Literal["happened", "did_not", "fail"]

DECIDE = "approvals:decide"


def approval_get(*, actor: Actor, approval_id: UUID) -> Approval:
    """Return an approval; raise `NotFound`, with one text for foreign and missing."""
    with tenant(actor.tenant_id):
        return _approval(approval_id)


def approval_decide(*, actor: Actor, approval_id: UUID, approve: bool, note: str = "") -> Approval:
    """Approve or reject a tool call. Its run goes on once all that it asked is answered.

    Of two at once the first one counts. Raises `NotFound`, and `Conflict` with the decision when there is one, or when
    the run no longer waits.
    """
    actor.require(DECIDE)
    with tenant(actor.tenant_id):
        # The run's lock comes first, as in the reaper; what was read before it may be old.
        execution = locked(_approval(approval_id).execution_id)
        approval = _approval(approval_id)
        _undecided(approval, execution)
        decision = Decision.APPROVED if approve else Decision.REJECTED
        approval.decision, approval.decided_by, approval.note = decision, actor.label, note
        approval.decided_at = timezone.now()
        approval.save(update_fields=["decision", "decided_by", "note", "decided_at"])
        key = approval_key(approval.step_key)
        step = Step.objects.get(execution_id=execution.id, key=key)
        told = {"decision": decision, "decided_by": actor.label, "note": note}
        change_step(
            execution, key, state=StepState.DONE, result=told, display={**(step.display or {}), **told}
        )  # fmt: skip
        after = {"decision": decision, "tool": approval.tool, "step": approval.step_key}
        audit.record(actor, f"approval.{'approve' if approve else 'reject'}", approval, after=after, reason=note)
        go_on(execution)
        tell(execution)
    return approval


def step_resolve(
    *, actor: Actor, execution_id: UUID, key: str, outcome: Outcome, note: str = "", result: str = ""
) -> Execution:
    """Say what became of a tool call of which nobody knew: it happened (with what it brought), it did not (it is made
    again, under a new idempotency key), or fail the run.

    Raises `NotFound`, and `Conflict` when the step's effect is known or the run is being carried.
    """
    actor.require(DECIDE)
    with tenant(actor.tenant_id):
        execution = locked(execution_id)
        step = None if "\0" in key else Step.objects.filter(execution_id=execution_id, key=key).first()
        if step is None:
            raise NotFound(f"Execution ID {execution_id} has no step {key}")
        if step.state != StepState.UNKNOWN:
            raise Conflict(f"the step is {step.state}; only one whose effect is unknown can be resolved")
        if execution.status == Status.RUNNING:
            raise Conflict("the run is running; answer when it waits")
        if outcome == "fail":
            _fail(actor, execution, key, note)
        else:
            change_step(execution, key, **_resolved(step, outcome, note, result, actor))
            go_on(execution)
        after = {"step": key, "outcome": outcome}
        audit.record(actor, "execution.resolve", execution, after=after, reason=note)
        tell(execution)
    return execution


def execution_release(*, actor: Actor, execution_id: UUID, reason: str = "") -> Execution:
    """Queue a run that was quarantined, because it took down its workers, once more.

    Raises `NotFound`, and `Conflict` with the present state otherwise.
    """
    actor.require("executions:run")
    with tenant(actor.tenant_id):
        execution = locked(execution_id)
        if execution.status != Status.QUARANTINED:
            raise Conflict(f"the run is {execution.status}; only a quarantined one can be released")
        before = {"status": execution.status, "recovery_count": execution.recovery_count}
        move(
            execution, Status.QUEUED, recovery_count=0, error=None, rung_at=timezone.now(),
            deadline_at=fresh_deadline(),
        )  # fmt: skip
        audit.record(actor, "execution.release", execution, before=before, reason=reason)
        tell(execution)
        transaction.on_commit(tasks.ring)
    return execution


# --- inside -----------------------------------------------------------------------------------------------------------


def _approval(approval_id: UUID) -> Approval:
    approval = Approval.objects.filter(id=approval_id).first()
    if approval is None:
        raise NotFound(f"Approval ID {approval_id} not found")
    return approval


def _undecided(approval: Approval, execution: Execution) -> None:
    if approval.decision:
        raise Conflict(f"this was already decided: {approval.decision} by {approval.decided_by}")
    if execution.status != Status.WAITING:
        raise Conflict(f"the run is {execution.status}; it no longer waits for this")
    if approval.expires_at is not None and approval.expires_at <= timezone.now():
        raise Conflict("this was already decided: expired, nobody decided in time")


def _fail(actor: Actor, execution: Execution, key: str, note: str) -> None:
    if execution.status not in OPEN:
        raise Conflict(f"the run is {execution.status}; only one that has not ended can be failed")
    error = {"code": "effect_unknown", "message": note or f"nobody knows whether {key} happened"}
    withdraw_questions(execution, actor)
    move(execution, Status.FAILED, error=error, finished_at=timezone.now())


def _resolved(step: Step, outcome: Outcome, note: str, result: str, actor: Actor) -> dict[str, Any]:
    told = {"resolved": outcome, "resolved_by": actor.label, "note": note}
    display = {name: value for name, value in (step.display or {}).items() if name != "error"}
    if outcome == "did_not":
        again = {"state": StepState.STARTED, "result": DID_NOT, "generation": F("generation") + 1}
        return {**again, "error": None, "display": {**display, **told}}
    content = result or f"It happened; what it answered is not known.{f' A person says: {note}' if note else ''}"
    kept = {"content": content, "ok": True, "code": "", "display": {}}
    return {
        "state": StepState.DONE, "result": kept, "error": None,
        "display": {**display, "ok": True, "result": content, **told},
    }  # fmt: skip
