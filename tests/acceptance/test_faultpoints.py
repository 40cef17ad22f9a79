"""kill -9 at each place where something is called or committed: every run completes, nothing is lost or paid twice.

The places are found by reading the source (`faultpoint("name")`), so a new one is tried by itself, or reported here as
never reached. A first worker passes them all and counts; then one worker is killed at each passing, and a last one
takes up what they left. The runs call another system: once to read and once to change something, without a promise of
its that a repeated key is the same call.
"""

import json
import re
import signal
from collections import Counter
from pathlib import Path

import pytest

from agents.services import tool_set
from executions import services
from executions.approvals import step_resolve
from executions.models import Status, Step
from executions.services import execution_start
from teams.tenancy import tenant
from tests import factories
from tests.chaos.model import WatchedModel
from tests.chaos.receiver import Receiver
from tests.forked import Forks
from tests.integration.executions import engine_sql as sql
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PLACES = set(
    re.findall(r'faultpoint\("(\w+)"\)', "".join(file.read_text() for file in Path("executions").rglob("*.py")))
)
REPEATING = {"before_heartbeat", "after_heartbeat", "before_reap", "after_reap", "before_ring", "after_ring", "rung"}
"""Passed again and again with the clock, so the first time stands for all."""

TOOL = "Call_Web_API"
STEPS = ("r1/A/llm0", f"r1/A/llm0/tool0:{TOOL}", f"r1/A/llm0/tool1:{TOOL}", "r1/A/llm1", "r1/B/llm0")

PATIENCE = 90.0
"""A run whose end of lease was missed is taken up when the lease of 60 seconds is over; that is late, not lost."""

OFTEN = 12
"""Times at most that a place is tried; no run here passes one more often."""


@pytest.fixture
def model():
    with WatchedModel() as server:
        yield server


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def forks(world, model, receiver):
    """Leases that do not end while workers are killed one after the other: the test lets them end all at once."""
    env = world.env | {"OPENAI_BASE_URL": model.base_url, "LEASE_SECONDS": "60", "DRAIN_SECONDS": "5"}
    env["OUTBOUND_ALLOW"] = receiver.host
    with Forks(**env | {"WORKER_SLOTS": "8", "HEARTBEAT_SECONDS": "0.2"}) as forks:
        yield forks


@pytest.fixture
def start(alice, model, receiver, monkeypatch):
    """Start a run that nobody is rung for, so that a reaper has to. Its agent A calls two tools."""
    monkeypatch.setattr(services.tasks, "ring", lambda *_: None)
    tool_set(actor=alice.actor, name=TOOL, approval="never", settings={"allowed_hosts": [receiver.host]})
    calls = [(TOOL, json.dumps({"url": f"http://{receiver.host}/", "method": method})) for method in ("POST", "GET")]
    model.rule(model="caller", after_tools=True, answer="It is done.")
    model.rule(model="caller", calls=calls)
    agents = [{"agent_role": "A", "LLM_model": {"model": "caller"}, "agent_tools": [TOOL]}, {"agent_role": "B"}]
    team = factories.team(alice, agents=agents)

    def start(marker):
        run = execution_start(actor=alice.actor, team_id=team.id, input=marker).execution
        with sql.system() as db:
            db.execute("UPDATE executions_execution SET rung_at = to_timestamp(0) WHERE id = %s", [run.id])
        return run

    return start


def status(run):
    with sql.system() as db:
        return sql.run_row(db, run.id).status


def counted(forks, start, tmp_path):
    """How often a worker passes each place while it carries one run, and which places only as it leaves."""
    file = tmp_path / "passed"
    run = start("chaos-00000")
    worker = forks.start(FAULTPOINTS=f"count:{file}")
    wait_until(lambda: status(run) == Status.SUCCEEDED, "a run without faults")
    working = Counter(file.read_text().split())
    worker.signal(signal.SIGTERM)
    assert worker.ended(15) == 0
    return working, Counter(file.read_text().split()) - working, run


