"""The faults that take a whole worker to show, each by its name (docs/durability.md lists them all).

The workers reach PostgreSQL through a gate of this file's own and ring at a Redis of its own, so that both can be taken
away without hurting anybody else.
"""

import secrets
import signal
import time
from urllib.parse import urlsplit

import pytest
import redis

from config.embedded import redis as embedded_redis
from config.embedded.ports import any_free
from config.embedded.process import Child
from executions import services
from executions.models import Status, Step
from executions.services import execution_start
from teams.tenancy import tenant
from tests import factories
from tests.chaos.model import WatchedModel
from tests.forked import Forks
from tests.gate import Gate
from tests.integration.executions import engine_sql as sql
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LEASE = 2.0


@pytest.fixture(scope="module")
def gate(django_db_setup):
    import os

    with Gate(urlsplit(os.environ["DATABASE_URL"]).port) as gate:
        yield gate


@pytest.fixture(scope="module")
def bell(tmp_path_factory):
    """The address of a Redis that may be emptied."""
    folder, port, password = tmp_path_factory.mktemp("bell"), any_free(), secrets.token_urlsafe(8)
    child = Child(embedded_redis.program(folder, port, password, folder / "log"), folder / "pid")
    child.start()
    address = embedded_redis.url(password, port)
    wait_until(lambda: embedded_redis.answers(address), "Redis answers")
    yield address
    child.stop()


@pytest.fixture(scope="module")
def model():
    with WatchedModel() as server:
        yield server


@pytest.fixture(scope="module")
def forks(gate, bell, model):
    import os

    database = urlsplit(os.environ["DATABASE_URL"])
    through = database._replace(netloc=database.netloc.replace(f":{database.port}", f":{gate.port}")).geturl()
    with Forks(
        DATABASE_URL=through, REDIS_URL=bell, OPENAI_BASE_URL=model.base_url, OPENAI_API_KEY="test",
        LEASE_SECONDS=str(LEASE), HEARTBEAT_SECONDS="0.4", REAP_SECONDS="0.3", DRAIN_SECONDS="5", WORKER_SLOTS="16",
    ) as forks:  # fmt: skip
        yield forks


@pytest.fixture
def workers(forks, gate, model):
    """`workers(2)` starts two; all are ended after the test."""
    model.reset()
    model.asked.clear()
    started = []

    def start(count=1, **env):
        new = [forks.start(**env) for _ in range(count)]
        for worker in new:
            worker.wait_ready()
        started.extend(new)
        return new

    yield start
    gate.open()
    for worker in started:
        if worker.ended(0) is None:
            worker.signal(signal.SIGKILL)
            worker.ended(10)


@pytest.fixture
def start(alice, monkeypatch):
    """Start a run whose ring nobody hears, so that the reaper rings at its next beat."""
    monkeypatch.setattr(services.tasks, "ring", lambda *_: None)
    team = factories.team(alice, "A", "B")

    def start(number=1):
        run = execution_start(actor=alice.actor, team_id=team.id, input=f"chaos-{number:05}").execution
        with sql.system() as db:
            db.execute("UPDATE executions_execution SET rung_at = to_timestamp(0) WHERE id = %s", [run.id])
        return run

    return start


def row(run):
    with sql.system() as db:
        return sql.run_row(db, run.id)


def succeeds(run):
    wait_until(lambda: row(run).status == Status.SUCCEEDED, "the run is completed")


def asked(model, run, role):
    return len(model.asked.get((run.input, role), []))


def steps(alice, run):
    with tenant(alice.tenant.id):
        return list(Step.objects.filter(execution=run))


def test_postgresql_restarted_mid_run(alice, workers, start, model, gate):
    model.rule(latency_ms=600)
    run = start()
    (worker,) = workers()
    wait_until(lambda: asked(model, run, "A") == 1, "the first call is under way")
    gate.cut()
    time.sleep(0.8)  # the answer comes while the database is away
    gate.open()
    succeeds(run)
    assert (asked(model, run, "A"), asked(model, run, "B")) == (1, 1), "the answer in hand was written late, not lost"
    assert row(run).recovery_count == 0
    assert worker.ended(0) is None


