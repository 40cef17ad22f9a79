"""Writing rows: the scope's tenant is given to new ones, another's is refused, versioned models are not bulk-edited."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError

from agents.models import RoleTemplate, TenantTool
from executions.models import Execution
from teams.models import ApiKey, Membership, Team
from teams.tenancy import WrongTenant, across_tenants, tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_row_gets_the_scopes_tenant(acme):
    with tenant(acme.id):
        tool = TenantTool.objects.create(name="search")
    assert tool.tenant_id == acme.id


def test_creating_for_another_tenant_is_refused(acme, globex):
    with tenant(acme.id), pytest.raises(WrongTenant):
        TenantTool.objects.create(name="search", tenant=globex)


@pytest.mark.parametrize("how", ["create", "get_or_create", "update_or_create"])
def test_each_way_to_create_for_another_tenant_is_refused(acme, globex, how):
    with tenant(acme.id), pytest.raises(WrongTenant):
        getattr(TenantTool.objects, how)(name="search", tenant_id=globex.id)


def test_bulk_create_for_another_tenant_is_refused(acme, globex):
    rows = [TenantTool(name="ours"), TenantTool(name="theirs", tenant=globex)]
    with tenant(acme.id), pytest.raises(WrongTenant):
        TenantTool.objects.bulk_create(rows)


def test_bulk_create_gives_the_scopes_tenant(acme):
    with tenant(acme.id):
        rows = TenantTool.objects.bulk_create([TenantTool(name="a"), TenantTool(name="b")])
    assert {row.tenant_id for row in rows} == {acme.id}


def test_the_unfiltered_manager_is_held_by_the_second_wall(acme, globex):
    with pytest.raises(DatabaseError, match="row-level security"), tenant(acme.id):
        TenantTool.across_tenants.bulk_create([TenantTool(name="search", tenant=globex)])


def test_a_row_cannot_be_given_away(alice, globex):
    team = factories.team(alice)
    team.tenant = globex
    with tenant(alice.tenant.id), pytest.raises(WrongTenant):
        team.save()


def test_rows_cannot_be_given_away_by_update(acme, globex, alice):
    team = factories.team(alice)
    with tenant(acme.id):
        Execution.objects.create(team=team, version=1, resolved_spec={}, actor="test")
    with pytest.raises(DatabaseError, match="row-level security"), tenant(acme.id):
        Execution.objects.update(tenant=globex)


def test_a_row_of_another_tenant_in_hand_is_not_saved(alice, globex):
    team = factories.team(alice)
    with tenant(globex.id), pytest.raises(WrongTenant):
        team.save()


def test_a_row_of_another_tenant_in_hand_is_not_deleted(alice, globex):
    team = factories.team(alice)
    with tenant(globex.id), pytest.raises(WrongTenant):
        team.delete()


def test_a_row_taken_over_by_its_id_is_not_overwritten(alice, charlie):
    """A save with another's primary key finds no row to update and cannot insert beside it."""
    team = factories.team(alice)
    stolen = Team(id=team.id, tenant=charlie.tenant, name="stolen", config={}, config_hash="")
    with pytest.raises(IntegrityError), tenant(charlie.tenant.id):
        stolen.save()
    with tenant(alice.tenant.id):
        assert Team.objects.get().name == team.name


def test_a_new_row_without_a_tenant_across_tenants_is_refused():
    with pytest.raises(IntegrityError), across_tenants("test"):
        TenantTool.objects.create(name="search")


@pytest.mark.parametrize("model", [Team, Membership, RoleTemplate, TenantTool])
def test_update_on_a_versioned_model_is_refused(acme, model):
    with tenant(acme.id), pytest.raises(TypeError, match="versioned"):
        model.objects.update(tenant=acme)


def test_bulk_update_on_a_versioned_model_is_refused(alice):
    team = factories.team(alice)
    with pytest.raises(TypeError, match="versioned"), tenant(alice.tenant.id):
        Team.objects.bulk_update([team], ["name"])


def test_update_through_a_filter_on_a_versioned_model_is_refused(acme):
    with tenant(acme.id), pytest.raises(TypeError, match="versioned"):
        Team.objects.filter(name="x").order_by("id").update(name="y")


def test_update_on_a_model_without_versions_works(alice):
    alice.key()
    with tenant(alice.tenant.id):
        assert ApiKey.objects.update(name="renamed") == 1


def test_an_unversioned_update_reaches_the_own_tenant_alone(alice, charlie):
    alice.key()
    charlie.key()
    with tenant(charlie.tenant.id):
        assert ApiKey.objects.update(name="renamed") == 1
    with tenant(alice.tenant.id):
        assert ApiKey.objects.get().name == "test"


def test_deleting_all_reaches_the_own_tenant_alone(alice, charlie):
    alice.key()
    charlie.key()
    with tenant(charlie.tenant.id):
        assert ApiKey.objects.all().delete()[0] == 1
    with tenant(alice.tenant.id):
        assert ApiKey.objects.count() == 1


def test_a_run_of_another_tenants_team_is_refused_at_commit(alice, charlie):
    team = factories.team(alice)
    with pytest.raises(IntegrityError, match="tenant_fk"), tenant(charlie.tenant.id):
        Execution.objects.create(team_id=team.id, version=1, resolved_spec={}, actor="test")


def test_a_child_of_another_tenants_run_is_refused_at_commit(alice, charlie):
    team, theirs = factories.team(alice), factories.team(charlie)
    with tenant(alice.tenant.id):
        run = Execution.objects.create(team=team, version=1, resolved_spec={}, actor="test")
    with pytest.raises(IntegrityError, match="tenant_fk"), tenant(charlie.tenant.id):
        Execution.objects.create(team=theirs, parent_id=run.id, version=1, resolved_spec={}, actor="test")


def test_a_foreign_parent_and_a_missing_one_are_refused_alike(alice, charlie):
    """The answer of the database must not tell which ids there are elsewhere."""
    team = factories.team(alice)
    texts = []
    for parent in (team.id, uuid4()):
        with pytest.raises(IntegrityError) as refused, tenant(charlie.tenant.id):
            Execution.objects.create(team_id=parent, version=1, resolved_spec={}, actor="test")
        texts.append(str(refused.value).replace(str(parent), "ID"))
    assert texts[0] == texts[1]
