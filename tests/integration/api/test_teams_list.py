"""GET /api/v1/teams."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams.services import team_delete
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/v1/teams"


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def three(owner: Any) -> list[Any]:
    """Teams in the order they were made."""
    return [factories.team(owner, agent_team_main_goal=goal) for goal in ("First goal", "Second goal", "Third goal")]


def test_newest_first(api: Any, alice: Any) -> None:
    three(alice)
    assert names(api(alice).get(URL)) == ["Third goal", "Second goal", "First goal"]


def test_a_row_has_no_config(api: Any, alice: Any) -> None:
    team = factories.team(alice)
    (row,) = api(alice).get(URL).json()["results"]
    assert row["id"] == str(team.id)
    assert row["goal"] == "Name three uses of a brick."
    assert set(row) == {"id", "name", "version", "goal", "created_at", "updated_at", "deleted_at"}


def test_bob_sees_the_same_charlie_nothing(api: Any, alice: Any, bob: Any, charlie: Any) -> None:
    three(alice)
    assert len(names(api(bob).get(URL))) == 3
    assert names(api(charlie).get(URL)) == []


def test_forward_and_back(api: Any, alice: Any) -> None:
    three(alice)
    client = api(alice)
    first = client.get(URL, {"limit": 2})
    second = client.get(first.json()["next"])
    again = client.get(second.json()["previous"])

    assert names(first) == ["Third goal", "Second goal"]
    assert first.json()["previous"] is None
    assert names(second) == ["First goal"]
    assert second.json()["next"] is None
    assert names(again) == names(first)
    assert again.json()["previous"] is None


def test_a_page_stays_right_when_rows_come(api: Any, alice: Any) -> None:
    three(alice)
    first = api(alice).get(URL, {"limit": 1}).json()
    factories.team(alice, agent_team_main_goal="Fourth goal")
    assert names(api(alice).get(first["next"])) == ["Second goal"]


def test_links_keep_the_filters(api: Any, alice: Any) -> None:
    three(alice)
    first = api(alice).get(URL, {"limit": 1, "name": "goal"}).json()
    assert "name=goal" in first["next"]
    assert names(api(alice).get(first["next"])) == ["Second goal"]


def test_by_part_of_the_name(api: Any, alice: Any) -> None:
    three(alice)
    assert names(api(alice).get(URL, {"name": "SECOND"})) == ["Second goal"]


def test_percent_is_no_wildcard(api: Any, alice: Any) -> None:
    three(alice)
    assert names(api(alice).get(URL, {"name": "%"})) == []


def test_by_time(api: Any, alice: Any) -> None:
    _first, second, _third = three(alice)
    moment = second.updated_at.isoformat()
    assert names(api(alice).get(URL, {"updated_after": moment})) == ["Third goal", "Second goal"]
    assert names(api(alice).get(URL, {"updated_before": moment})) == ["First goal"]


def test_any_offset_will_do(api: Any, alice: Any) -> None:
    three(alice)
    assert len(names(api(alice).get(URL, {"updated_after": "1724-09-11T10:28:51+20:33"}))) == 3


def test_deleted_ones_are_listed_for_restoring(api: Any, alice: Any) -> None:
    first, _second, _third = three(alice)
    team_delete(actor=alice.actor, team_id=first.id)
    assert names(api(alice).get(URL)) == ["Third goal", "Second goal"]
    answer = api(alice).get(URL, {"deleted": "true"})
    assert names(answer) == ["First goal"]
    assert answer.json()["results"][0]["deleted_at"]


def test_deleted_ones_need_the_right_to_restore(api: Any, alice: Any) -> None:
    assert api(alice, "teams:read").get(URL, {"deleted": "true"}).status_code == 403


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("cursor=rubbish", "cursor"),
        ("cursor=WzAsIngiLCJ5Il0", "cursor"),
        ("cursor=" + "A" * 600, "cursor"),
        ("deleted=perhaps", "deleted"),
        ("updated_after=0001-01-01T00:00:00%2B23:59", "updated_after"),
        ("updated_after=yesterday", "updated_after"),
        ("updated_after=2026-11-21T09:00:00", "updated_after"),
        ("name=%00", "name"),
        ("name=" + "a" * 300, "name"),
        ("name=a&name=b", "name"),
        ("nmae=a", "nmae"),
    ],
)
def test_a_wrong_query_is_named(api: Any, alice: Any, query: str, loc: str) -> None:
    answer = api(alice).get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]


def test_queries_do_not_grow_with_the_teams(api: Any, alice: Any) -> None:
    client = api(alice)
    factories.team(alice)
    client.get(URL)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(URL)
    three(alice)
    with CaptureQueriesContext(connection) as more:
        client.get(URL)
    assert len(few) == len(more)
