"""GET /api/v1/teams/{id}."""

from typing import Any

import pytest
from django.db import connection

from teams.services import team_delete
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


def test_detail_and_etag(api: Any, alice: Any) -> None:
    team = factories.team(alice, "Writer", "Critic", agent_team_flow="Critic -> Writer")
    answer = api(alice).get(f"/api/v1/teams/{team.id}")

    assert answer.status_code == 200
    assert answer["ETag"] == '"1"'
    body = answer.json()
    assert body["flow"] == ["Critic", "Writer"]
    assert body["agents"][0] == {"name": "Writer", "role": "Writer", "personality": "", "model": None, "tools": []}
    assert body["config"] == team.config
    assert body["config_hash"] == team.config_hash


def test_the_id_may_be_in_capitals(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    assert api(alice).get(f"/api/v1/teams/{str(team.id).upper()}").status_code == 200


def test_a_deleted_team_is_missing(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    answer = api(alice).get(f"/api/v1/teams/{team.id}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"Team ID {team.id} not found or is deleted"


def test_a_stored_config_that_no_longer_parses(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    with tenant(alice.tenant.id), connection.cursor() as cursor:
        cursor.execute("""UPDATE teams_team SET config = '{"agents": 5}' WHERE id = %s""", [team.id])
    answer = api(alice).get(f"/api/v1/teams/{team.id}")

    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("Stored configuration is invalid: ")
    assert "agents" in [error["loc"] for error in answer.json()["errors"]]
