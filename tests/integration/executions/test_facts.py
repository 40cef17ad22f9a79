"""What a run starts from, asked by hand: both walls between tenants stand."""

import pytest

from executions.facts import start_facts
from teams.tenancy import NoTenantScope, tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_outside_of_a_scope_nothing_is_asked(alice):
    team = factories.team(alice)
    with pytest.raises(NoTenantScope):
        start_facts(alice.tenant.id, team.id)


def test_a_strangers_team_is_none(alice, charlie):
    team = factories.team(alice)
    with tenant(charlie.tenant.id):
        assert start_facts(charlie.tenant.id, team.id).version is None


def test_row_level_security_holds_for_a_wrong_tenant(alice, charlie):
    """Even a caller that names another tenant than its scope's gets none of that one's rows."""
    team = factories.team(alice)
    with tenant(charlie.tenant.id):
        found = start_facts(alice.tenant.id, team.id)
    assert (found.version, found.config_hash, found.config_text) == (None, "", "")


def test_the_team_as_it_is(alice):
    team = factories.team(alice)
    with tenant(alice.tenant.id):
        found = start_facts(alice.tenant.id, team.id)
    assert (found.version, found.config_hash, found.config()) == (team.version, team.config_hash, team.config)
