"""What a worker believes it holds, after what a heartbeat brings back."""

import time
from uuid import uuid4

import pytest

from executions.control import Cancelled, Fenced, Released
from executions.engine import Claimed
from executions.worker import Hold, Worker


def held(worker: Worker) -> Hold:
    claimed = Claimed(uuid4(), uuid4(), 1, 1, 0, {}, None, None, {}, uuid4())
    return worker.take(claimed, time.monotonic())


def test_a_heartbeat_renews_what_it_reports():
    worker = Worker(1)
    hold = held(worker)
    before = hold.until
    sent = time.monotonic() + 1
    worker.renewed(sent, [(hold.execution_id, hold.fence, False)])
    assert hold.until > before
    worker.check(hold)


def test_a_run_missing_from_a_later_heartbeat_is_lost():
    worker = Worker(1)
    hold = held(worker)
    worker.renewed(time.monotonic(), [])
    with pytest.raises(Fenced):
        worker.check(hold)


def test_a_run_claimed_while_a_heartbeat_was_under_way_is_not_lost():
    """The claim was sent before the heartbeat and answered after it: the heartbeat cannot have seen the run."""
    worker = Worker(1)
    asked_at = time.monotonic()
    heartbeat_sent = time.monotonic()
    claimed = Claimed(uuid4(), uuid4(), 1, 1, 0, {}, None, None, {}, uuid4())
    hold = worker.take(claimed, asked_at)
    worker.renewed(heartbeat_sent, [])
    worker.check(hold)


def test_an_old_fence_does_not_count():
    worker = Worker(1)
    hold = held(worker)
    worker.renewed(time.monotonic(), [(hold.execution_id, hold.fence + 1, False)])
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
    worker.renewed(time.monotonic(), [(hold.execution_id, hold.fence, True)])
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
