"""Bodies above the limit are refused before they are read, whatever they say of their length."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from teams.middleware import measured
from teams.models import Team
from teams.tenancy import tenant
from tests import factories

LIMIT = 2_000_000


@pytest.mark.django_db
def test_a_length_above_the_limit(api: Any, alice: Any) -> None:
    body = json.dumps({"config": factories.config(metadata={"a": "x" * LIMIT})})
    answer = api(alice).generic("POST", "/api/v1/teams", body, content_type="application/json")
    assert answer.status_code == 413
    assert answer["Content-Type"] == "application/problem+json"
    assert "2 MB" in answer.json()["detail"]
    assert "import fewer teams at once" in answer.json()["detail"]
    with tenant(alice.tenant.id):
        assert not Team.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("length", ["-5", "many", ""])
def test_a_length_that_is_none(api: Any, alice: Any, length: str) -> None:
    answer = api(alice).post("/api/v1/teams", {"config": {}}, CONTENT_LENGTH=length)
    assert 400 <= answer.status_code < 500


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity"])
@pytest.mark.parametrize("url", ["/api/v1/teams", "/build"])
def test_a_compressed_body_is_not_unpacked(api: Any, alice: Any, url: str, encoding: str) -> None:
    body = gzip.compress(json.dumps(factories.config()).encode())
    answer = api(alice).generic("POST", url, body, "application/json", headers={"Content-Encoding": encoding})
    assert answer.status_code == 415
    assert answer["Content-Type"] == "application/problem+json"
    assert "Content-Encoding" in answer.json()["detail"]


@pytest.mark.django_db
def test_an_encoding_that_is_none(api: Any, alice: Any) -> None:
    body = json.dumps(factories.config())
    headers = {"Content-Encoding": "Identity"}
    assert api(alice).generic("POST", "/build", body, "application/json", headers=headers).status_code == 200


def chunks(*bodies: bytes) -> Iterator[dict[str, Any]]:
    for place, body in enumerate(bodies, start=1):
        yield {"type": "http.request", "body": body, "more_body": place < len(bodies)}


async def received(*bodies: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> tuple[bytes, dict[bytes, bytes]]:
    """What an application behind `measured` gets: the body, and the headers it sees when it has read it."""
    scope: dict[str, Any] = {"type": "http", "headers": list(headers)}
    taken: list[bytes] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            taken.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": scope["headers"]})

    communicator = ApplicationCommunicator(measured(application), scope)
    for message in chunks(*bodies):
        await communicator.send_input(message)
    start = await communicator.receive_output()
    return b"".join(taken), dict(start["headers"])


def test_chunks_are_measured() -> None:
    assert asyncio.run(received(b'{"a":', b"1}")) == (b'{"a":1}', {b"content-length": b"7"})


def test_a_false_length_is_put_right() -> None:
    headers = ((b"content-length", b"3"),)
    assert asyncio.run(received(b'{"a":1}', headers=headers)) == (b'{"a":1}', {b"content-length": b"7"})


def test_reading_ends_above_the_limit() -> None:
    body, headers = asyncio.run(received(b"x" * LIMIT, b"y", b"z" * LIMIT))
    assert len(body) == LIMIT
    assert int(headers[b"content-length"]) > LIMIT
