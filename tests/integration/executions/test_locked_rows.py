"""Somebody was paused or cut off in the middle of a change: nobody else stands still with the rows he has locked."""

import psycopg
import pytest
from django.db import connection

from executions import engine
from executions.engine import LOCK_SECONDS
from executions.reaper import Reaper, reap
from tests.integration.executions import engine_sql as sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cut_off(alice):
    """A session that has locked the row of the tenant's slots, and a queued run that waits for its ring."""
    with sql.system() as session:
        sql.queue(session, alice)
        session.execute("BEGIN")
        session.execute("SELECT FROM executions_tenantslots WHERE tenant_id = %s FOR UPDATE", [alice.tenant.id])
        yield session


@pytest.fixture
def session(monkeypatch):
    """As workers connect, but giving up sooner."""
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.2)
    with Reaper(lambda _permits: True, lambda _permits: None).connect() as session:
        yield session


def test_a_claim_gives_up(cut_off, session):
    with pytest.raises(psycopg.errors.LockNotAvailable):
        sql.claim(session)
    cut_off.execute("COMMIT")
    assert sql.claim(session)


def test_the_reaper_gives_up_and_goes_on_by_itself(cut_off, session, alice):
    cut_off.execute("ROLLBACK")
    held = sql.claim(cut_off)
    sql.expire(cut_off, held.execution_id)
    cut_off.execute("BEGIN")
    cut_off.execute("UPDATE executions_tenantslots SET virtual_time = 1 WHERE tenant_id = %s", [alice.tenant.id])
    with pytest.raises(psycopg.errors.LockNotAvailable):
        reap(session)
    cut_off.execute("COMMIT")
    assert reap(session).expired == 1


def test_the_hot_path_waits_as_short():
    assert engine._call("SHOW lock_timeout") == [("5s",)]


def test_postgresql_ends_a_session_that_rests_in_a_transaction():
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("1min",)
    assert LOCK_SECONDS < 60
