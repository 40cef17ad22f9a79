"""POST /api/v1/teams/validate."""

from typing import Any

import pytest

from teams.models import Team
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/v1/teams/validate"


def test_valid(api: Any, alice: Any) -> None:
    body = api(alice, "teams:read").post(URL, {"config": factories.config("Writer")}).json()
    assert body["valid"] is True
    assert body["config"]["agents"][0]["agent_role"] == "Writer"
    with tenant(alice.tenant.id):
        assert not Team.objects.exists()


def test_additions_are_shown(api: Any, alice: Any) -> None:
    config = factories.config(
        "Writer", agent_team_flow="Writer->Critic", allow_TBA_to_recommend_agents=True, allow_TBA_how_many_more=1
    )
    body = api(alice).post(URL, {"config": config}).json()
    assert [addition["role"] for addition in body["additions"]] == ["Critic"]


def test_not_valid(api: Any, alice: Any) -> None:
    answer = api(alice).post(URL, {"config": factories.config(max_turns=0)})
    assert answer.status_code == 200
    assert answer.json() == {
        "valid": False,
        "errors": [{"loc": "max_turns", "msg": "must be 1 or more; got 0"}],
        "warnings": [],
        "additions": [],
        "config": None,
    }


def test_another_tenant(api: Any, alice: Any, charlie: Any) -> None:
    answer = api(alice).post(URL, {"config": factories.config(tenant_id=charlie.tenant.slug)})
    assert answer.status_code == 403
