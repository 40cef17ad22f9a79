"""A version is a history row with a number: made by create, update and rollback, and by nothing else."""

from typing import Any
from uuid import uuid4

import pytest

from teams.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from teams.models import Team
from teams.services import (
    team_create,
    team_delete,
    team_get,
    team_rename,
    team_restore,
    team_rollback,
    team_update,
    team_upsert,
    team_version,
)
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person

pytestmark = pytest.mark.django_db


def _versions(who: Person, team_id: Any) -> list[int]:
    with tenant(who.tenant.id):
        rows = Team.history.filter(id=team_id, makes_version=True).order_by("history_id")
        return list(rows.values_list("version", flat=True))


def test_a_new_team_is_version_one(alice):
    team = factories.team(alice)
    assert team.version == 1
    assert _versions(alice, team.id) == [1]


def test_each_update_is_the_next_version(alice):
    team = factories.team(alice)
    for wanted in (2, 3):
        saved = team_update(actor=alice.actor, team_id=team.id, config=factories.config("Writer", max_turns=wanted))
        assert saved.team.version == wanted
    assert _versions(alice, team.id) == [1, 2, 3]
    assert team_get(actor=alice.actor, team_id=team.id).config["max_turns"] == 3


def test_each_version_keeps_its_own_config(alice):
    team = factories.team(alice)
    team_update(actor=alice.actor, team_id=team.id, config=factories.config("Solo"))
    first = team_version(actor=alice.actor, team_id=team.id, version=1)
    second = team_version(actor=alice.actor, team_id=team.id, version=2)
    assert [agent["agent_role"] for agent in first.config["agents"]] == ["Writer", "Critic"]
    assert [agent["agent_role"] for agent in second.config["agents"]] == ["Solo"]
    assert first.config_hash != second.config_hash


def test_rename_delete_and_restore_make_no_version(alice):
    team = factories.team(alice)
    team_rename(actor=alice.actor, team_id=team.id, name="New name")
    team_delete(actor=alice.actor, team_id=team.id)
    team_restore(actor=alice.actor, team_id=team.id)
    assert _versions(alice, team.id) == [1]
    assert team_get(actor=alice.actor, team_id=team.id).name == "New name"


def test_a_version_that_is_not_there_is_not_found(alice):
    team = factories.team(alice)
    with pytest.raises(NotFound, match="Version 2 not found"):
        team_version(actor=alice.actor, team_id=team.id, version=2)


def test_an_unchanged_config_is_still_a_version(alice):
    """Saving says "this is what I want now"; the history shows that somebody did."""
    team = factories.team(alice)
    saved = team_update(actor=alice.actor, team_id=team.id, config=team.config)
    assert saved.team.version == 2
    assert saved.team.config_hash == team.config_hash


def test_agents_keep_their_ids_by_role(alice):
    team = factories.team(alice)
    before = {agent["agent_role"]: agent["agent_id"] for agent in team.config["agents"]}
    saved = team_update(actor=alice.actor, team_id=team.id, config=factories.config("Critic", "Writer", "Judge"))
    after = {agent["agent_role"]: agent["agent_id"] for agent in saved.team.config["agents"]}
    assert after.items() >= before.items()
    assert len(set(after.values())) == 3


# --- optimistic locking -----------------------------------------------------------------------------------------------


def test_the_expected_version_lets_the_update_through(alice):
    team = factories.team(alice)
    saved = team_update(actor=alice.actor, team_id=team.id, config=factories.config(), expected_version=1)
    assert saved.team.version == 2


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_another_expected_version_is_refused_and_stores_nothing(alice, expected):
    team = factories.team(alice)
    team_update(actor=alice.actor, team_id=team.id, config=factories.config("Kept"))
    with pytest.raises(PreconditionFailed, match="version 2"):
        team_update(actor=alice.actor, team_id=team.id, config=factories.config("Lost"), expected_version=expected)
    assert _versions(alice, team.id) == [1, 2]
    assert team_get(actor=alice.actor, team_id=team.id).config["agents"][0]["agent_role"] == "Kept"


# --- upsert -----------------------------------------------------------------------------------------------------------


def test_upsert_without_an_id_creates(alice):
    assert team_upsert(actor=alice.actor, team_id=None, config=factories.config()).team.version == 1


def test_upsert_with_a_free_id_creates_under_it(alice):
    wanted = uuid4()
    assert team_upsert(actor=alice.actor, team_id=wanted, config=factories.config()).team.id == wanted


def test_upsert_with_an_own_id_updates(alice):
    team = factories.team(alice)
    saved = team_upsert(actor=alice.actor, team_id=team.id, config=factories.config("Solo"))
    assert (saved.team.id, saved.team.version) == (team.id, 2)


def test_upsert_of_a_deleted_team_is_refused(alice):
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    with pytest.raises(Conflict, match="deleted"):
        team_upsert(actor=alice.actor, team_id=team.id, config=factories.config())


def test_upsert_with_an_id_taken_elsewhere_is_refused_and_changes_nothing(alice, charlie):
    team = factories.team(alice)
    with pytest.raises(Conflict, match="taken"):
        team_upsert(actor=charlie.actor, team_id=team.id, config=factories.config("Stolen"))
    assert team_get(actor=alice.actor, team_id=team.id).config == team.config
    with tenant(charlie.tenant.id):
        assert Team.objects.count() == 0


def test_create_with_an_own_id_in_use_is_refused(alice):
    team = factories.team(alice)
    with pytest.raises(Conflict, match="taken"):
        team_create(actor=alice.actor, config=factories.config(), team_id=team.id)


# --- who may not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda who, team: team_update(actor=who, team_id=team, config=factories.config()),
        lambda who, team: team_rename(actor=who, team_id=team, name="x"),
        lambda who, team: team_rollback(actor=who, team_id=team, target_version=1),
        lambda who, team: team_delete(actor=who, team_id=team),
        lambda who, team: team_restore(actor=who, team_id=team),
        lambda who, team: team_get(actor=who, team_id=team),
        lambda who, team: team_version(actor=who, team_id=team, version=1),
    ],
    ids=["update", "rename", "rollback", "delete", "restore", "get", "version"],
)
def test_a_foreign_team_and_a_missing_one_are_the_same_to_every_service(alice, charlie, change):
    team, missing = factories.team(alice), uuid4()
    texts = []
    for asked in (team.id, missing):
        with pytest.raises(NotFound) as refused:
            change(charlie.actor, asked)
        texts.append(str(refused.value).replace(str(asked), "ID"))
    assert texts[0] == texts[1]


def test_a_viewer_changes_nothing(acme, alice):
    team = factories.team(alice)
    viewer = factories.person("vera", acme, "viewer")
    with pytest.raises(Forbidden, match="teams:write"):
        team_update(actor=viewer.actor, team_id=team.id, config=factories.config())
    assert _versions(alice, team.id) == [1]


def test_a_foreign_tenant_in_the_config_is_refused_like_an_unknown_one(alice, globex):
    texts = []
    for slug in (globex.slug, "nobody"):
        with pytest.raises(Forbidden) as refused:
            team_create(actor=alice.actor, config=factories.config(tenant_id=slug))
        texts.append(str(refused.value))
    assert texts[0] == texts[1]


def test_an_invalid_config_stores_nothing(alice):
    team = factories.team(alice)
    with pytest.raises(Invalid):
        team_update(actor=alice.actor, team_id=team.id, config=factories.config(max_turns=0))
    assert _versions(alice, team.id) == [1]