def test_postgresql_away_longer_than_the_lease(alice, workers, start, model, gate):
    """Away for this worker alone: another reaps meanwhile, so that the run is taken away before it is back."""
    model.rule(latency_ms=1500)  # the cut must come before the answer, on a busy machine too
    run = start()
    (worker,) = workers()
    wait_until(lambda: asked(model, run, "A") == 1, "the first call is under way")
    gate.cut()
    with sql.login() as db:
        wait_until(lambda: sql.reap(db).expired == 1, "the lease has ended")
    gate.open()
    succeeds(run)
    assert asked(model, run, "A") == 2, "what could not be written within the lease is asked for again"
    assert asked(model, run, "B") == 1
    assert row(run).recovery_count == 1
    assert [step.seq for step in steps(alice, run)] == [1, 2]
    assert worker.ended(0) is None
    wait_until(lambda: "no longer ours" in worker.output(), "the answer in hand is given up")


def test_an_answer_in_hand_while_postgresql_is_away_longer_than_the_lease(alice, workers, start, model, gate):
    """Nobody else reaps. When PostgreSQL is back, the lease is renewed and the answer written, or the run is taken up
    again, whichever comes first."""
    model.rule(latency_ms=1500)  # the cut must come before the answer, on a busy machine too
    run = start()
    (worker,) = workers()
    wait_until(lambda: asked(model, run, "A") == 1, "the first call is under way")
    gate.cut()
    time.sleep(LEASE + 1)
    gate.open()
    succeeds(run)
    assert asked(model, run, "A") <= 1 + row(run).recovery_count <= 2, "asked again only by who took the run up"
    assert asked(model, run, "B") == 1
    assert [step.seq for step in steps(alice, run)] == [1, 2]
    assert worker.ended(0) is None


def test_redis_emptied_mid_run(alice, workers, start, model, bell):
    model.rule(latency_ms=600)
    run = start(1)
    workers()
    wait_until(lambda: asked(model, run, "A") == 1, "the first call is under way")
    with redis.Redis.from_url(bell) as client:
        client.flushall()
    later = start(2)
    succeeds(run)
    succeeds(later)
    assert (asked(model, run, "A"), asked(model, run, "B")) == (1, 1)


def test_worker_paused_past_its_lease(alice, workers, start, model):
    model.rule(latency_ms=600)
    run = start()
    (paused,) = workers()
    wait_until(lambda: asked(model, run, "A") == 1, "the first call is under way")
    paused.signal(signal.SIGSTOP)
    workers()
    wait_until(lambda: asked(model, run, "B") == 1, "another worker has taken the run")
    paused.signal(signal.SIGCONT)
    succeeds(run)
    wait_until(lambda: "no longer ours" in paused.output(), "the first one sees that its lease is over")
    found = steps(alice, run)
    assert [(step.seq, step.key) for step in found] == [(1, "r1/A/llm0"), (2, "r1/B/llm0")]
    assert {step.fence for step in found} == {2}, "nothing was written under the old fence"
    assert (asked(model, run, "A"), asked(model, run, "B")) == (2, 1)


def test_worker_killing_run_is_quarantined_and_others_go_on(alice, forks, workers, start, model):
    killer = start(1)
    for _ in range(3):
        worker = forks.start(FAULTPOINTS="kill:before_call")
        assert worker.ended(20) == -signal.SIGKILL
        with sql.system() as db:
            sql.expire(db, killer.id)
    workers()
    wait_until(lambda: row(killer).status == Status.QUARANTINED, "it takes down no fourth worker")
    sound = start(2)
    succeeds(sound)
    assert row(killer).error["code"] == "quarantined"
    assert asked(model, killer, "A") == 0


def test_sigterm_with_ten_runs(alice, workers, start, model):
    model.rule(latency_ms=900)
    runs = [start(number) for number in range(10)]
    (leaving,) = workers()
    wait_until(lambda: all(asked(model, run, "A") for run in runs), "ten calls are under way")
    leaving.signal(signal.SIGTERM)
    assert leaving.ended(15) == 0
    assert {(row(run).status, row(run).recovery_count) for run in runs} == {(Status.QUEUED, 0)}
    assert all(len(steps(alice, run)) == 1 for run in runs), "the calls in hand were finished and written"
    with sql.system() as db:
        assert sql.running(db, alice) == 0
    workers()
    for run in runs:
        succeeds(run)
    assert {asked(model, run, role) for run in runs for role in "AB"} == {1}
