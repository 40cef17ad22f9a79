"""What a worker believes it holds, after what a heartbeat brings back."""

import socket
import time
from types import SimpleNamespace
from uuid import uuid4

import orjson
import pytest

from executions.control import Cancelled, Fenced, Released
from executions.engine import Claimed
from executions.heartbeat import Heartbeat
from executions.worker import Hold, Worker


def held(worker: Worker) -> Hold:
    claimed = Claimed(uuid4(), uuid4(), 1, 1, 0, {}, None, None, {}, uuid4())
    return worker.take(claimed, time.monotonic())


def test_a_heartbeat_renews_what_it_reports():
    worker = Worker(1)
    hold = held(worker)
    before = hold.until
    sent = time.monotonic() + 1
    worker.renewed(sent, worker.holds(), [(hold.execution_id, hold.fence, False, True)])
    assert hold.until > before
    worker.check(hold)


def test_a_run_whose_row_is_locked_keeps_the_lease_it_has():
    worker = Worker(1)
    hold = held(worker)
    before = hold.until
    worker.renewed(time.monotonic() + 1, worker.holds(), [(hold.execution_id, hold.fence, False, False)])
    worker.check(hold)
    assert hold.until == before


def test_a_run_missing_from_a_later_heartbeat_is_lost():
    worker = Worker(1)
    hold = held(worker)
    worker.renewed(time.monotonic(), worker.holds(), [])
    with pytest.raises(Fenced):
        worker.check(hold)


def test_a_run_claimed_while_a_heartbeat_was_under_way_is_not_lost():
    """The claim was sent before the heartbeat and answered after it: the heartbeat cannot have seen the run."""
    worker = Worker(1)
    asked_for = worker.holds()
    hold = held(worker)
    worker.renewed(time.monotonic(), asked_for, [])
    worker.check(hold)


class Claiming:
    """A database that renews what it is asked for, while this process claims another run just before it is asked."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.hold = held(worker)

    def __call__(self) -> str:
        self.claimed = held(self.worker)
        return "host"

    def execute(self, _statement, parameters, prepare):
        assert prepare
        asked = orjson.loads(parameters[2])["held"]
        holds = [hold for hold in (self.hold, self.claimed) if str(hold.execution_id) in asked]
        return SimpleNamespace(fetchall=lambda: [(hold.execution_id, hold.fence, False, True) for hold in holds])


def test_a_run_claimed_while_a_heartbeat_is_put_together_is_not_lost(monkeypatch):
    """The list of holds is read, then a run is claimed, then the statement is sent. Told lost, the run would stand
    still for a whole lease, and three times of it are a quarantine."""
    worker = Worker(2)
    database = Claiming(worker)
    monkeypatch.setattr(socket, "gethostname", database)
    Heartbeat(worker).beat(database)
    worker.check(database.hold)
    worker.check(database.claimed)


def test_an_old_fence_does_not_count():
    worker = Worker(1)
    hold = held(worker)
    worker.renewed(time.monotonic(), worker.holds(), [(hold.execution_id, hold.fence + 1, False, True)])
    with pytest.raises(Fenced):
        worker.check(hold)


def test_the_lease_ends_by_the_clock():
    worker = Worker(1)
    hold = held(worker)
    hold.until = time.monotonic() - 0.001
    with pytest.raises(Fenced):
        worker.check(hold)


def test_cancel_and_drain_are_told_apart():
    worker = Worker(1)
    hold = held(worker)
    worker.draining = True
    with pytest.raises(Released):
        worker.check(hold)
    worker.renewed(time.monotonic(), worker.holds(), [(hold.execution_id, hold.fence, True, True)])
    with pytest.raises(Cancelled):
        worker.check(hold)


def test_the_last_look_asks_for_the_lease_alone():
    """What was decided on is done, also by a worker that is told to leave: its intent is on record."""
    worker = Worker(1, draining=True)
    hold = held(worker)
    hold.cancelled = True
    worker.last_look(hold)
    hold.until = time.monotonic() - 0.001
    with pytest.raises(Fenced):
        worker.last_look(hold)
