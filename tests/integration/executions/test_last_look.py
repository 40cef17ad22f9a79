"""A worker that stood still after it had decided on a call looks once more before the call leaves: nothing is sent."""

import json

import pytest

from agents.services import tool_set
from agents.tools import web
from executions import engine, runtime
from executions.approvals import step_resolve
from executions.limits import LimitValues, limits_set
from executions.models import Status, TenantDay
from executions.services import execution_start
from executions.worker import Worker
from teams.tenancy import tenant
from tests import factories
from tests.chaos.receiver import Receiver
from tests.integration.executions import engine_sql as sql
from tests.integration.executions.tool_runs import ToolRun

pytestmark = pytest.mark.django_db(transaction=True)

TOOL = "Call_Web_API"
KEY = f"r1/Writer/llm0/tool0:{TOOL}"


@pytest.fixture
def worker():
    return Worker(slots=1)


@pytest.fixture
def stands_still(worker, monkeypatch):
    """Have the worker's leases end while it does this, as if it had been paused in it; once."""

    def during(module, name):
        real = getattr(module, name)

        def slowly(*args):
            monkeypatch.setattr(module, name, real)
            for hold in worker.holds():
                hold.until = 0.0
            return real(*args)

        monkeypatch.setattr(module, name, slowly)

    return during


def lost(run):
    """The reaper takes the run back."""
    with sql.system() as db:
        sql.expire(db, run)
        sql.reap(db)


def test_an_effect_is_not_sent_and_happens_once_a_person_says_it_did_not(
    alice, fake_model, worker, stands_still, settings
):
    with Receiver() as receiver:
        settings.OUTBOUND_ALLOW = [receiver.host]
        tool_set(actor=alice.actor, name=TOOL, approval="never", settings={"allowed_hosts": [receiver.host]})
        call = (TOOL, json.dumps({"url": f"http://{receiver.host}/", "method": "POST"}))
        run = ToolRun(alice, fake_model, call, agent_tools=[TOOL])
        stands_still(web, "credential_for")
        runtime.run_next(worker)
        assert (run.row.status, run.steps[KEY].state) == (Status.RUNNING, "started")
        assert receiver.effects.total() == 0
        lost(run.id)
        assert run.carry().status == Status.WAITING
        step_resolve(actor=alice.actor, execution_id=run.id, key=KEY, outcome="did_not")
        assert run.carry().status == Status.SUCCEEDED
        assert receiver.came(run.id, KEY) == [1]


def test_a_model_is_not_asked_and_the_day_gets_back_what_was_set_aside(alice, fake_model, worker, stands_still):
    limits_set(actor=alice.actor, values=LimitValues(tokens_per_day=100_000))
    execution_start(actor=alice.actor, team_id=factories.team(alice, "Writer").id)
    stands_still(engine, "reserve_day")
    runtime.run_next(worker)
    assert fake_model.calls == []
    with tenant(alice.tenant.id):
        day = TenantDay.objects.get()
    assert (day.tokens_used, day.tokens_reserved) == (0, 0)
