"""A reaper that is paused in the middle of a beat holds the lock of all reapers: only until a lease is over."""

import pytest

from executions.reaper import LOCK, Reaper
from tests.integration.executions import engine_sql as sql
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_silent_process_has_locked_is_given_to_others(settings):
    settings.LEASE_SECONDS, settings.REAP_SECONDS = 0.5, 0.2
    paused = Reaper(lambda _permits: True, lambda _permits: None).connect()
    assert paused.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone() == (True,)

    def free():
        return other.execute("SELECT pg_try_advisory_lock(%s) AS mine", (LOCK,)).fetchone().mine

    with sql.login() as other:
        assert not free()
        wait_until(free, "PostgreSQL has ended the silent session")
    paused.close()
