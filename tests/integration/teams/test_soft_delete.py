"""Deleting hides a team and removes nothing; restoring brings it back as it was."""

import pytest

from teams.errors import Conflict, Invalid, NotFound
from teams.models import Team
from teams.services import team_delete, team_get, team_rename, team_restore, team_update, team_version
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_deleted_team_is_not_found_by_anything(alice):
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    for ask in (
        lambda: team_get(actor=alice.actor, team_id=team.id),
        lambda: team_version(actor=alice.actor, team_id=team.id, version=1),
        lambda: team_update(actor=alice.actor, team_id=team.id, config=factories.config()),
        lambda: team_rename(actor=alice.actor, team_id=team.id, name="x"),
        lambda: team_delete(actor=alice.actor, team_id=team.id),
    ):
        with pytest.raises(NotFound):
            ask()


def test_the_row_and_its_history_stay(alice):
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    with tenant(alice.tenant.id):
        row = Team.objects.get(id=team.id)
        assert row.is_deleted
        assert row.deleted_at is not None
        assert row.config == team.config
        assert Team.history.filter(id=team.id).count() == 2


def test_a_restored_team_is_as_it_was(alice):
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    restored = team_restore(actor=alice.actor, team_id=team.id)
    assert (restored.is_deleted, restored.deleted_at, restored.version) == (False, None, 1)
    assert team_get(actor=alice.actor, team_id=team.id).config == team.config


def test_versions_go_on_counting_after_a_restore(alice):
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    team_restore(actor=alice.actor, team_id=team.id)
    assert team_update(actor=alice.actor, team_id=team.id, config=factories.config()).team.version == 2


def test_restoring_what_is_not_deleted_is_refused(alice):
    team = factories.team(alice)
    with pytest.raises(Conflict, match="not deleted"):
        team_restore(actor=alice.actor, team_id=team.id)


def test_deleting_and_restoring_say_who_and_why(alice, bob):
    team = factories.team(alice)
    team_delete(actor=bob.actor, team_id=team.id, reason="not used")
    team_restore(actor=alice.actor, team_id=team.id, reason="used after all")
    with tenant(alice.tenant.id):
        rows = Team.history.filter(id=team.id).order_by("history_id")
        told = [(row.actor, row.history_change_reason, row.is_deleted) for row in rows]
    assert told[1:] == [("user:bob", "not used", True), ("user:alice", "used after all", False)]


@pytest.mark.parametrize("reason", ["x" * 2001, "nul \0 byte"])
def test_a_bad_reason_is_refused_and_nothing_happens(alice, reason):
    team = factories.team(alice)
    with pytest.raises(Invalid, match="not valid"):
        team_delete(actor=alice.actor, team_id=team.id, reason=reason)
    assert not team_get(actor=alice.actor, team_id=team.id).is_deleted
