"""Rolling back stores an old version's config as a new version; nothing of the history goes away."""

from typing import Any

import pytest

from teams.errors import NotFound
from teams.models import Team
from teams.services import team_delete, team_get, team_rollback, team_update, team_version
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(alice: Any) -> Team:
    """A team with three versions, of the roles One, Two and Three."""
    made: Team = factories.team(alice, "One")
    for role in ("Two", "Three"):
        team_update(actor=alice.actor, team_id=made.id, config=factories.config(role))
    return made


def _roles(config: dict[str, Any]) -> list[str]:
    return [agent["agent_role"] for agent in config["agents"]]


def test_the_old_config_is_the_newest_version(alice, team):
    saved = team_rollback(actor=alice.actor, team_id=team.id, target_version=1)
    assert saved.team.version == 4
    assert _roles(saved.team.config) == ["One"]
    assert _roles(team_get(actor=alice.actor, team_id=team.id).config) == ["One"]


def test_the_config_is_the_same_to_the_letter(alice, team):
    first = team_version(actor=alice.actor, team_id=team.id, version=1)
    saved = team_rollback(actor=alice.actor, team_id=team.id, target_version=1)
    assert saved.team.config == first.config
    assert saved.team.config_hash == first.config_hash


def test_the_history_grows_and_keeps_every_version(alice, team):
    team_rollback(actor=alice.actor, team_id=team.id, target_version=1)
    with tenant(alice.tenant.id):
        rows = Team.history.filter(id=team.id, makes_version=True).order_by("version")
        assert [(row.version, _roles(row.config)) for row in rows] == [
            (1, ["One"]),
            (2, ["Two"]),
            (3, ["Three"]),
            (4, ["One"]),
        ]


def test_the_reason_says_what_was_rolled_back(alice, team):
    team_rollback(actor=alice.actor, team_id=team.id, target_version=2)
    newest = team_version(actor=alice.actor, team_id=team.id, version=4)
    assert newest.history_change_reason == "rolled back to version 2"


def test_a_given_reason_is_kept(alice, team):
    team_rollback(actor=alice.actor, team_id=team.id, target_version=2, reason="three was rude")
    assert team_version(actor=alice.actor, team_id=team.id, version=4).history_change_reason == "three was rude"


def test_rolling_back_again_goes_on_counting(alice, team):
    team_rollback(actor=alice.actor, team_id=team.id, target_version=1)
    saved = team_rollback(actor=alice.actor, team_id=team.id, target_version=3)
    assert (saved.team.version, _roles(saved.team.config)) == (5, ["Three"])


def test_to_the_present_version_is_a_version_too(alice, team):
    assert team_rollback(actor=alice.actor, team_id=team.id, target_version=3).team.version == 4


@pytest.mark.parametrize("version", [0, -1, 4, 2**31, 2**63])
def test_a_version_that_is_not_there_is_not_found_and_stores_nothing(alice, team, version):
    with pytest.raises(NotFound, match=f"Version {version} not found"):
        team_rollback(actor=alice.actor, team_id=team.id, target_version=version)
    assert team_get(actor=alice.actor, team_id=team.id).version == 3


def test_a_deleted_team_is_not_rolled_back(alice, team):
    team_delete(actor=alice.actor, team_id=team.id)
    with pytest.raises(NotFound):
        team_rollback(actor=alice.actor, team_id=team.id, target_version=1)


def test_a_tenant_that_was_renamed_can_still_roll_back(alice, team, acme):
    """Old versions name the old slug; that is the tenant's own and no other's."""
    acme.slug = "acme-renamed"
    acme.save()
    renamed = factories.Person(alice.user, acme, alice.role)
    saved = team_rollback(actor=renamed.actor, team_id=team.id, target_version=1)
    assert saved.team.config["tenant_id"] == "acme-renamed"
