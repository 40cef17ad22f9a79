"""A scope ends with its transaction: the next user of the pooled connection finds nothing of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections

from teams.models import Team
from teams.tenancy import ScopeRefused, across_tenants, current_scope, tenant
from tests import factories
from tests.integration.tenancy.threads import aside, together

pytestmark = pytest.mark.django_db(transaction=True)

_STATE = (
    "SELECT coalesce(current_setting('app.tenant_id', true), ''), current_user::text,"
    " (SELECT count(*) FROM teams_team), pg_backend_pid()"
)


@pytest.fixture
def pool_of_two() -> Iterator[None]:
    """Make the pool so small that threads get each other's connections."""
    before = connections["default"].settings_dict["OPTIONS"]["pool"]
    _pool_with({**before, "min_size": 2, "max_size": 2})
    yield
    _pool_with(before)


def _pool_with(options: dict[str, Any]) -> None:
    default = connections["default"]
    default.close()
    default.close_pool()
    default.settings_dict["OPTIONS"]["pool"] = options


def _state() -> tuple[str, str, int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        setting, role, teams, backend = cursor.fetchone()
    return setting, role, teams, backend


def _clean(state: tuple[str, str, int, int]) -> bool:
    return state[:3] == ("", "atb_app", 0)


def _fail_in(tenant_id: Any) -> None:
    with pytest.raises(DatabaseError), tenant(tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def _look_across() -> None:
    with across_tenants("test"):
        Team.objects.count()


def _nest_badly(tenant_id: Any) -> None:
    with pytest.raises(ScopeRefused), tenant(tenant_id), across_tenants("test"):
        pytest.fail("opened")


def test_every_kind_of_scope_leaves_the_connection_clean_for_the_next_thread(alice, pool_of_two):
    factories.team(alice)
    here = alice.tenant.id

    def plain() -> None:
        with tenant(here):
            assert Team.objects.count() == 1

    for use in (plain, lambda: _fail_in(here), _look_across, lambda: _nest_badly(here)):
        aside(use)
        states = together(2, lambda _number: _state())
        assert all(_clean(state) for state in states)


def test_many_threads_of_two_tenants_share_two_connections_and_see_their_own(alice, charlie, pool_of_two):
    people = (alice, charlie)
    for who in people:
        factories.team(who)

    def work(number: int) -> set[int]:
        who, backends = people[number % 2], set()
        for _round in range(10):
            with tenant(who.tenant.id):
                assert {team.tenant_id for team in Team.objects.all()} == {who.tenant.id}
                backends.add(_state()[3])
            connection.close()
            state = _state()
            assert _clean(state)
            backends.add(state[3])
            connection.close()
        return backends

    used = set().union(*together(8, work))
    assert len(used) <= 2


def test_a_connection_given_back_in_the_middle_of_a_scope_reads_nothing_more(alice, pool_of_two):
    """The transaction is gone with its connection; a query must not go on outside it."""
    factories.team(alice)

    def count_without_connection() -> None:
        connection.close()
        Team.objects.count()

    def work() -> None:
        with pytest.raises(DatabaseError), tenant(alice.tenant.id):
            count_without_connection()
        assert current_scope() is None
        assert _clean(_state())

    aside(work)
    assert all(_clean(state) for state in together(2, lambda _number: _state()))
