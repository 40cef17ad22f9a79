"""Several questions in one round trip, each inside the tenant's scope and none after it."""

import pytest
from django.db import connection

from teams import tenancy
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

TEAMS = "SELECT name FROM teams_team ORDER BY name"


@pytest.fixture
def teams(alice, charlie):
    factories.team(alice, "A", agent_team_main_goal="hers")
    factories.team(charlie, "A", agent_team_main_goal="his")


def names(rows):
    return [name for (name,) in rows]


def test_each_question_sees_the_tenant_alone(alice, charlie, teams):
    hers, number = tenancy.ask(alice.tenant.id, (TEAMS, []), ("SELECT %s::int", [7]))
    assert names(hers) == ["hers"]
    assert number == [(7,)]
    assert names(tenancy.ask(charlie.tenant.id, (TEAMS, []))[0]) == ["his"]


def test_the_scope_ends_with_the_questions(alice, teams):
    tenancy.ask(alice.tenant.id, (TEAMS, []))
    with connection.cursor() as cursor:
        cursor.execute(TEAMS)
        assert cursor.fetchall() == []


def test_an_open_scope_goes_on(alice, teams):
    with tenancy.tenant(alice.tenant.id):
        tenancy.ask(alice.tenant.id, (TEAMS, []))
        with connection.cursor() as cursor:
            cursor.execute(TEAMS)
            assert names(cursor.fetchall()) == ["hers"]


def test_not_inside_the_scope_of_another_tenant(alice, charlie):
    with tenancy.tenant(alice.tenant.id), pytest.raises(tenancy.ScopeRefused):
        tenancy.ask(charlie.tenant.id, (TEAMS, []))
