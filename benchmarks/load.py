"""Load on an HTTP server, by a lean client in this process, which does nothing else meanwhile."""

import asyncio
import time
from typing import Any

import uvloop

from benchmarks.wire import Connection


def submit(address: str, key: str, team_id: str, runs: int, clients: int) -> list[float]:
    """Start so many runs over so many connections; milliseconds of each POST."""
    body = {"team_id": team_id}
    return repeat(address, key, [("POST", "/api/v1/executions", body)] * runs, clients)


def repeat(
    address: str, key: str, requests: list[tuple[str, str, Any]], clients: int = 1, pause: float = 0.0
) -> list[float]:
    """Send the requests in order over so many connections; milliseconds of each."""
    waiting, times = iter(requests), []

    async def client() -> None:
        async with Connection(address, key) as connection:
            for method, path, value in waiting:
                began = time.monotonic()
                await connection.ask(method, path, value)
                times.append((time.monotonic() - began) * 1000)
                await asyncio.sleep(pause)

    async def all_clients() -> None:
        await asyncio.gather(*(client() for _ in range(clients)))

    uvloop.run(all_clients())
    return times


def ask(address: str, key: str, method: str, path: str, value: Any = None) -> Any:
    """One request on a connection of its own; the JSON answered."""

    async def once() -> Any:
        async with Connection(address, key) as connection:
            return await connection.ask(method, path, value)

    return uvloop.run(once())
