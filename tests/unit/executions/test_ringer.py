"""Rings leave in the background, several in a message, and a broken broker holds nobody up."""

import threading

import pytest

from executions import ringer
from executions.ringer import MOST_PERMITS, Ringer


class Broker:
    """Takes messages; the first is held until `open` is set."""

    def __init__(self) -> None:
        self.messages: list[int] = []
        self.open = threading.Event()
        self.reached = threading.Event()
        self.away = False

    def send(self, permits: int) -> None:
        self.reached.set()
        self.open.wait(10)
        if self.away:
            raise OSError("away")
        self.messages.append(permits)


@pytest.fixture
def broker():
    return Broker()


def test_a_ring_leaves_by_itself(broker):
    broker.open.set()
    bell = Ringer(broker.send)
    assert bell.ring()
    bell.flush(10)
    assert broker.messages == [1]


def test_what_is_rung_for_meanwhile_travels_together_in_messages_of_a_few(broker):
    bell = Ringer(broker.send)
    bell.ring()
    assert broker.reached.wait(10)
    for _ in range(MOST_PERMITS + 3):
        bell.ring()
    broker.open.set()
    bell.flush(10)
    assert broker.messages == [1, MOST_PERMITS, 3], "no permit is lost, none is doubled"


def test_a_broker_that_hangs_counts_as_away_before_its_time_limit(broker, monkeypatch):
    """Else the reaper would wait for that limit before it begins to count the seconds until it claims without rings."""
    monkeypatch.setattr(ringer, "SLOW_SECONDS", 0.0)
    bell = Ringer(broker.send)
    bell.ring()
    assert broker.reached.wait(10)
    assert not bell.ring()
    broker.open.set()
    bell.flush(10)
    assert bell.ring()


def test_a_broken_broker_drops_rings_and_says_so(broker, monkeypatch):
    monkeypatch.setattr(ringer, "PAUSE_SECONDS", 0.0)
    broker.away = True
    broker.open.set()
    bell = Ringer(broker.send)
    bell.ring(20)
    bell.flush(10)
    assert broker.messages == []
    assert bell.healthy is False
    broker.away = False
    bell.ring()
    bell.flush(10)
    assert broker.messages == [1]
    assert bell.ring(0) is True
