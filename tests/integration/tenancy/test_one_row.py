"""A row in one round trip: as the ORM would give it, and nobody else's."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams.models import Team
from teams.onerow import one_row
from teams.tenancy import ScopeRefused, tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team(alice):
    made = factories.team(alice, "Writer", "Critic")
    with tenant(alice.tenant.id):
        Team.across_tenants.filter(id=made.id).update(pending_proposal={"id": "x", "additions": [1.5, None]})
        return Team.objects.get(id=made.id)


def test_it_is_as_the_orm_would_give_it(alice, team):
    row = one_row(Team, alice.tenant.id, team.id)
    assert {field.attname: getattr(row, field.attname) for field in Team._meta.concrete_fields} == {
        field.attname: getattr(team, field.attname) for field in Team._meta.concrete_fields
    }
    assert (row._state.adding, row._state.db) == (False, "default")
    assert not row.get_deferred_fields()


def test_it_takes_one_round_trip(alice, team):
    one_row(Team, alice.tenant.id, team.id)
    with CaptureQueriesContext(connection) as asked:
        one_row(Team, alice.tenant.id, team.id)
    assert len(asked) == 1


def test_it_is_nobody_elses(alice, charlie, team):
    assert one_row(Team, charlie.tenant.id, team.id) is None
    assert one_row(Team, alice.tenant.id, uuid4()) is None


def test_another_tenants_scope_is_not_left(alice, charlie, team):
    with tenant(alice.tenant.id):
        assert one_row(Team, alice.tenant.id, team.id).id == team.id
        with pytest.raises(ScopeRefused):
            one_row(Team, charlie.tenant.id, team.id)
        assert Team.objects.count() == 1
