"""Changes at the same moment, in real threads: no version number twice, none lost, none out of nothing."""

from collections import Counter

import pytest

from teams.errors import Conflict, NotFound, PreconditionFailed
from teams.models import AuditEntry, Team
from teams.services import (
    Saved,
    team_create,
    team_delete,
    team_get,
    team_restore,
    team_rollback,
    team_update,
    team_upsert,
)
from teams.tenancy import tenant
from tests import factories
from tests.factories import Person
from tests.integration.tenancy.threads import outcome, together

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8


def _versions(who: Person, team: Team) -> list[int]:
    with tenant(who.tenant.id):
        rows = Team.history.filter(id=team.id, makes_version=True).order_by("version")
        return list(rows.values_list("version", flat=True))


def test_updates_at_once_all_get_their_own_version(alice):
    team = factories.team(alice)
    saved = together(
        THREADS,
        lambda n: team_update(actor=alice.actor, team_id=team.id, config=factories.config(f"Role {n}")).team.version,
    )
    assert sorted(saved) == list(range(2, THREADS + 2))
    assert _versions(alice, team) == list(range(1, THREADS + 2))


def test_no_config_is_lost(alice):
    team = factories.team(alice)
    together(THREADS, lambda n: team_update(actor=alice.actor, team_id=team.id, config=factories.config(f"Role {n}")))
    with tenant(alice.tenant.id):
        stored = {row.config["agents"][0]["agent_role"] for row in Team.history.filter(id=team.id, version__gt=1)}
    assert stored == {f"Role {n}" for n in range(THREADS)}


def test_of_updates_that_expect_the_same_version_one_wins(alice):
    team = factories.team(alice)

    def change(number: int) -> Saved | Exception:
        return outcome(
            lambda: team_update(
                actor=alice.actor, team_id=team.id, config=factories.config(f"Role {number}"), expected_version=1
            )
        )

    results = Counter(type(result) for result in together(THREADS, change))
    assert results == {Saved: 1, PreconditionFailed: THREADS - 1}
    assert _versions(alice, team) == [1, 2]


def test_updates_and_rollbacks_at_once_make_no_gap(alice):
    team = factories.team(alice)

    def change(number: int) -> int:
        if number % 2:
            return team_rollback(actor=alice.actor, team_id=team.id, target_version=1).team.version
        return team_update(actor=alice.actor, team_id=team.id, config=factories.config(f"Role {number}")).team.version

    assert sorted(together(THREADS, change)) == list(range(2, THREADS + 2))
    assert team_get(actor=alice.actor, team_id=team.id).version == THREADS + 1


def test_the_team_is_always_its_newest_version(alice):
    team = factories.team(alice)
    together(THREADS, lambda n: team_update(actor=alice.actor, team_id=team.id, config=factories.config(f"Role {n}")))
    with tenant(alice.tenant.id):
        now, newest = Team.objects.get(id=team.id), Team.history.filter(id=team.id).order_by("-version").first()
    assert (now.version, now.config_hash) == (newest.version, newest.config_hash)


def test_of_creations_under_one_id_one_wins(alice, charlie):
    """Over two tenants at that: the losers learn only that the id is taken."""
    wanted = factories.team(alice).id
    with tenant(alice.tenant.id):
        Team.objects.filter(id=wanted).delete()
    people = (alice, charlie)

    def create(number: int) -> Saved | Exception:
        who = people[number % 2].actor
        return outcome(lambda: team_create(actor=who, config=factories.config(), team_id=wanted))

    results = Counter(type(result) for result in together(THREADS, create))
    assert results == {Saved: 1, Conflict: THREADS - 1}


def test_upserts_of_a_new_id_at_once_are_its_versions(alice):
    """One made the team, the others its next versions: nobody is told that the own team's id is taken."""
    wanted = "0b3b42f4-3f5c-4d4e-9a53-6c6f0c5d1a11"
    results = together(
        THREADS,
        lambda n: outcome(lambda: team_upsert(actor=alice.actor, team_id=wanted, config=factories.config(f"Role {n}"))),
    )
    assert [result for result in results if not isinstance(result, Saved)] == []
    assert sorted(result.team.version for result in results) == list(range(1, THREADS + 1))


def test_of_deletions_at_once_one_wins(alice):
    team = factories.team(alice)
    results = together(THREADS, lambda _n: outcome(lambda: team_delete(actor=alice.actor, team_id=team.id)))
    assert Counter(type(result) for result in results) == {Team: 1, NotFound: THREADS - 1}


def test_of_restorations_at_once_one_wins(alice):
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    results = together(THREADS, lambda _n: outcome(lambda: team_restore(actor=alice.actor, team_id=team.id)))
    assert Counter(type(result) for result in results) == {Team: 1, Conflict: THREADS - 1}


def test_an_update_and_a_deletion_at_once_end_in_one_order_or_the_other(alice):
    team = factories.team(alice)

    def change(number: int) -> object:
        if number:
            return outcome(lambda: team_delete(actor=alice.actor, team_id=team.id))
        return outcome(lambda: team_update(actor=alice.actor, team_id=team.id, config=factories.config("Late")))

    updated, deleted = together(2, change)
    assert isinstance(deleted, Team)
    assert isinstance(updated, Saved | NotFound)
    with tenant(alice.tenant.id):
        assert Team.objects.get(id=team.id).is_deleted


def test_every_change_has_its_audit_entry(alice):
    team = factories.team(alice)
    together(THREADS, lambda n: team_update(actor=alice.actor, team_id=team.id, config=factories.config(f"Role {n}")))
    with tenant(alice.tenant.id):
        told = [row.after["version"] for row in AuditEntry.objects.filter(action="team.update")]
    assert sorted(told) == list(range(2, THREADS + 2))
