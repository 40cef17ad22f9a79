"""What services that change a run share: the locked row, a new status as an event, telling those who watch."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from executions import stream, tasks
from executions.models import Approval, Decision, Execution, Status, Step, StepState
from teams.access import Actor
from teams.errors import NotFound


def not_found(execution_id: UUID) -> NotFound:
    """One text for foreign and missing runs."""
    return NotFound(f"Execution ID {execution_id} not found")


def locked(execution_id: UUID) -> Execution:
    """Return the run, locked to the end of the transaction; raise `NotFound`."""
    execution = Execution.objects.select_for_update().filter(id=execution_id).first()
    if execution is None:
        raise not_found(execution_id)
    return execution


def move(execution: Execution, status: Status, **changes: Any) -> None:
    """Change the status of a locked run, as an event of its own."""
    Execution.objects.filter(id=execution.id).update(
        status=status, event_seq=F("event_seq") + 1, status_seq=F("event_seq") + 1, **changes
    )
    execution.refresh_from_db(from_queryset=Execution.objects.all())


def change_step(execution: Execution, key: str, **changes: Any) -> None:
    """Change a step of a locked run, as an event of its own."""
    Execution.objects.filter(id=execution.id).update(event_seq=F("event_seq") + 1)
    execution.refresh_from_db(fields=["event_seq"], from_queryset=Execution.objects.all())
    Step.objects.filter(execution_id=execution.id, key=key).update(
        event_seq=execution.event_seq, updated_at=timezone.now(), **changes
    )


def fresh_deadline() -> datetime:
    """When a run that is let go on now must have ended."""
    return timezone.now() + timedelta(seconds=settings.RUN_TIMEOUT_SECONDS)


def go_on(execution: Execution) -> None:
    """Queue a locked run that waits, once people have answered all that it asked."""
    if execution.status != Status.WAITING or open_questions(execution.id):
        return
    move(execution, Status.QUEUED, rung_at=timezone.now(), deadline_at=fresh_deadline())
    transaction.on_commit(tasks.ring)


def open_questions(execution_id: UUID) -> bool:
    """Whether a run has a question that no person has answered."""
    approvals = Approval.objects.filter(execution_id=execution_id, decision="")
    return approvals.exists() or bool(unknown_steps(execution_id))


def unknown_steps(execution_id: UUID) -> list[str]:
    """Keys of the tool calls of which nobody knows whether they happened."""
    steps = Step.objects.filter(execution_id=execution_id, state=StepState.UNKNOWN).order_by("seq")
    return list(steps.values_list("key", flat=True))


def withdraw_questions(execution: Execution, actor: Actor) -> None:
    """Close what a run asked that ends without an answer; asked again, it is open again."""
    Approval.objects.filter(execution_id=execution.id, decision="").update(
        decision=Decision.EXPIRED, decided_by=actor.label, decided_at=timezone.now(), note="the run ended"
    )


def tell(execution: Execution) -> None:
    """Tell those who watch, once it is committed. Ids only: the callback runs outside every scope."""
    news = (execution.tenant_id, execution.id, execution.event_seq)
    publish: Callable[[], object] = lambda: stream.publish_news(*news)  # noqa: E731
    transaction.on_commit(publish)
