"""A client of Server-Sent Events, as small as the form of the stream allows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson


@dataclass(frozen=True)
class Received:
    """One event, with the text of its id."""

    name: str
    data: dict[str, Any]
    id: str | None


@contextmanager
def watching(address: str, headers: dict[str, str], seconds: float = 15.0) -> Iterator[tuple[httpx.Response, Any]]:
    """Open a stream; gives the answer and an iterator of events. Fails when nothing comes for so long."""
    with httpx.Client(timeout=seconds) as client, client.stream("GET", address, headers=headers) as response:
        yield response, events_of(response.iter_lines())


def events_of(lines: Iterator[str]) -> Iterator[Received]:
    """Read the stream's lines as events; comments and `retry` are passed over."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _colon, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Received(fields["event"], orjson.loads(fields["data"]), fields.get("id"))
            fields = {}
        else:
            fields = {}


def everything(address: str, headers: dict[str, str]) -> list[Received]:
    """All events until the stream ends."""
    with watching(address, headers) as (response, events):
        assert response.status_code == 200, response.read()
        return list(events)
