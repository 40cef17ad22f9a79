"""Connections to PostgreSQL get over a restart and an outage: the dead ones go at once, and new ones are tried again
each second."""

import os
import select
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection, connections
from psycopg_pool import PoolTimeout

from executions import engine
from teams.postgresql import pool
from teams.postgresql.pool import LastingPool
from tests.gate import Gate
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def djangos():
    connection.close()  # gives this thread's back
    return connections["default"].pool


def ask_by_django():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    connection.close()


def ask_by_engine():
    assert engine.claim("w") == []


def at_rest(used):
    """The connections that rest in a pool now."""
    taken = [used.getconn() for _ in range(len(used._pool))]
    for each in taken:
        used.putconn(each)
    return taken


def end(backends):
    """End these sessions on the server and wait until the news has come."""
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as admin:
        for each in backends:
            admin.execute("SELECT pg_terminate_backend(%s)", (each.info.backend_pid,))
    for each in backends:
        assert select.select([each.fileno()], [], [], 10)[0]


@pytest.mark.parametrize(
    ("pool_of", "ask"), [(djangos, ask_by_django), (engine._pool, ask_by_engine)], ids=["django", "engine"]
)
def test_connections_that_died_at_rest_leave_the_pool_at_once(pool_of, ask):
    ask()  # opens the pool
    used = pool_of()
    for each in [used.getconn() for _ in range(8)]:  # as many as a busy process has after a restart of PostgreSQL
        used.putconn(each)
    resting = at_rest(used)
    assert len(resting) >= 8
    dead = {each.info.backend_pid for each in resting}
    end(resting)
    ask()
    assert not {each.info.backend_pid for each in at_rest(used)} & dead


@pytest.fixture
def gate():
    with Gate(urlsplit(os.environ["DATABASE_URL"]).port) as gate:
        yield gate


@pytest.fixture
def through(gate, monkeypatch):
    """A pool that goes through the gate, in more of a hurry than the product's."""
    monkeypatch.setattr(pool, "ATTEMPT_SECONDS", 0.2)
    url = urlsplit(os.environ["DATABASE_URL"])
    url = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{gate.port}"))
    with LastingPool(conninfo=url.geturl(), min_size=1, max_size=4, timeout=60, open=True) as lasting:
        lasting.wait()
        yield lasting


def ask(through):
    with through.connection() as open_one:
        return open_one.execute("SELECT 1").fetchone()


def test_who_waits_through_an_outage_has_the_server_asked_again_and_again(gate, through):
    assert ask(through) == (1,)
    gate.cut()
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(ask, through)
        # Were the wait doubled after each, so many would take minutes.
        wait_until(lambda: gate.refused >= 40, "the server is tried again and again")
        gate.open()
        assert waiting.result(30) == (1,)


def test_who_comes_after_an_outage_nobody_waited_through_is_served(gate, through):
    gate.cut()
    with pytest.raises(PoolTimeout, match=r"within 2\.5 s"):
        through.getconn(timeout=2.5)
    gate.open()
    assert ask(through) == (1,)
