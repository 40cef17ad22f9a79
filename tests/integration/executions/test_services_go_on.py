"""A worker's heartbeat and reaper never end by an error, whatever it is."""

import threading

import pytest

from executions.heartbeat import Service

pytestmark = pytest.mark.django_db(transaction=True)


class Breaks(Service):
    """Meets an error nobody expects in its first beat."""

    def __init__(self):
        super().__init__("breaks", 0.01)
        self.beats = []
        self.again = threading.Event()

    def beat(self, connection):
        self.beats.append(connection)
        if len(self.beats) == 1:
            raise RuntimeError("can't start new thread")
        self.again.set()


def test_a_service_that_breaks_begins_anew(caplog):
    service = Breaks()
    service.start()
    try:
        assert service.again.wait(20)
    finally:
        service.stop()
        service.join(10)
    assert service.beats[0] is not service.beats[1], "on a new connection"
    assert "breaks broke; trying again" in caplog.text
