"""Bodies that come in chunks, without a length: read like any other, and refused when they are too large."""

import gzip
import json
import socket
from collections.abc import Iterator, Mapping
from types import MappingProxyType
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


def send(
    web: WebProcess, key: str, chunks: Iterator[bytes], more: Mapping[str, str] = MappingProxyType({})
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **more}
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


def test_chunks_that_are_compressed_are_refused(web: Any, alice: Any) -> None:
    body = gzip.compress(json.dumps({"config": factories.config()}).encode())
    answer = send(web, alice.key(), iter([body[:50], body[50:]]), {"Content-Encoding": "gzip"})
    assert answer.status_code == 415


def test_no_length_and_no_chunks_is_no_body(web: Any, alice: Any) -> None:
    """What httpx cannot send: HTTP says such a request ends with its headers."""
    head = (
        f"POST /api/v1/teams HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {alice.key()}\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", web.port), 10) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"loc":"config"' in answer
