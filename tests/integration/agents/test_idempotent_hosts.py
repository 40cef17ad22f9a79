"""Call_Web_API at a host that does a write once for each Idempotency-Key: repeated with its key, asking nobody."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from agents.tools import CATALOGUE, Switch, ToolResult, call
from tests.factories import Person
from tests.unit.outbound.server import LocalServer, hangs_up, plain
from tests.unit.tools.journal import EffectUnknown, MemorySteps, context

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "Call_Web_API"


class KeyedServer(LocalServer):
    """Counts one effect for each key; `first` answers the first request of all."""

    def __init__(self, first: Any) -> None:
        super().__init__(reply=self._reply)
        self.first = first
        self.effects: set[str] = set()

    def _reply(self, handler: BaseHTTPRequestHandler) -> None:
        self.effects.add(handler.headers["Idempotency-Key"])
        (self.first if len(self.asked) == 1 else plain("done once"))(handler)

    @property
    def keys(self) -> list[str]:
        return [one.headers["idempotency-key"] for one in self.asked]


@pytest.fixture
def left() -> Iterator[threading.Event]:
    """Set when the test ends, so that a late answer is given up."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(params=["never", "late"])
def server(request: Any, settings: Any, left: threading.Event) -> Iterator[KeyedServer]:
    def late(handler: BaseHTTPRequestHandler) -> None:
        left.wait(10)
        hangs_up(handler)

    with KeyedServer(hangs_up if request.param == "never" else late) as running:
        settings.OUTBOUND_ALLOW = [running.pair]
        yield running


def post(who: Person, server: KeyedServer, steps: MemorySteps, *once: str, method: str = "POST") -> ToolResult:
    switch = Switch(settings={"allowed_hosts": [server.pair], "idempotent_hosts": list(once)})
    return call(
        context(NAME, tenant_id=who.tenant.id), NAME, {"url": server.url, "method": method, "body": "1"}, steps,
        catalogue={NAME: replace(CATALOGUE[NAME], timeout_s=0.3)}, switches=lambda *_: switch,
    )  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_lost_answer_is_asked_for_again_under_its_key(alice: Person, server: KeyedServer, method: str) -> None:
    steps = MemorySteps()
    result = post(alice, server, steps, server.pair, method=method)

    assert (result.ok, "done once" in result.content, steps.events) == (True, True, ["begin", "end"])
    assert server.keys == [*server.effects] * 2


def test_at_another_host_it_stays_a_persons(alice: Person, server: KeyedServer) -> None:
    steps = MemorySteps()
    with pytest.raises(EffectUnknown):
        post(alice, server, steps, "api.example.com")
    assert (len(server.keys), steps.events) == (1, ["begin", "unknown"])
