"""History rows say who, when and why; they are written with the row and never changed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError
from django.db.models import Model

from agents.models import RoleTemplate, TenantTool
from teams.history import ChangeNote
from teams.models import Membership, Team
from teams.services import team_delete, team_rename, team_update
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_members_change_names_the_member(alice):
    team = factories.team(alice)
    team_update(actor=alice.actor, team_id=team.id, config=factories.config(), reason="shorter")
    with tenant(alice.tenant.id):
        row = Team.history.filter(id=team.id, version=2).get()
    assert (row.actor, row.history_change_reason, row.history_type) == ("user:alice", "shorter", "~")
    assert row.history_user_id == alice.user.id
    assert row.history_date is not None
    assert row.tenant_id == alice.tenant.id


def test_a_keys_change_names_the_key_and_no_user(api, alice):
    prefix = alice.key().split("_")[2]
    with tenant(alice.tenant.id):
        team = factories.team(alice)
    actor = alice.actor
    by_key = type(actor)(actor.tenant_id, actor.tenant_slug, f"key:{prefix}", actor.scopes)
    team_rename(actor=by_key, team_id=team.id, name="By a key")
    with tenant(alice.tenant.id):
        row = Team.history.filter(id=team.id).order_by("-history_id").first()
    assert (row.actor, row.history_user_id) == (f"key:{prefix}", None)


def test_additions_of_the_builder_are_kept_with_the_version(alice):
    config = factories.config(
        "Writer", agent_team_flow="Writer -> Critic", allow_TBA_to_recommend_agents=True, allow_TBA_how_many_more=1
    )
    team = factories.team_create(actor=alice.actor, config=config).team
    with tenant(alice.tenant.id):
        row = Team.history.get(id=team.id)
    assert row.makes_version
    assert [addition["role"] for addition in row.additions] == ["Critic"]


def test_a_row_saved_without_a_note_is_the_systems(alice):
    team = factories.team(alice)
    with tenant(alice.tenant.id):
        fresh = Team.objects.get(id=team.id)
        fresh.save()
        assert Team.history.filter(id=team.id).order_by("-history_id").first().actor == "system:unknown"


def test_a_note_is_not_carried_over_to_the_next_save(alice, bob):
    """A row kept in hand must not lend its last editor's name to somebody else's save."""
    team = factories.team(alice)
    with tenant(alice.tenant.id):
        team.save()
        row = Team.history.filter(id=team.id).order_by("-history_id").first()
    assert row.actor == "system:unknown"
    assert not row.makes_version


@pytest.mark.parametrize("model", [Team, Membership, RoleTemplate, TenantTool])
def test_everything_an_operator_edits_has_a_history(model):
    assert hasattr(model, "history")


def test_templates_and_tools_keep_their_former_wording(alice):
    with tenant(alice.tenant.id):
        template = RoleTemplate(role="Critic", prompt="Be kind.")
        template._change = ChangeNote("user:alice", "first", alice.user.id)
        template.save()
        template.prompt = "Be strict."
        template._change = ChangeNote("user:alice", "second", alice.user.id)
        template.save()
        told = [(row.prompt, row.history_change_reason) for row in template.history.order_by("history_id")]
    assert told == [("Be kind.", "first"), ("Be strict.", "second")]


@pytest.mark.parametrize("change", ["update", "delete"])
def test_history_cannot_be_changed(alice, change):
    factories.team(alice)
    rows = Team.history.all()
    action = (lambda: Model.save(rows.get())) if change == "update" else rows.delete
    with pytest.raises(DatabaseError, match="permission denied"), tenant(alice.tenant.id):
        action()


def test_a_version_number_is_taken_once(alice):
    team = factories.team(alice)

    def again() -> None:
        row = Team.history.get(id=team.id)
        row.pk, row._state.adding = None, True
        row.save(force_insert=True)

    with pytest.raises(IntegrityError, match="team_version_once"), tenant(alice.tenant.id):
        again()


@contextmanager
def _without_insert(table: str) -> Iterator[None]:
    """Take INSERT on a table away for a while."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(f"REVOKE INSERT ON {table} FROM atb_app")
        try:
            yield
        finally:
            owner.execute(f"GRANT INSERT ON {table} TO atb_app")


def test_a_failing_history_row_undoes_the_change(alice):
    team = factories.team(alice)
    with _without_insert("teams_historicalteam"), pytest.raises(DatabaseError, match="permission denied"):
        team_delete(actor=alice.actor, team_id=team.id)
    with tenant(alice.tenant.id):
        assert not Team.objects.get(id=team.id).is_deleted
