"""A scope is a short transaction: what it sees, how it ends, and which ones are refused."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError

from teams.models import Team
from teams.tenancy import NoTenantScope, Scope, ScopeRefused, across_tenants, current_scope, tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def _setting() -> str:
    """What the second wall reads; '' and unset are alike to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.tenant_id', true), '')")
        return str(cursor.fetchone()[0])


def _role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        return str(cursor.fetchone()[0])


def test_opens_both_walls_and_closes_both(acme):
    with tenant(acme.id):
        assert current_scope() == Scope(acme.id)
        assert _setting() == str(acme.id)
    assert current_scope() is None
    assert _setting() == ""


def test_is_a_transaction_of_its_own(acme):
    with tenant(acme.id):
        assert connection.in_atomic_block
    assert not connection.in_atomic_block


def test_same_tenant_may_be_nested_and_the_outer_scope_goes_on(alice):
    factories.team(alice)
    with tenant(alice.tenant.id):
        with tenant(alice.tenant.id):
            assert Team.objects.count() == 1
        assert current_scope() == Scope(alice.tenant.id)
        assert _setting() == str(alice.tenant.id)
        assert Team.objects.count() == 1


def test_another_tenant_inside_is_refused_and_the_scope_stays(acme, globex):
    with tenant(acme.id):
        with pytest.raises(ScopeRefused, match="already in the scope"), tenant(globex.id):
            pytest.fail("opened")
        assert current_scope() == Scope(acme.id)
        assert _setting() == str(acme.id)


def test_a_transaction_opened_elsewhere_is_refused(acme):
    with transaction.atomic(), pytest.raises(ScopeRefused, match="outermost"), tenant(acme.id):
        pytest.fail("opened")


def test_looking_across_inside_a_transaction_opened_elsewhere_is_refused():
    with transaction.atomic(), pytest.raises(ScopeRefused, match="outermost"), across_tenants("test"):
        pytest.fail("opened")


def test_an_error_rolls_back_and_closes_both_walls(alice):
    def write_and_fail() -> None:
        Team.objects.create(id=uuid4(), name="lost", config={}, config_hash="")
        raise RuntimeError("the true error")

    with pytest.raises(RuntimeError, match="the true error"), tenant(alice.tenant.id):
        write_and_fail()
    assert current_scope() is None
    assert _setting() == ""
    with tenant(alice.tenant.id):
        assert not Team.objects.filter(name="lost").exists()


def test_a_database_error_is_not_hidden_by_the_closing(acme):
    with pytest.raises(DatabaseError, match="division by zero"), tenant(acme.id), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert current_scope() is None
    assert _setting() == ""


def test_a_database_error_swallowed_inside_does_not_pass_for_success(acme):
    """Django alone would roll back in silence, and the caller would believe its rows were stored."""

    def swallow() -> None:
        with suppress(DatabaseError), transaction.atomic(savepoint=False), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with pytest.raises(TransactionManagementError), tenant(acme.id):
        swallow()
    assert current_scope() is None
    assert _setting() == ""


def test_an_error_in_a_nested_scope_leaves_the_outer_one_working(alice):
    factories.team(alice)
    with tenant(alice.tenant.id):
        with pytest.raises(DatabaseError), tenant(alice.tenant.id), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert current_scope() == Scope(alice.tenant.id)
        assert _setting() == str(alice.tenant.id)
        assert Team.objects.count() == 1


def test_a_refused_scope_after_an_error_does_not_leave_a_door_open(acme, globex):
    with pytest.raises(ScopeRefused), tenant(acme.id), tenant(globex.id):
        pytest.fail("opened")
    assert current_scope() is None
    with pytest.raises(NoTenantScope):
        Team.objects.count()


def test_a_generator_that_runs_after_the_scope_has_none(alice):
    factories.team(alice)

    def names() -> Iterator[str]:
        yield from Team.objects.values_list("name", flat=True)

    with tenant(alice.tenant.id):
        late = names()
    with pytest.raises(NoTenantScope):
        list(late)


def test_a_server_side_cursor_left_open_ends_with_its_scope(alice):
    for _number in range(3):
        factories.team(alice)
    with tenant(alice.tenant.id):
        rows = iter(Team.objects.iterator(chunk_size=1))
        next(rows)
    with pytest.raises((NoTenantScope, DatabaseError)):
        list(rows)


def test_looking_across_takes_the_system_role_and_gives_it_back(alice, charlie):
    factories.team(alice)
    factories.team(charlie)
    assert _role() == "atb_app"
    with across_tenants("test"):
        assert _role() == "atb_system"
        assert current_scope() == Scope(None)
        assert {team.tenant_id for team in Team.objects.all()} == {alice.tenant.id, charlie.tenant.id}
    assert _role() == "atb_app"
    assert current_scope() is None


def test_looking_across_gives_the_role_back_after_an_error():
    with pytest.raises(DatabaseError), across_tenants("test"), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert _role() == "atb_app"
    assert current_scope() is None


def test_looking_across_is_refused_inside_a_tenant(acme):
    with tenant(acme.id), pytest.raises(ScopeRefused), across_tenants("test"):
        pytest.fail("opened")


def test_a_tenant_is_refused_inside_looking_across(acme):
    with across_tenants("test"), pytest.raises(ScopeRefused), tenant(acme.id):
        pytest.fail("opened")


def test_looking_across_may_be_nested():
    with across_tenants("outer"):
        with across_tenants("inner"):
            assert _role() == "atb_system"
        assert _role() == "atb_system"
    assert _role() == "atb_app"


def test_looking_across_is_logged_with_its_reason(caplog):
    with caplog.at_level("DEBUG", logger="teams.tenancy"), across_tenants("nightly count"):
        pass
    assert "nightly count" in caplog.text


def test_a_callback_on_commit_runs_outside_the_scope(acme):
    seen = []
    with tenant(acme.id):
        transaction.on_commit(lambda: seen.append(current_scope()))
    assert seen == [None]


def test_a_callback_on_commit_may_open_its_own_scope(alice):
    factories.team(alice)
    seen = []

    def look() -> None:
        with tenant(alice.tenant.id):
            seen.append(Team.objects.count())

    with tenant(alice.tenant.id):
        transaction.on_commit(look)
    assert seen == [1]
