"""The OpenAPI document: valid, without a warning, and with every route the resolver has."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver

from console import schema
from tests.contracts.document import document as made_document

DOCUMENTED = re.compile(r"^/(api/v1/|teams$|build$|execute$|update_team$|rollback_team$|delete_team$)")
PROBLEM = "application/problem+json"


@pytest.fixture(name="document")
def _document() -> Any:
    return made_document()


def routes(resolver: URLResolver | None = None, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    """Each path the resolver knows, written as OpenAPI writes it, with its view."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path), entry.callback


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_valid_without_errors_or_warnings() -> None:
    out = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    assert "AI Team Builder Agent Service" in out.getvalue()


def test_every_route_is_in_it(document: Any) -> None:
    ours = {path for path, _view in routes() if DOCUMENTED.match(path)}
    assert len(ours) > 20
    assert ours == set(document["paths"])


def test_every_method_is_in_it(document: Any) -> None:
    missing = [
        f"{method} {path}"
        for path, view in routes()
        if DOCUMENTED.match(path)
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view.cls, method) and method not in document["paths"][path]
    ]
    assert missing == []


def test_every_operation_tells_what_can_go_wrong(document: Any) -> None:
    for name, operation in operations(document):
        answers = operation["responses"]
        assert {"401", "403", "500"} <= set(answers), name
        if "{" in name:
            assert "404" in answers, name
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= set(answers), name
        problems = [answer for status, answer in answers.items() if status >= "400"]
        assert all(set(answer["content"]) == {PROBLEM} for answer in problems), name


def test_every_operation_has_an_example(document: Any) -> None:
    for name, operation in operations(document):
        answers = [answer for status, answer in operation["responses"].items() if status < "300"]
        contents = [content for answer in answers for content in answer.get("content", {}).values()]
        assert contents, name
        assert all("examples" in content for content in contents), name
        bodies = operation.get("requestBody", {}).get("content", {}).values()
        assert all("examples" in body for body in bodies), name


def test_every_operation_says_what_it_does(document: Any) -> None:
    assert [name for name, operation in operations(document) if not operation.get("description")] == []


def test_title_and_version(document: Any) -> None:
    assert document["info"]["title"] == "AI Team Builder Agent Service"
    assert document["openapi"].startswith("3.1")


def test_the_config_is_documented_field_by_field(document: Any) -> None:
    config = document["components"]["schemas"]["TeamSpec"]
    assert "agent_team_main_goal" in config["required"]
    assert "max_turns" in config["properties"]


@pytest.mark.django_db
def test_served_to_anybody(client: Any) -> None:
    answer = client.get("/api/schema/")
    assert answer.status_code == 200
    assert b"/api/v1/teams/{team_id}" in answer.content


@pytest.mark.django_db
def test_served_in_either_form_and_made_once(client: Any, document: Any) -> None:
    form = "application/vnd.oai.openapi+json"
    served = client.get("/api/schema/", headers={"Accept": form})
    assert served["Content-Type"] == form
    assert served.json()["paths"].keys() == document["paths"].keys()
    assert client.get("/api/schema/")["Content-Type"] == "application/vnd.oai.openapi"
    made = schema._written.cache_info().misses
    for _ in range(3):
        client.get("/api/schema/", headers={"Accept": form})
        client.get("/api/schema/")
    assert schema._written.cache_info().misses == made