def test_killed_at_each_place_once(alice, forks, model, receiver, start, tmp_path):
    working, leaving, sound = counted(forks, start, tmp_path)
    assert set(working) | set(leaving) == PLACES, "a place nothing here comes to: extend the run this test makes"
    leaving = [name for name in leaving if name not in working]
    tries = [(name, time) for name in sorted(working) for time in range(1, _times(name, working[name]) + 1)]
    runs = []
    for number, (name, time) in enumerate(tries, 1):
        runs.append(start(f"chaos-{number:05}"))
        worker = forks.start(FAULTPOINTS=f"kill:{name}@{time}")
        assert worker.ended(20) == -signal.SIGKILL, f"{name}, passing {time}"
    for name in leaving:
        worker = forks.start(FAULTPOINTS=f"kill:{name}@1")
        worker.wait_ready()
        worker.signal(signal.SIGTERM)
        assert worker.ended(20) == -signal.SIGKILL, name

    with sql.system() as db:
        db.execute("UPDATE executions_execution SET lease_until = clock_timestamp() WHERE status = 'running'")
    last = forks.start()
    last.wait_ready()
    gone_on = (Status.SUCCEEDED, Status.WAITING)
    try:
        wait_until(lambda: all(status(run) in gone_on for run in runs), "all have gone on", PATIENCE)
    except AssertionError as error:
        left = [f"{tries[number]}: {status(run)}" for number, run in enumerate(runs) if status(run) not in gone_on]
        raise AssertionError("\n".join([*left, last.output()[-4000:]])) from error
    unknown = [run for run in runs if status(run) == Status.WAITING]
    assert unknown, "killed between a call and its record, nobody can know: that takes a person"
    for run in unknown:
        _say_what_happened(alice, receiver, run)
    wait_until(lambda: all(status(run) == Status.SUCCEEDED for run in runs), "all are completed")
    for run in [sound, *runs]:
        _check(alice, model, run)
        assert receiver.came(run.id, STEPS[1]) == [1], "what changes something is done once"
    assert receiver.reads.total() > len(runs), "what only reads is repeated"
    with sql.system() as db:
        assert sql.running(db, alice) == 0


def _times(name, counted):
    return 1 if name in REPEATING else min(counted, OFTEN)


def _say_what_happened(alice, receiver, run):
    """As the person does who looks it up on the other side."""
    outcome = "happened" if receiver.came(run.id, STEPS[1]) else "did_not"
    step_resolve(actor=alice.actor, execution_id=run.id, key=STEPS[1], outcome=outcome)
    with sql.system() as db:
        db.execute("UPDATE executions_execution SET rung_at = to_timestamp(0) WHERE id = %s", [run.id])


def _check(alice, model, run):
    """Each step once, without gaps, and no answer asked for again once it was recorded."""
    with tenant(alice.tenant.id):
        steps = list(Step.objects.filter(execution=run))
        recoveries = type(run).objects.get(id=run.id).recovery_count
    assert [step.seq for step in steps] == [1, 2, 3, 4, 5]
    assert {step.key: step.state for step in steps} == dict.fromkeys(STEPS, "done")
    for step in (step for step in steps if step.kind == "llm"):
        asked = model.asked[(run.input, "A/llm1" if step.key.endswith("llm1") else step.role)]
        assert len(asked) <= 1 + recoveries
        assert all(moment < step.updated_at.timestamp() for moment in asked), "paid for twice"


def test_a_worker_whose_claimer_breaks_gives_its_run_back_and_ends_with_an_error(forks, start):
    run = start("chaos-00001")
    worker = forks.start(FAULTPOINTS="raise:before_carry", DRAIN_SECONDS="0.5")
    assert worker.ended(20) == 1
    assert status(run) == Status.QUEUED
    forks.start()
    wait_until(lambda: status(run) == Status.SUCCEEDED, "a sound worker carries it")
