"""The engine's own connections: one that died at rest is replaced, not handed out for ever."""

import os
import select

import psycopg
import pytest

from executions import engine

pytestmark = pytest.mark.django_db(transaction=True)


def at_rest():
    """The process ids, on the server, of connections that rest in the pool now."""
    pool = engine._pool()
    taken = [pool.getconn() for _ in range(len(pool._pool))]
    pids = {connection.info.backend_pid for connection in taken}
    for connection in taken:
        pool.putconn(connection)
    return pids


def test_connections_that_died_at_rest_leave_the_pool_at_once():
    # As many as a busy worker has after a restart of PostgreSQL; the pool's own check would rest after each of them.
    pool = engine._pool()
    for connection in [pool.getconn() for _ in range(8)]:
        pool.putconn(connection)
    dead = at_rest()
    assert len(dead) >= 8
    waiting = [connection.fileno() for connection in engine._pool()._pool]
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as admin:
        for pid in dead:
            admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
    for each in waiting:
        assert select.select([each], [], [], 10)[0]
    assert engine.claim("w") == []
    assert not at_rest() & dead
