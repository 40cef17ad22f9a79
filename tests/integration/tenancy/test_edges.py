"""Where a tenant could be carried past the scope: reverse relations, tasks, channels, deletions that cascade."""

import inspect
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError

from config.celery import app as celery
from executions import stream
from teams.models import Membership, Tenant
from teams.tenancy import tenant


@pytest.mark.parametrize("parent", [Tenant, User])
def test_global_rows_have_no_way_back_to_tenants_rows(parent):
    """`tenant.team_set` would go through a manager of its own making."""
    back = [
        relation.get_accessor_name()
        for relation in parent._meta.get_fields(include_hidden=True)
        if relation.auto_created
        and not relation.concrete
        and hasattr(relation.related_model, "across_tenants")
        and not relation.get_accessor_name().endswith("+")
    ]
    assert back == []


def test_a_global_row_cannot_be_searched_by_a_tenants_rows():
    names = {field.name for field in Tenant._meta.get_fields()} | {field.name for field in User._meta.get_fields()}
    assert names.isdisjoint({model._meta.model_name for model in apps.get_models() if hasattr(model, "across_tenants")})


def test_no_task_is_told_its_tenant():
    """It comes from the row that the task claims; an argument could name any."""
    celery.loader.import_default_modules()
    ours = {name: task for name, task in celery.tasks.items() if not name.startswith("celery.")}
    assert ours
    for name, task in ours.items():
        told = [word for word in inspect.signature(task.run).parameters if "tenant" in word or "slug" in word]
        assert told == [], name


def test_every_channel_names_its_tenant():
    run = uuid4()
    assert stream.channel("p", uuid4(), run) != stream.channel("p", uuid4(), run)


@pytest.mark.django_db(transaction=True)
def test_deleting_a_user_does_not_reach_into_a_tenant(alice):
    """Cascades run unscoped; the database keeps the user while a membership or a history row names them."""
    with pytest.raises(DatabaseError):
        alice.user.delete()
    with tenant(alice.tenant.id):
        assert Membership.objects.filter(user=alice.user).exists()


@pytest.mark.django_db(transaction=True)
def test_deleting_a_tenant_is_refused_while_it_has_rows(alice):
    with pytest.raises(IntegrityError):
        alice.tenant.delete()
