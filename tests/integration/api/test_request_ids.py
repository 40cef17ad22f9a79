"""Every answer names its request, and the lines written for it name request, tenant and actor."""

import asyncio
import json
import logging
import re
from io import StringIO
from typing import Any

import pytest
from django.test import AsyncClient, Client

from teams import logs

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines() -> Any:
    """The log as `LOG_FORMAT=json` writes it."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.Clean())
    handler.setFormatter(logs.Json())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("url", ["/health/live", "/api/v1/me", "/admin/login/", "/nothing"])
def test_every_answer_has_an_id(client: Client, url: str) -> None:
    one, other = (client.get(url)["X-Request-ID"] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32}", one)
    assert one != other


def test_a_request_keeps_the_id_it_brings(client: Client) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": "trace.0123-abc"})["X-Request-ID"] == "trace.0123-abc"


@pytest.mark.parametrize("bad", ["short", "with blank here", "line\\nbreak123", "x" * 129, "ünïcode-id", ""])
def test_an_id_that_could_do_harm_is_replaced(client: Client, bad: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", client.get("/health/live", headers={"X-Request-ID": bad})["X-Request-ID"])


def test_lines_name_request_tenant_and_actor(api: Any, alice: Any, lines: Any) -> None:
    answer = api(alice).get("/api/v1/teams/00000000-0000-4000-8000-000000000000")
    (line,) = [line for line in lines() if line["logger"] == "django.request"]
    assert line["request_id"] == answer["X-Request-ID"]
    assert line["tenant_id"] == str(alice.tenant.id)
    assert line["actor"].startswith("key:")


def test_lines_of_the_admin_name_the_member(client: Client, alice: Any, lines: Any) -> None:
    client.force_login(alice.user)
    client.get("/admin/teams/team/00000000-0000-4000-8000-000000000000/history/")
    found = [line for line in lines() if line["logger"].startswith("django")]
    assert found
    assert all(line["actor"] == f"user:{alice.user.get_username()}" for line in found)


def test_nothing_is_left_for_the_next_in_the_thread(api: Any, alice: Any) -> None:
    api(alice).get("/api/v1/me")
    assert logs.fields_now() == {}


@pytest.mark.django_db(transaction=True)
def test_async_views_have_one_too() -> None:
    answer = asyncio.run(AsyncClient().get("/api/v1/executions/00000000-0000-4000-8000-000000000000/events"))
    assert answer.status_code == 401
    assert answer["X-Request-ID"]
