"""A ring that comes five times at once, a cancel in each state, a team that changes or goes during a run."""

import threading

import pytest

from executions import runtime, tasks
from executions.models import OPEN, Execution, Status, Step
from executions.services import execution_cancel, execution_get, execution_start
from executions.slots import Slots
from executions.worker import Worker
from teams.errors import Conflict
from teams.services import team_delete, team_rollback, team_update
from teams.tenancy import tenant
from tests import factories
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_ring_delivered_five_times_at_once(alice, fake_model, monkeypatch):
    run = execution_start(actor=alice.actor, team_id=factories.team(alice).id).execution
    slots = Slots(Worker(8), failed=lambda: None)
    monkeypatch.setattr(tasks._Process, "slots", slots)
    together = threading.Barrier(5)
    rings = [threading.Thread(target=lambda: (together.wait(10), tasks.run_next())) for _ in range(5)]
    for ring in rings:
        ring.start()
    for ring in rings:
        ring.join(10)
    wait_until(
        lambda: status(alice, run) == Status.SUCCEEDED and slots.free() == 8, "the run, and all slots free again"
    )
    assert len(fake_model.calls) == 2, "two agents, one call each"
    slots.worker.draining = True
    slots.close(10)


@pytest.mark.parametrize("now", Status.values)
def test_cancel_in_each_state(alice, fake_model, now):
    run = execution_start(actor=alice.actor, team_id=factories.team(alice).id).execution
    with tenant(alice.tenant.id):
        Execution.objects.filter(id=run.id).update(status=now)
    if now not in OPEN:
        with pytest.raises(Conflict, match=now):
            execution_cancel(actor=alice.actor, execution_id=run.id)
        assert status(alice, run) == now
        return
    execution_cancel(actor=alice.actor, execution_id=run.id)
    # One in a worker's hands stops before its next call; the others have nobody to wait for.
    assert status(alice, run) == (Status.RUNNING if now == Status.RUNNING else Status.CANCELLED)
    assert execution_get(actor=alice.actor, execution_id=run.id).cancel_requested


@pytest.mark.parametrize("change", ["deleted", "changed", "rolled back"])
def test_team_deleted_or_rolled_back_during_a_run(alice, fake_model, change):
    fake_model.rule(latency_ms=300)
    team = factories.team(alice, "A", "B")
    team = team_update(actor=alice.actor, team_id=team.id, config=factories.config("C", "D")).team
    run = execution_start(actor=alice.actor, team_id=team.id).execution
    carrying = threading.Thread(target=runtime.run_next, args=(Worker(slots=1),))
    carrying.start()
    wait_until(lambda: len(fake_model.calls) == 1, "the first call is under way")
    if change == "deleted":
        team_delete(actor=alice.actor, team_id=team.id)
    elif change == "changed":
        team_update(actor=alice.actor, team_id=team.id, config=factories.config("E", "F"))
    else:
        team_rollback(actor=alice.actor, team_id=team.id, target_version=1)
    carrying.join(20)
    assert status(alice, run) == Status.SUCCEEDED
    with tenant(alice.tenant.id):
        assert [step.role for step in Step.objects.filter(execution=run)] == ["C", "D"]
        assert Execution.objects.get(id=run.id).version == 2


def status(alice, run):
    return execution_get(actor=alice.actor, execution_id=run.id).status
