"""`manage.py execute_team`: find the team, run it, show it, say how it ended."""

import io
import json
import secrets
import signal
import subprocess
import sys
import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from executions import runtime
from executions.management.commands import execute_team
from executions.models import Execution
from executions.worker import Worker
from teams.services import team_delete
from teams.tenancy import tenant
from tests import factories
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_prefix(settings):
    settings.REDIS_PREFIX = f"t{secrets.token_hex(4)}"


@pytest.fixture
def worker(fake_model):
    """A thread that carries runs, as a worker process does."""
    stopped = threading.Event()

    def work():
        while not stopped.is_set():
            if not runtime.run_next(Worker(slots=1)):
                time.sleep(0.02)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield fake_model
    stopped.set()
    thread.join()


def execute(*args, **options):
    out, err = io.StringIO(), io.StringIO()
    call_command("execute_team", *args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def only_run(who):
    with tenant(who.tenant.id):
        return Execution.objects.get()


def test_a_run_is_shown_to_its_end(alice, worker):
    team = factories.team(alice)
    out, err = execute(str(team.id), input="Be brief.")
    run = only_run(alice)
    assert str(run.id) in err
    assert out.startswith("round 1 · Writer\n")
    assert "round 1 · Critic\n" in out
    assert f"final answer: {run.display['final_answer']}\n" in out
    assert out.splitlines()[-1].startswith("succeeded: ")
    assert (run.input, run.source, run.actor) == ("Be brief.", "command", "system:execute_team")


def test_by_its_name(alice, worker):
    name = factories.team(alice).name
    execute(name)
    assert only_run(alice).status == "succeeded"


def test_the_outcome_as_json(alice, worker):
    out, err = execute(str(factories.team(alice).id), json=True)
    told = json.loads(out)
    assert err == ""
    assert told["execution_id"] == str(only_run(alice).id)
    assert told["status"] == "succeeded"
    assert told["conversation_log"][-1]["message"] == told["final_answer"]
    assert set(told["totals"]) == {"tokens_in", "tokens_out", "cost", "ms"}


def test_a_failed_run_fails_the_command(alice, worker):
    worker.rule(fault="401")
    with pytest.raises(CommandError, match="the run is failed") as caught:
        execute(str(factories.team(alice).id))
    assert caught.value.returncode == 1


@pytest.mark.parametrize("wanted", ["nothing of this name", "00000000-0000-4000-8000-000000000000"])
def test_no_such_team(alice, wanted):
    factories.team(alice)
    with pytest.raises(CommandError, match="has no team"):
        execute(wanted)


def test_a_deleted_team_is_not_found(alice):
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    with pytest.raises(CommandError, match="has no team"):
        execute(str(team.id))


def test_an_unknown_tenant(alice):
    with pytest.raises(CommandError, match="there is no tenant"):
        execute("x", tenant="nobody")


def test_an_ambiguous_name_lists_what_is_meant(alice, charlie):
    ours, theirs = factories.team(alice), factories.team(charlie)
    with pytest.raises(CommandError, match="2 teams are called") as caught:
        execute(ours.name)
    assert f"--tenant acme {ours.id}" in str(caught.value)
    assert f"--tenant globex {theirs.id}" in str(caught.value)


def test_the_tenant_decides(alice, charlie, worker):
    factories.team(alice)
    execute(factories.team(charlie).name, tenant="globex")
    assert only_run(charlie).status == "succeeded"


def test_a_team_of_another_tenant_is_not_found(alice, charlie):
    with pytest.raises(CommandError, match="tenant globex has no team"):
        execute(str(factories.team(alice).id), tenant="globex")


def test_no_worker_is_told(alice, monkeypatch, fake_model):
    monkeypatch.setattr(execute_team, "PATIENCE_SECONDS", 0.2)
    started = threading.Timer(1.5, lambda: (runtime.run_next(Worker(slots=1)), connection.close()))
    started.start()
    _, err = execute(str(factories.team(alice).id))
    started.join()
    assert "no worker is running; start one with `celery" in err


MANAGE = (
    # A parent that ignores Ctrl-C, such as a shell in the background, would hand that on.
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from django.core.management import execute_from_command_line as run; run(['manage.py', *sys.argv[1:]])"
)


@pytest.mark.parametrize(("option", "status"), [(None, "queued"), ("--cancel-on-interrupt", "cancelled")])
def test_ctrl_c_leaves_the_run_or_cancels_it(alice, option, status):
    team = factories.team(alice)
    arguments = ["execute_team", str(team.id), *([option] if option else [])]
    command = subprocess.Popen(
        [sys.executable, "-c", MANAGE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with command:
        wait_until(lambda: started(alice), "the run is started")
        time.sleep(0.5)
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=20)
    assert command.returncode == 130, err
    assert only_run(alice).status == status
    assert str(only_run(alice).id) in err
    assert "Traceback" not in err


def started(who):
    with tenant(who.tenant.id):
        return Execution.objects.exists()


def test_a_budget_stops_the_run(alice, worker):
    team = factories.team(alice)
    with pytest.raises(CommandError, match="budget_exceeded: the run's budget of steps is 1"):
        execute(str(team.id), "--steps", "1")
    assert only_run(alice).budget == {"steps": 1}


def test_a_bad_budget_is_named(alice):
    team = factories.team(alice)
    with pytest.raises(CommandError, match="tokens"):
        execute(str(team.id), "--tokens", "0")
