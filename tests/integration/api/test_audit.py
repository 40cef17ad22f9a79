"""GET /api/v1/audit."""

from typing import Any

import pytest

from teams.services import team_delete, team_rename
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/v1/audit"


def actions(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["action"] for row in answer.json()["results"] if row["object_type"] == "team"]


@pytest.fixture
def team(alice: Any) -> Any:
    """A team that was renamed and deleted."""
    made = factories.team(alice)
    team_rename(actor=alice.actor, team_id=made.id, name="Bricks", reason="shorter")
    team_delete(actor=alice.actor, team_id=made.id)
    return made


def test_newest_first_with_what_changed(api: Any, alice: Any, team: Any) -> None:
    answer = api(alice).get(URL)
    assert actions(answer) == ["team.delete", "team.rename", "team.create"]
    entry = next(row for row in answer.json()["results"] if row["action"] == "team.rename")
    assert (entry["before"], entry["after"]) == ({"name": team.name}, {"name": "Bricks"})
    assert (entry["actor"], entry["reason"], entry["object_id"]) == ("user:alice", "shorter", str(team.id))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"action": "team.rename"}, ["team.rename"]),
        ({"actor": "user:bob"}, []),
        ({"object_type": "apikey"}, []),
        ({"after": "2099-01-01T00:00:00Z"}, []),
        ({"before": "2099-01-01T00:00:00Z", "actor": "user:alice"}, ["team.delete", "team.rename", "team.create"]),
    ],
)
def test_filtered(api: Any, alice: Any, team: Any, query: Any, expected: list[str]) -> None:
    assert actions(api(alice).get(URL, query)) == expected


def test_by_object_in_pages(api: Any, alice: Any, team: Any) -> None:
    factories.team(alice)
    first = api(alice).get(URL, {"object_id": str(team.id), "limit": 2})
    assert actions(first) == ["team.delete", "team.rename"]
    assert actions(api(alice).get(first.json()["next"])) == ["team.create"]


def test_charlie_sees_nothing_of_it(api: Any, alice: Any, charlie: Any, team: Any) -> None:
    assert actions(api(charlie).get(URL)) == []
