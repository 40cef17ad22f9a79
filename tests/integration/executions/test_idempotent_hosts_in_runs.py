"""A worker is lost after a write of Call_Web_API: at a host that keeps keys the next one repeats it, asking nobody."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from agents.services import tool_set
from agents.tools import web
from executions.models import Status
from tests.chaos.receiver import Receiver
from tests.integration.executions.tool_runs import ToolRun, WorkerLost

pytestmark = pytest.mark.django_db(transaction=True)

TOOL = "Call_Web_API"
KEY = f"r1/Writer/llm0/tool0:{TOOL}"


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with Receiver() as receiver:
        settings.OUTBOUND_ALLOW = [receiver.host]
        yield receiver


def lost_after_sending(*args: Any, **kwargs: Any) -> None:
    """The request reaches the host; the worker does not live to read the answer."""
    SEND(*args, **kwargs)
    raise WorkerLost


SEND = web.send


def lost(who: Any, model: Any, receiver: Receiver, *once: str) -> ToolRun:
    """A run whose worker was lost after it had posted."""
    hosts = {"allowed_hosts": [receiver.host], "idempotent_hosts": list(once)}
    tool_set(actor=who.actor, name=TOOL, approval="never", settings=hosts)
    arguments = {"url": f"http://{receiver.host}/", "method": "POST", "body": {"n": 1}}
    run = ToolRun(who, model, (TOOL, json.dumps(arguments)), agent_tools=[TOOL])
    with patch.object(web, "send", lost_after_sending):
        run.lose_worker()
    assert (run.steps[KEY].state, receiver.effects.total()) == ("started", 1)
    return run


def test_it_is_repeated_with_its_key(alice: Any, fake_model: Any, receiver: Receiver) -> None:
    run = lost(alice, fake_model, receiver, receiver.host)

    assert run.carry().status == Status.SUCCEEDED
    assert [*receiver.effects.values()] == [2], "two requests, one key"
    assert run.steps[KEY].state == "done"


def test_elsewhere_a_person_is_asked(alice: Any, fake_model: Any, receiver: Receiver) -> None:
    run = lost(alice, fake_model, receiver)

    assert run.carry().status == Status.WAITING
    assert receiver.effects.total() == 1


def test_a_host_that_is_gone_by_then_leaves_it_unknown(alice: Any, fake_model: Any, receiver: Receiver) -> None:
    run = lost(alice, fake_model, receiver, receiver.host)
    receiver.__exit__(None, None, None)

    assert run.carry().status == Status.WAITING
    assert run.steps[KEY].state == "unknown"
