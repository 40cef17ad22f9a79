"""DELETE /api/v1/teams/{id} and POST /api/v1/teams/{id}/restore."""

from typing import Any

import pytest

from teams.models import AuditEntry, Team
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


def stored(owner: Any, team: Any) -> Team:
    with tenant(owner.tenant.id):
        return Team.objects.get(id=team.id)


def test_deleted_softly(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice).delete(f"/api/v1/teams/{team.id}?reason=obsolete")

    assert answer.status_code == 200
    assert answer.json() == {"team_id": str(team.id), "deleted": True}
    assert stored(alice, team).is_deleted
    assert stored(alice, team).deleted_at is not None
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(object_id=str(team.id), action="team.delete").reason == "obsolete"
        assert Team.history.filter(id=team.id, makes_version=True).count() == 1


def test_the_reason_may_be_in_a_body(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    assert api(alice).delete(f"/api/v1/teams/{team.id}", {"reason": "obsolete"}).status_code == 200
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(object_id=str(team.id), action="team.delete").reason == "obsolete"


def test_a_team_that_moved_meanwhile_is_not_deleted(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    client, url = api(alice), f"/api/v1/teams/{team.id}"
    answer = client.delete(url, headers={"If-Match": '"7"'})
    assert answer.status_code == 412
    assert "the team is at version 1, not 7" in answer.json()["detail"]
    assert not stored(alice, team).is_deleted
    assert client.delete(url, headers={"If-Match": '"1"'}).status_code == 200


def test_gone_from_every_address(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    client, url = api(alice), f"/api/v1/teams/{team.id}"
    client.delete(url)

    answers = [
        client.get(url),
        client.put(url, {"config": factories.config()}),
        client.patch(url, {"name": "Other"}),
        client.post(f"{url}/rollback", {"target_version": 1}),
        client.get(f"{url}/versions"),
        client.get(f"{url}/versions/1"),
        client.get(f"{url}/versions/compare?a=1&b=1"),
        client.post(f"{url}/execute", {}),
        client.delete(url),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)


def test_restored(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    client, url = api(alice), f"/api/v1/teams/{team.id}"
    client.delete(url)
    answer = client.post(f"{url}/restore", {"reason": "mistake"})

    assert answer.status_code == 200
    assert (answer.json()["version"], answer["ETag"]) == (1, '"1"')
    assert not stored(alice, team).is_deleted
    assert client.get(url).status_code == 200


def test_restored_without_a_body(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    client = api(alice)
    client.delete(f"/api/v1/teams/{team.id}")
    assert client.post(f"/api/v1/teams/{team.id}/restore").status_code == 200


def test_restoring_what_is_not_deleted(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    assert api(alice).post(f"/api/v1/teams/{team.id}/restore").status_code == 409


def test_charlie_can_neither(api: Any, alice: Any, charlie: Any) -> None:
    team = factories.team(alice)
    assert api(charlie).delete(f"/api/v1/teams/{team.id}").status_code == 404
    assert not stored(alice, team).is_deleted
    api(alice).delete(f"/api/v1/teams/{team.id}")
    assert api(charlie).post(f"/api/v1/teams/{team.id}/restore").status_code == 404
    assert stored(alice, team).is_deleted
