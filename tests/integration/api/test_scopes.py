"""A key may do what its scopes say; a missing one is a 403 that names it, and nothing is stored."""

from typing import Any

import pytest

from teams.access import SCOPES
from teams.models import ApiKey, Team
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

CONFIG = factories.config()
NEEDED = [
    ("get", "/api/v1/teams", None, "teams:read"),
    ("post", "/api/v1/teams", {"config": CONFIG}, "teams:write"),
    ("post", "/api/v1/teams/validate", {"config": CONFIG}, "teams:read"),
    ("get", "/api/v1/teams/{id}", None, "teams:read"),
    ("put", "/api/v1/teams/{id}", {"config": CONFIG}, "teams:write"),
    ("patch", "/api/v1/teams/{id}", {"name": "Mine"}, "teams:write"),
    ("delete", "/api/v1/teams/{id}", None, "teams:write"),
    ("post", "/api/v1/teams/{id}/restore", None, "teams:write"),
    ("post", "/api/v1/teams/{id}/rollback", {"target_version": 1}, "teams:write"),
    ("get", "/api/v1/teams/{id}/versions", None, "teams:read"),
    ("get", "/api/v1/teams/{id}/versions/1", None, "teams:read"),
    ("get", "/api/v1/teams/{id}/versions/compare?a=1&b=1", None, "teams:read"),
    ("get", "/api/v1/api-keys", None, "keys:write"),
    ("post", "/api/v1/api-keys", {"name": "x", "scopes": ["teams:read"]}, "keys:write"),
    ("get", "/api/v1/members", None, "members:write"),
    ("post", "/api/v1/members", {"username": "bob", "role": "viewer"}, "members:write"),
    ("get", "/api/v1/audit", None, "audit:read"),
    ("post", "/teams", CONFIG, "teams:write"),
    ("post", "/build", CONFIG, "teams:write"),
    ("post", "/update_team?team_id={id}", CONFIG, "teams:write"),
    ("post", "/rollback_team?team_id={id}&target_version=1", None, "teams:write"),
    ("delete", "/delete_team?team_id={id}", None, "teams:write"),
    ("post", "/execute?team_id={id}", None, "executions:run"),
]


@pytest.mark.parametrize(("method", "url", "body", "scope"), NEEDED)
def test_every_scope_but_the_needed_one(
    api: Any, alice: Any, bob: Any, method: str, url: str, body: Any, scope: str
) -> None:
    team = factories.team(alice)
    client = api(alice, *(set(SCOPES) - {scope}))
    answer = getattr(client, method)(url.format(id=team.id), body)

    assert answer.status_code == 403
    assert scope in answer.json()["detail"]
    with tenant(alice.tenant.id):
        assert Team.objects.get().version == 1
        assert ApiKey.objects.count() == 1


def test_saving_on_execute_needs_the_right_to_write(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    answer = api(alice, "executions:run").post(f"/execute?team_id={team.id}", CONFIG)
    assert answer.status_code == 403
    assert "teams:write" in answer.json()["detail"]
    with tenant(alice.tenant.id):
        assert Team.objects.get().version == 1


def test_any_key_may_ask_who_it_is(api: Any, alice: Any) -> None:
    body = api(alice, "audit:read").get("/api/v1/me").json()
    assert body["tenant"] == {"id": str(alice.tenant.id), "slug": "acme"}
    assert body["label"].startswith("key:")
    assert body["scopes"] == ["audit:read"]
