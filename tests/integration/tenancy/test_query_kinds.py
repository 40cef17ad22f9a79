"""Inside a scope every kind of query sees the scope's tenant, by the managers alone.

Row level security is taken out of the way, so that these tests fail when the first wall has a hole even while the
second one stands.
"""

import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from django.db.models import Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Window
from django.db.models.functions import RowNumber

from executions.models import Execution, Status, Step
from teams.models import Team
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def one_wall() -> Iterator[None]:
    """Take row level security down for the test: whatever is hidden now, the managers hide."""
    tables = ("teams_team", "teams_historicalteam", "executions_execution", "executions_step")
    _all(tables, "DISABLE")
    yield
    _all(tables, "ENABLE")


def _all(tables: tuple[str, ...], word: str) -> None:
    connection.close()
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        for table in tables:
            owner.execute(f"ALTER TABLE {table} {word} ROW LEVEL SECURITY")


def _run(who: Person, **fields: Any) -> Execution:
    team = factories.team(who, agent_team_main_goal=f"goal of {who.tenant.slug}")
    with tenant(who.tenant.id):
        run = Execution.objects.create(team=team, version=1, resolved_spec={}, actor="test", **fields)
        Step.objects.create(
            execution=run, seq=1, event_seq=1, key=f"{who.tenant.slug}/1", kind="note", state="done", fence=1
        )
    return run


@pytest.fixture
def runs(alice: Person, charlie: Person) -> Iterator[tuple[Execution, Execution]]:
    """One run of each tenant; the test runs in acme's scope."""
    ours, theirs = _run(alice), _run(charlie)
    with tenant(alice.tenant.id):
        yield ours, theirs


def test_the_second_wall_is_down(runs):
    assert Execution.across_tenants.count() == 2


def test_list_count_exists(runs):
    ours, theirs = runs
    assert list(Execution.objects.all()) == [ours]
    assert len(Execution.objects.all()) == 1
    assert Execution.objects.count() == 1
    assert not Execution.objects.filter(id=theirs.id).exists()
    assert not Execution.objects.contains(theirs)


def test_get_first_last_latest(runs):
    ours, theirs = runs
    with pytest.raises(Execution.DoesNotExist):
        Execution.objects.get(id=theirs.id)
    assert Execution.objects.order_by("id").first() == Execution.objects.order_by("id").last() == ours
    assert Execution.objects.latest("created_at") == Execution.objects.earliest("created_at") == ours


def test_values_dates_and_in_bulk(runs):
    ours, theirs = runs
    assert [row["id"] for row in Execution.objects.values("id")] == [ours.id]
    assert list(Execution.objects.values_list("id", flat=True)) == [ours.id]
    assert len(Execution.objects.datetimes("created_at", "second")) == 1
    assert set(Execution.objects.in_bulk([ours.id, theirs.id])) == {ours.id}


def test_aggregate_and_annotate(runs):
    assert Execution.objects.aggregate(n=Count("id"))["n"] == 1
    assert Execution.objects.values("status").annotate(n=Count("id")).get()["n"] == 1
    assert Execution.objects.annotate(n=Count("steps")).aggregate(m=Max("n"))["m"] == 1
    assert Execution.objects.distinct().count() == 1
    assert Execution.objects.all()[:5].count() == 1
    assert Execution.objects.order_by("id")[:5].aggregate(n=Count("id"))["n"] == 1


def test_window(runs):
    rows = Execution.objects.annotate(place=Window(RowNumber())).filter(place__lte=5)
    assert len(rows) == 1


def test_slices_are_taken_from_the_own_rows(runs):
    ours, _theirs = runs
    assert list(Execution.objects.order_by("-created_at")[:1]) == [ours]
    assert list(Execution.objects.order_by("created_at")[:1]) == [ours]


def test_or_cannot_reach_around_the_scope(runs):
    ours, theirs = runs
    assert list(Execution.objects.filter(Q(id=ours.id) | Q(id=theirs.id))) == [ours]
    assert list(Execution.objects.filter(id=ours.id) | Execution.objects.filter(id=theirs.id)) == [ours]
    assert list(Execution.objects.exclude(id=ours.id)) == []


