"""Bodies that come in chunks, without a length: read like any other, and refused when they are too large."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import factories
from tests.processes import WebProcess

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(scope="module")
def web() -> Iterator[WebProcess]:
    """A web process for the whole module."""
    with WebProcess() as running:
        yield running


def send(web: WebProcess, key: str, chunks: Iterator[bytes]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return httpx.post(f"{web.address}/api/v1/teams", content=chunks, headers=headers, timeout=30)


def test_read_whole(web: Any, alice: Any) -> None:
    body = json.dumps({"config": factories.config()}).encode()
    answer = send(web, alice.key(), (body[at : at + 20] for at in range(0, len(body), 20)))
    assert answer.status_code == 201
    assert answer.json()["version"] == 1


def test_refused_above_the_limit(web: Any, alice: Any) -> None:
    answer = send(web, alice.key(), (b" " * 100_000 for _ in range(60)))
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
