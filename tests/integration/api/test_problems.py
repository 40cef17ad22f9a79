"""Every error is problem+json in one shape, also where no view is: unknown addresses, a database that is away."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from teams import api as teams_api
from teams.errors import Unavailable

MEMBERS = {"type", "title", "status", "detail", "errors"}


def assert_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == MEMBERS
    assert body["status"] == status
    assert body["type"].startswith("urn:agent-team-builder:problem:")
    return dict(body)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url", ["/api/v1/nothing", "/api/v1/teams/", "/api/v1/teams/42", "/nothing", "/api/v2/teams", "/%00"]
)
def test_an_unknown_address(api: Any, alice: Any, url: str) -> None:
    assert_problem(api(alice).get(url), 404)
    assert_problem(api().get(url), 404)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "fix"),
    [("/api/v1/teams/", "leave out the slash"), ("/build/", "leave out"), ("/api/docs", "write a slash")],
)
def test_a_slash_too_much_or_too_little(api: Any, alice: Any, url: str, fix: str) -> None:
    assert fix in assert_problem(api(alice).get(url), 404)["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "url"), [("delete", "/api/v1/teams"), ("get", "/build"), ("put", "/teams"), ("get", "/teams?team_id=1")]
)
def test_a_method_the_address_does_not_know(api: Any, alice: Any, method: str, url: str) -> None:
    answer = getattr(api(alice), method)(url)
    assert_problem(answer, 405)
    assert "POST" in answer["Allow"]


@pytest.mark.django_db
def test_an_accept_that_nothing_meets(api: Any, alice: Any) -> None:
    assert_problem(api(alice).get("/api/v1/teams", headers={"Accept": "text/csv"}), 406)


@pytest.mark.django_db
def test_a_database_that_is_away(api: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("connection to server at 10.0.0.7 failed: password wrong")

    monkeypatch.setattr(teams_api, "team_get", away)
    answer = api(alice).get("/api/v1/teams/6f1e2b1c-6c57-4ad5-9a3a-0f6b3f0f4b7e")
    assert_problem(answer, 503)
    assert answer["Retry-After"] == "1"
    assert "10.0.0.7" not in answer.content.decode()


@pytest.mark.django_db
def test_an_error_may_say_when_to_come_again(api: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def later(*_: Any, **__: Any) -> None:
        error = Unavailable("not now")
        error.retry_after = 7.2  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr(teams_api, "team_get", later)
    assert api(alice).get("/api/v1/teams/6f1e2b1c-6c57-4ad5-9a3a-0f6b3f0f4b7e")["Retry-After"] == "8"


@pytest.mark.django_db
def test_a_mistake_of_ours_shows_no_trace(api: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret is in this text")

    monkeypatch.setattr(teams_api, "team_get", broken)
    client = api(alice)
    client.raise_request_exception = False
    answer = client.get("/api/v1/teams/6f1e2b1c-6c57-4ad5-9a3a-0f6b3f0f4b7e")
    assert_problem(answer, 500)
    assert "secret" not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


@pytest.mark.django_db
def test_a_host_that_is_not_ours() -> None:
    assert_problem(Client().get("/api/v1/teams", headers={"Host": "evil.example"}), 400)


@pytest.mark.django_db
def test_under_admin_it_is_a_page(client: Client) -> None:
    answer = client.get("/admin/nothing/there/")
    assert "json" not in answer.get("Content-Type", "")


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/api/v1/teams", "/build"])
def test_options_tells_nothing_of_a_view(api: Any, alice: Any, url: str) -> None:
    answer = api(alice).options(url)
    assert_problem(answer, 405)
    assert "OPTIONS" not in answer["Allow"]
