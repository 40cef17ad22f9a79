"""Waiting for a run to end: as short as possible, never longer than asked, holding nothing meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection

from executions.waiting import wait_for
from teams.errors import NotFound
from tests.integration.executions.live_runs import LiveRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(alice):
    return LiveRun(alice).claim()


def test_it_returns_when_the_run_ends(alice, run):
    threading.Timer(0.3, run.finish).start()
    began = time.monotonic()
    assert wait_for(alice.actor, run.id, 10).status == "succeeded"
    assert time.monotonic() - began < 1.5


def test_it_returns_when_the_time_is_over(alice, run):
    began = time.monotonic()
    assert wait_for(alice.actor, run.id, 0.3).status == "running"
    assert 0.3 <= time.monotonic() - began < 1


def test_no_time_is_one_look(alice, run):
    run.finish()
    assert wait_for(alice.actor, run.id, 0).status == "succeeded"


def test_more_may_wait_than_the_pool_has_connections(alice, run):
    waiting = settings.DB_POOL_SIZE * 2
    with ThreadPoolExecutor(waiting) as pool:
        results = [pool.submit(wait_for, alice.actor, run.id, 10) for _ in range(waiting)]
        time.sleep(0.5)
        run.finish()
        assert {result.result().status for result in results} == {"succeeded"}


def test_no_connection_is_held(alice, run):
    wait_for(alice.actor, run.id, 0.05)
    assert connection.connection is None


def test_a_strangers_run(charlie, run):
    with pytest.raises(NotFound):
        wait_for(charlie.actor, run.id, 1)
