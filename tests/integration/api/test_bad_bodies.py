"""Bodies that cannot be read: refused with line and column, or with the place."""

from typing import Any

import pytest

from teams.models import Team
from teams.tenancy import tenant

pytestmark = pytest.mark.django_db


def post(client: Any, raw: bytes, url: str = "/api/v1/teams", content_type: str = "application/json") -> Any:
    return client.generic("POST", url, raw, content_type=content_type)


@pytest.mark.parametrize(
    ("raw", "loc", "msg"),
    [
        (b"   ", "", "is empty"),
        (b"{", "", "line 1, column 2"),
        (b'{"config": {},\n  "name": }', "", "line 2, column 11"),
        (b"{'config': {}}", "", "line 1, column 2"),
        (b'{"name": "a\0b"}', "", "line 1, column 12: invalid control character"),
        (b'{"config": {}} {}', "", "line 1, column 16"),
        (b'{"config": {"a": 1, "a": 2}}', "a", "is given twice"),
        (b'{"name": "a", "name": "b"}', "name", "is given twice"),
        (b'{"config": {"max_turns": NaN}}', "max_turns", "NaN and Infinity are not JSON"),
        (b'{"config": {"max_turns": -Infinity}}', "max_turns", "NaN and Infinity are not JSON"),
        (b'{"config": {"max_turns": 1e999}}', "max_turns", "NaN and Infinity are not JSON"),
        (b'{"config": {"max_turns": ' + b"9" * 5000 + b"}}", "max_turns", "too large a number"),
        (b'{"name": "a\\u0000b"}', "name", "NUL"),
        (b'{"config": {"agents": [{"agent_role": "\\ud800"}]}}', "agents.0.agent_role", "surrogate"),
        (b'{"na\\u0000me": "b"}', "na\\x00me", "NUL"),
        (b'{"name": "\xff"}', "", "not UTF-8"),
        ('{"name": "ü"}'.encode("latin-1"), "", "not UTF-8"),
        ('{"name": "a"}'.encode("utf-16"), "", "not UTF-8"),
        (b"[" * 100_000, "", "nested too deeply"),
        (b'{"config":' * 60 + b"1" + b"}" * 60, None, "nested too deeply"),
    ],
)
def test_refused(api: Any, alice: Any, raw: bytes, loc: str | None, msg: str) -> None:
    answer = post(api(alice), raw)

    assert answer.status_code == 400
    error = answer.json()["errors"][0]
    assert msg in error["msg"]
    assert loc is None or error["loc"] == loc
    with tenant(alice.tenant.id):
        assert not Team.objects.exists()


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"5", b"null", b"true"])
def test_json_that_is_no_object(api: Any, alice: Any, raw: bytes) -> None:
    answer = post(api(alice), raw)
    assert answer.status_code == 400
    assert "must be an object in { }" in answer.json()["errors"][0]["msg"]


def test_an_unknown_field_with_a_hint(api: Any, alice: Any) -> None:
    answer = api(alice).post("/api/v1/teams", {"confg": {}})
    assert {error["loc"]: error["msg"] for error in answer.json()["errors"]} == {
        "config": "is required: add it",
        "confg": 'is not a known field: did you mean "config"?',
    }


def test_a_config_that_is_sent_bare(api: Any, alice: Any) -> None:
    answer = api(alice).post("/api/v1/teams", {"agent_team_main_goal": "x"})
    assert answer.status_code == 400
    assert {error["loc"]: error["msg"] for error in answer.json()["errors"]} == {
        "config": "is required: add it",
        "agent_team_main_goal": 'is a field of the config: send it inside, {"config": { … }}',
    }


def test_a_byte_order_mark_is_passed_over(api: Any, alice: Any) -> None:
    raw = b'\xef\xbb\xbf{"config": {"agent_team_main_goal": "x"}}'
    assert post(api(alice), raw).status_code == 201


@pytest.mark.parametrize(("field", "value"), [("name", 5), ("name", ["a"]), ("reason", 5), ("name", "a\nb")])
def test_a_field_of_the_wrong_type(api: Any, alice: Any, field: str, value: Any) -> None:
    body = {"config": {"agent_team_main_goal": "x"}, field: value}
    answer = api(alice).post("/api/v1/teams", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == field


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
)
def test_anything_but_json(api: Any, alice: Any, content_type: str) -> None:
    answer = post(api(alice), b"config=x", content_type=content_type)
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"]


def test_the_old_routes_tell_it_in_their_words(api: Any, alice: Any) -> None:
    answer = post(api(alice), b'{"agents": }', url="/build")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid configuration: ")
    assert "line 1, column 12" in answer.json()["detail"]
