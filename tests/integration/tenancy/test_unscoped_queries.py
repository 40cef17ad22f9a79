"""Without a scope nothing of a tenant is read: refused when evaluated, not when built."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.db.models import Count
from django.forms import modelform_factory
from django.test import RequestFactory

from executions.models import Execution, Step
from teams.models import Team
from teams.tenancy import NoTenantScope, TenantModel, TenantQuerySet, current_scope, tenant
from tests import factories
from tests.integration.tenancy.threads import aside, together

pytestmark = pytest.mark.django_db(transaction=True)

EVALUATIONS: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "len": len,
    "bool": bool,
    "repr": repr,
    "index": lambda rows: rows[0],
    "slice": lambda rows: list(rows[:1]),
    "get": lambda rows: rows.get(name="x"),
    "first": lambda rows: rows.first(),
    "last": lambda rows: rows.last(),
    "latest": lambda rows: rows.latest("name"),
    "count": lambda rows: rows.count(),
    "exists": lambda rows: rows.exists(),
    "contains": lambda rows: rows.contains(Team(id="a55ca7e5-0000-4000-8000-000000000000")),
    "aggregate": lambda rows: rows.aggregate(Count("id")),
    "values": lambda rows: list(rows.values("name")),
    "values_list": lambda rows: list(rows.values_list("name", flat=True)),
    "dates": lambda rows: list(rows.dates("created_at", "day")),
    "in_bulk": lambda rows: rows.in_bulk(),
    "iterator": lambda rows: list(rows.iterator()),
    "explain": lambda rows: rows.explain(),
    "union": lambda rows: list(rows.union(rows)),
    "subquery": lambda rows: list(Execution.objects.filter(team__in=rows)),
    "lock": lambda rows: list(rows.select_for_update()),
    "delete": lambda rows: rows.delete(),
    "create": lambda rows: rows.create(name="x"),
    "get_or_create": lambda rows: rows.get_or_create(name="x"),
    "update_or_create": lambda rows: rows.update_or_create(name="x"),
    "bulk_create": lambda rows: rows.bulk_create([Team(name="x")]),
}


@pytest.mark.parametrize("evaluate", EVALUATIONS.values(), ids=EVALUATIONS)
def test_each_way_to_evaluate_is_refused(evaluate):
    with pytest.raises(NoTenantScope):
        evaluate(Team.objects.all())


@pytest.mark.parametrize("name", sorted(EVALUATIONS.keys() - {"contains", "subquery", "bulk_create"}))
def test_class_level_history_is_refused_in_the_same_ways(name):
    """But for those three, which ask with a team and not with a history row."""
    with pytest.raises(NoTenantScope):
        EVALUATIONS[name](Team.history.all())


def test_update_is_refused():
    with pytest.raises(NoTenantScope):
        Execution.objects.update(priority=1)


def test_history_of_one_row_is_refused(alice):
    team = factories.team(alice)
    with pytest.raises(NoTenantScope):
        list(team.history.all())


def test_saving_and_deleting_a_row_is_refused(alice):
    team = factories.team(alice)
    with pytest.raises(NoTenantScope):
        team.save()
    with pytest.raises(NoTenantScope):
        team.delete()


def test_a_reverse_relation_is_refused():
    run = Execution(id="a55ca7e5-0000-4000-8000-000000000000")
    with pytest.raises(NoTenantScope):
        list(run.steps.all())


def test_a_queryset_is_built_without_a_scope_and_evaluated_in_one(alice):
    team = factories.team(alice)
    early = Team.objects.filter(is_deleted=False).order_by("name").values_list("id", flat=True)
    with tenant(alice.tenant.id):
        assert list(early) == [team.id]


def test_a_queryset_built_in_one_scope_sees_the_tenant_of_the_scope_it_runs_in(alice, charlie):
    factories.team(alice)
    theirs = factories.team(charlie)
    with tenant(alice.tenant.id):
        rows = Team.objects.all()
    with tenant(charlie.tenant.id):
        assert [team.id for team in rows] == [theirs.id]


@pytest.mark.parametrize("model", [m for m in apps.get_models() if issubclass(m, TenantModel)], ids=str)
def test_a_form_can_be_made_at_import(model):
    form = modelform_factory(model, fields="__all__")
    form()


def test_a_form_field_asks_only_when_shown():
    form = modelform_factory(Execution, fields=["team"])()
    with pytest.raises(NoTenantScope):
        str(form["team"])


def test_a_form_field_offers_the_own_tenants_rows_alone(alice, charlie):
    factories.team(alice, agent_team_main_goal="ours")
    factories.team(charlie, agent_team_main_goal="ACME must not see this")
    form = modelform_factory(Execution, fields=["team"])()
    with tenant(alice.tenant.id):
        shown = str(form["team"])
    assert "ours" in shown
    assert "must not see" not in shown


def test_a_form_refuses_another_tenants_row(alice, charlie):
    theirs = factories.team(charlie)
    form = modelform_factory(Execution, fields=["team"])({"team": str(theirs.id)})
    with tenant(alice.tenant.id):
        assert not form.is_valid()


@pytest.mark.parametrize("model", [m for m in apps.get_models() if hasattr(m, "across_tenants")], ids=str)
def test_every_tenant_model_and_history_model_has_scoped_managers(model):
    assert isinstance(model.objects.all(), TenantQuerySet)
    assert isinstance(model._default_manager.all(), TenantQuerySet)
    with pytest.raises(NoTenantScope):
        model.objects.count()


def test_every_model_with_a_tenant_is_a_tenant_model_or_its_history():
    strays = [
        model.__name__
        for model in apps.get_models()
        if any(field.name == "tenant" for field in model._meta.fields) and not hasattr(model, "across_tenants")
    ]
    assert strays == []


def test_a_thread_with_copied_context_has_no_scope(acme):
    """As LangGraph starts them: the context is copied, the connection is not."""

    def look() -> Any:
        with pytest.raises(NoTenantScope):
            Team.objects.count()
        return current_scope()

    with tenant(acme.id):
        context = contextvars.copy_context()
        assert aside(lambda: context.run(look)) is None


def test_a_thread_beside_an_open_scope_opens_another_tenants(alice, charlie):
    """Scopes of two threads at once neither mix nor wait for each other."""
    ours, theirs = factories.team(alice), factories.team(charlie)
    both_open = threading.Barrier(2)

    def look(number: int) -> list[Any]:
        with tenant([alice, charlie][number].tenant.id):
            both_open.wait(10)
            return [team.id for team in Team.objects.all()]

    assert together(2, look) == [[ours.id], [theirs.id]]


def test_async_code_has_no_scope_of_its_own():
    async def view() -> int:
        return await Team.objects.acount()

    with pytest.raises(NoTenantScope):
        async_to_sync(view)()


def test_async_code_opens_its_scope_in_the_step_that_reads(alice):
    factories.team(alice)

    def read() -> int:
        with tenant(alice.tenant.id):
            return Team.objects.count()

    async def view() -> int:
        return await sync_to_async(read)()

    assert async_to_sync(view)() == 1


def test_a_request_object_carries_no_scope(rf: RequestFactory):
    rf.get("/")
    with pytest.raises(NoTenantScope):
        Step.objects.count()
