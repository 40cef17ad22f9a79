"""A lean HTTP client: one keep-alive connection, one request at a time, arrival times taken where the bytes arrive.

Any general client would cost the machine more than the servers that are measured, and would measure itself.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

import httptools
import orjson


class Refused(RuntimeError):
    """The server answered something else than 2xx."""


class Connection(asyncio.Protocol):
    """`async with Connection(address, key) as connection: await connection.ask("GET", "/api/v1/teams")`."""

    def __init__(self, address: str, key: str = "") -> None:
        self._place = urlsplit(address)
        self._head = f"Host: {self._place.netloc}\r\nContent-Type: application/json\r\nAccept: */*\r\n"
        if key:
            self._head += f"Authorization: Bearer {key}\r\n"
        self._answered: asyncio.Future[None] | None = None
        self._body: list[bytes] = []
        self._listener: Callable[[bytes, int], None] | None = None
        self._arrived = 0

    async def __aenter__(self) -> Self:
        host, port = self._place.hostname or "127.0.0.1", self._place.port or 80
        self._transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, host, port)
        self._parser = httptools.HttpResponseParser(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    async def ask(
        self, method: str, path: str, value: Any = None, listener: Callable[[bytes, int], None] | None = None
    ) -> Any:
        """Ask and return the JSON answered. A listener gets the body in pieces instead, each with its time in ns."""
        body = b"" if value is None else orjson.dumps(value)
        self._answered = asyncio.get_running_loop().create_future()
        self._body, self._listener = [], listener
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)
        await self._answered
        answer, status = b"".join(self._body), self._parser.get_status_code()
        if status >= 300:
            raise Refused(f"{method} {path}: {status} {answer[:300]!r}")
        return orjson.loads(answer) if answer else None

    def data_received(self, data: bytes) -> None:
        self._arrived = time.monotonic_ns()
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        if self._listener is not None and self._parser.get_status_code() < 300:
            self._listener(data, self._arrived)
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionError("the server closed the connection"))
