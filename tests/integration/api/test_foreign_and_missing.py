"""What belongs to another tenant and what does not exist get the same answer, and nothing changes."""

from typing import Any
from uuid import uuid4

import pytest

from teams.keyring import key_create
from teams.models import ApiKey, Membership, Team
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

CONFIG = factories.config()
TEAM_ROUTES = [
    ("get", "/api/v1/teams/{id}", None),
    ("put", "/api/v1/teams/{id}", {"config": CONFIG}),
    ("patch", "/api/v1/teams/{id}", {"name": "Mine"}),
    ("patch", "/api/v1/teams/{id}", {"config": CONFIG}),
    ("delete", "/api/v1/teams/{id}", None),
    ("post", "/api/v1/teams/{id}/restore", None),
    ("post", "/api/v1/teams/{id}/rollback", {"target_version": 1}),
    ("get", "/api/v1/teams/{id}/versions", None),
    ("get", "/api/v1/teams/{id}/versions/1", None),
    ("get", "/api/v1/teams/{id}/versions/compare?a=1&b=1", None),
    ("post", "/api/v1/teams/{id}/execute", {}),
    ("post", "/execute?team_id={id}", None),
    ("post", "/update_team?team_id={id}", CONFIG),
    ("post", "/update_team?team_id={id}", {"max_turns": 0}),
    ("post", "/rollback_team?team_id={id}&target_version=1", None),
    ("delete", "/delete_team?team_id={id}", None),
]


def same_answer(client: Any, method: str, url: str, body: Any, foreign: Any, missing: Any) -> None:
    answers = [getattr(client, method)(url.format(id=one), body) for one in (foreign, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    texts = [
        answer.content.decode().replace(str(one), "ID") for answer, one in zip(answers, (foreign, missing), strict=True)
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("method", "url", "body"), TEAM_ROUTES)
def test_teams(api: Any, alice: Any, charlie: Any, method: str, url: str, body: Any) -> None:
    team = factories.team(alice)
    same_answer(api(charlie), method, url, body, team.id, uuid4())
    with tenant(alice.tenant.id):
        kept = Team.objects.get(id=team.id)
        assert (kept.version, kept.name, kept.is_deleted) == (1, team.name, False)


@pytest.mark.parametrize("what", ["rotate", "revoke"])
def test_keys(api: Any, alice: Any, charlie: Any, what: str) -> None:
    row, _key = key_create(actor=alice.actor, name="CI", scopes=["teams:read"])
    same_answer(api(charlie), "post", f"/api/v1/api-keys/{{id}}/{what}", None, row.id, uuid4())
    with tenant(alice.tenant.id):
        assert ApiKey.objects.get(id=row.id).state == "active"


@pytest.mark.parametrize(("method", "body"), [("get", None), ("patch", {"role": "viewer"}), ("delete", None)])
def test_members(api: Any, alice: Any, bob: Any, charlie: Any, method: str, body: Any) -> None:
    with tenant(alice.tenant.id):
        member = Membership.objects.get(user=bob.user)
    same_answer(api(charlie), method, "/api/v1/members/{id}", body, member.pk, 987654321)
    with tenant(alice.tenant.id):
        assert Membership.objects.get(user=bob.user).role == "operator"


def test_an_upsert_on_an_id_taken_elsewhere(api: Any, alice: Any, charlie: Any) -> None:
    """The one named exception: it cannot be stored, and must not change the other tenant's."""
    team = factories.team(alice)
    answer = api(charlie).post(f"/teams?team_id={team.id}", CONFIG)
    assert answer.status_code == 409
    with tenant(alice.tenant.id):
        assert Team.objects.get(id=team.id).version == 1
    with tenant(charlie.tenant.id):
        assert not Team.objects.exists()


@pytest.mark.parametrize("team_id", ["1", "abc", "6f1e2b1c", "../me", "%00", "6f1e2b1c-6c57-4ad5-9a3a-0f6b3f0f4b7g"])
def test_a_malformed_id(api: Any, alice: Any, team_id: str) -> None:
    answer = api(alice).get(f"/api/v1/teams/{team_id}/versions")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "route"), [("post", "execute"), ("post", "update_team"), ("delete", "delete_team"), ("post", "teams")]
)
@pytest.mark.parametrize("team_id", ["abc", "", "%00", "1"])
def test_a_malformed_id_in_the_old_routes(api: Any, alice: Any, method: str, route: str, team_id: str) -> None:
    answer = getattr(api(alice), method)(f"/{route}?team_id={team_id}", CONFIG)
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == ["team_id"]
    with tenant(alice.tenant.id):
        assert not Team.objects.exists()
