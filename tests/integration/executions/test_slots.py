"""Permits come in, runs are carried by threads of the worker's own: as many as it has slots, the rest wait outside."""

import threading
from uuid import uuid4

import pytest
from django.db import OperationalError

from executions import engine, tasks
from executions.engine import Claimed
from executions.models import Execution, Status
from executions.services import execution_start
from executions.slots import Slots
from executions.worker import Worker
from teams.tenancy import tenant
from tests import factories
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def failed():
    """Set when the slots of a worker say that they can claim no more."""
    return threading.Event()


@pytest.fixture
def make_slots(failed):
    """`make_slots(2)`: the slots of a worker that is left at the end of the test."""
    made = []

    def make(size):
        slots = Slots(Worker(size), failed.set)
        made.append(slots)
        return slots

    yield make
    for slots in made:
        slots.worker.draining = True
        slots.close(10)
        wait_until(lambda slots=slots: not slots.worker.holds(), "its runs are given back")


@pytest.fixture
def start(alice):
    team = factories.team(alice)

    def start(count):
        return [execution_start(actor=alice.actor, team_id=team.id).execution.id for _ in range(count)]

    return start


def count(alice, status):
    with tenant(alice.tenant.id):
        return Execution.objects.filter(status=status).count()


def test_one_message_of_permits_carries_as_many_runs(alice, fake_model, make_slots, start):
    start(5)
    slots = make_slots(8)
    assert slots.offer(4) == 0
    wait_until(lambda: count(alice, Status.SUCCEEDED) == 4 and slots.free() == 8, "four runs, all slots free again")
    assert count(alice, Status.QUEUED) == 1, "a permit is for one run"


def test_permits_without_runs_leave_the_slots_free(alice, fake_model, make_slots, start):
    start(1)
    slots = make_slots(4)
    for _ in range(5):
        slots.offer(8)
    wait_until(lambda: count(alice, Status.SUCCEEDED) == 1 and slots.free() == 4, "the run, and nothing else")


def test_who_brings_more_permits_than_there_are_slots_waits(alice, fake_model, make_slots, start):
    fake_model.rule(latency_ms=300)
    start(3)
    slots = make_slots(2)
    bringer = threading.Thread(target=slots.offer, args=(3,))
    bringer.start()
    wait_until(lambda: len(fake_model.calls) == 2, "two runs are carried")
    assert bringer.is_alive()
    assert slots.free() == 0
    assert count(alice, Status.QUEUED) == 1
    wait_until(lambda: count(alice, Status.SUCCEEDED) == 3, "the third followed")
    bringer.join(10)
    assert not bringer.is_alive()


def test_the_reaper_waits_for_no_slot(alice, fake_model, make_slots, start):
    """It claims by itself while the broker is away, and has leases to look after."""
    fake_model.rule(latency_ms=300)
    start(3)
    slots = make_slots(2)
    slots.offer_to_free(5)
    slots.offer_to_free(5)
    wait_until(lambda: count(alice, Status.SUCCEEDED) == 2 and slots.free() == 2, "as many runs as slots were free")
    assert count(alice, Status.QUEUED) == 1


def test_a_run_that_cannot_be_given_back_is_named(monkeypatch, caplog):
    def away(*_):
        raise OperationalError("away")

    hold = Worker(1).take(Claimed(uuid4(), uuid4(), 1, 1, 0, {}, None, None, {}, uuid4()), 0.0)
    monkeypatch.setattr(engine, "finish", away)
    tasks._give_back(hold)
    assert f"run {hold.execution_id} was not given back" in caplog.text


def test_a_worker_that_leaves_returns_the_permits_it_cannot_use(alice, fake_model, make_slots, start):
    fake_model.rule(latency_ms=300)
    start(2)
    slots = make_slots(1)
    refused = []
    bringer = threading.Thread(target=lambda: refused.append(slots.offer(2)))
    bringer.start()
    wait_until(lambda: len(fake_model.calls) == 1, "one run is carried")
    slots.worker.draining = True
    assert slots.close(10) == 0
    bringer.join(10)
    assert refused == [1]
    assert slots.offer(3) == 3
    wait_until(lambda: count(alice, Status.QUEUED) == 2, "the run in hand went back to the queue")


def test_the_claimer_outlives_an_absent_database(alice, fake_model, make_slots, start, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr(engine, "claim", lambda *_: (_ for _ in ()).throw(OperationalError("away")))
        slots = make_slots(2)
        slots.offer(2)
        wait_until(lambda: slots.free() == 2, "the permits are dropped")
    start(1)
    slots.offer(1)
    wait_until(lambda: count(alice, Status.SUCCEEDED) == 1, "the next permit is used")


def test_a_claimer_that_breaks_says_so(make_slots, failed, monkeypatch, caplog):
    from executions import engine

    monkeypatch.setattr(engine, "claim", lambda *_: 1 / 0)
    slots = make_slots(2)
    assert not failed.is_set()
    slots.offer(1)
    assert failed.wait(10), "a worker that beats and claims nothing would never be missed"
    assert "the claimer has broken" in caplog.text


def test_a_runs_thread_that_breaks_is_logged_and_frees_its_slot(make_slots, start, failed, monkeypatch, caplog):
    from executions import runtime

    monkeypatch.setattr(runtime._Run, "carry", lambda _run: 1 / 0)
    (run,) = start(1)
    slots = make_slots(1)
    slots.offer(1)
    wait_until(lambda: "its thread has broken" in caplog.text and slots.free() == 1, "it is told")
    assert str(run) in caplog.text
    assert not slots.worker.holds(), "its lease is renewed no more"
    assert not failed.is_set()


def test_a_message_of_the_version_before_is_one_permit(alice, fake_model, make_slots, start, monkeypatch):
    start(2)
    monkeypatch.setattr(tasks._Process, "slots", make_slots(4))
    tasks.run_next()
    wait_until(lambda: count(alice, Status.SUCCEEDED) == 1, "one run")
    assert count(alice, Status.QUEUED) == 1


def test_permits_a_leaving_worker_refuses_are_rung_for_again(alice, make_slots, monkeypatch):
    rung = []
    slots = make_slots(1)
    slots.close(10)
    monkeypatch.setattr(tasks._Process, "slots", slots)
    monkeypatch.setattr(tasks, "ring", rung.append)
    tasks.run_next(3)
    assert rung == [3]
