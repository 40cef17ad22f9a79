"""A small client of the public HTTP API, as a reader of docs/api.md would write it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3


class Unexpected(Exception):
    """The product answered something else than the demo was promised."""


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: dict[str, Any]


class Client:
    """Requests with one API key against one address."""

    def __init__(self, address: str, api_key: str) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._pool = urllib3.PoolManager(retries=False)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: int = 200,
    ) -> dict[str, Any]:
        """Return the JSON of the answer (empty without any); raise Unexpected for another status."""
        answer = self._pool.request(
            method,
            self._address + path,
            json=body,
            headers={**self._headers, **(headers or {})},
            timeout=urllib3.Timeout(connect=5, read=120),
        )
        if answer.status != expect:
            text = answer.data.decode(errors="replace")[:800]
            raise Unexpected(f"{method} {path} answered {answer.status} instead of {expect}: {text}")
        return dict(answer.json()) if answer.data else {}

    def events(self, path: str) -> Iterator[Event]:
        """Yield server-sent events until the stream ends; raise Unexpected when it does not begin."""
        answer = self._pool.request(
            "GET",
            self._address + path,
            headers={**self._headers, "Accept": "text/event-stream"},
            preload_content=False,
            timeout=urllib3.Timeout(connect=5, read=60),  # keep-alives come far more often
        )
        try:
            if answer.status != 200:
                raise Unexpected(f"GET {path} answered {answer.status}: {answer.read(800)!r}")
            yield from _parse(answer)
        finally:
            answer.close()


def _parse(answer: urllib3.BaseHTTPResponse) -> Iterator[Event]:
    """Cut the stream at its blank lines."""
    fields: dict[str, str] = {}
    rest = b""
    # Up to what is there, so that a token is shown when it comes.
    while piece := answer.read1():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.decode().rstrip("\r").partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif fields:
                if "data" in fields:
                    yield Event(fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"]))
                fields = {}