def test_naming_the_other_tenant_finds_nothing(runs):
    _ours, theirs = runs
    assert list(Execution.objects.filter(tenant_id=theirs.tenant_id)) == []
    either = Execution.objects.filter(Q(tenant_id=theirs.tenant_id) | Q(status=Status.QUEUED))
    assert theirs not in list(either)


def test_union_intersection_difference(runs):
    ours, _theirs = runs
    rows = Execution.objects.all()
    assert list(rows.union(Execution.objects.filter(status="queued"), all=True)) == [ours, ours]
    assert list(rows.intersection(Execution.objects.all())) == [ours]
    assert list(rows.difference(Execution.objects.all())) == []
    assert rows.union(Execution.objects.filter(version=1)).count() == 1
    assert rows.union(Execution.objects.filter(version=1)).exists()


def test_subqueries(runs):
    ours, _theirs = runs
    foreign_teams = Team.objects.filter(config__agent_team_main_goal="goal of globex")
    assert not Execution.objects.filter(team__in=foreign_teams).exists()
    newest = Execution.objects.order_by("-created_at").values("id")[:1]
    assert Team.objects.annotate(newest=Subquery(newest)).get().newest == ours.id


def test_exists_subquery_inside_a_query_without_a_tenant(runs, acme, globex):
    """The outer query is of a global table; the scope is taken on by the inner one."""
    busy = type(acme).objects.filter(Exists(Execution.objects.filter(tenant_id=OuterRef("id"))))
    assert list(busy) == [acme]


def test_history(runs, alice):
    assert {row.tenant_id for row in Team.history.all()} == {alice.tenant.id}
    assert Team.history.count() == 1
    assert {row.tenant_id for row in Team.history.latest_of_each()} == {alice.tenant.id}
    assert all(team.tenant_id == alice.tenant.id for team in Team.history.all().as_instances())


def test_relations(runs):
    ours, theirs = runs
    assert [step.key for step in ours.steps.all()] == ["acme/1"]
    assert list(theirs.steps.all()) == []
    assert Execution.objects.select_related("team").get().team.config["agent_team_main_goal"] == "goal of acme"


def test_prefetch(runs):
    ours, _theirs = runs
    (run,) = Execution.objects.prefetch_related("steps")
    assert [step.key for step in run.steps.all()] == ["acme/1"]
    (run,) = Execution.objects.prefetch_related(
        Prefetch("steps", queryset=Step.objects.order_by("seq"), to_attr="made")
    )
    assert run.made == list(ours.steps.all())


def test_iterator_and_lock(runs):
    ours, _theirs = runs
    assert list(Execution.objects.iterator(chunk_size=1)) == [ours]
    assert list(Execution.objects.select_for_update()) == [ours]
    assert list(Execution.objects.select_for_update(skip_locked=True)) == [ours]


def test_defer_extra_and_ordering_by_relation(runs):
    ours, _theirs = runs
    assert [run.id for run in Execution.objects.defer("resolved_spec").order_by("team__name")] == [ours.id]
    assert [run.id for run in Execution.objects.extra(where=["true OR true"])] == [ours.id]


def test_update(runs):
    _ours, theirs = runs
    assert Execution.objects.update(priority=5) == 1
    assert Execution.objects.filter(id=theirs.id).update(priority=5) == 0
    assert Execution.across_tenants.get(id=theirs.id).priority == 0
    assert Execution.objects.update(version=F("version") + 1) == 1


def test_bulk_update(runs):
    _ours, theirs = runs
    theirs.priority = 7
    assert Execution.objects.bulk_update([theirs], ["priority"]) == 0
    assert Execution.across_tenants.get(id=theirs.id).priority == 0


def test_delete(runs):
    _ours, theirs = runs
    assert Step.objects.all().delete()[0] == 1
    assert Step.objects.filter(execution_id=theirs.id).delete()[0] == 0
    assert Step.across_tenants.count() == 1


def test_get_or_create_does_not_find_anothers(runs, charlie):
    run, made = Execution.objects.get_or_create(
        idempotency_key="k", defaults={"id": uuid4(), "team": Team.objects.get(), "version": 1, "resolved_spec": {}}
    )
    assert made
    assert run.tenant_id != charlie.tenant.id
