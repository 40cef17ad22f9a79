"""Runs carried by hand, as a worker would, so that a test decides when what happens; and a Redis of the test's own."""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from config.embedded import redis
from config.embedded.ports import any_free
from config.embedded.process import Child
from executions import engine, stream
from executions.follow import Event, follow
from executions.services import execution_start
from tests import factories
from tests.factories import Person


class LiveRun:
    """A run of one of the person's teams; `news=False` loses the message that would tell of the event."""

    def __init__(self, who: Person, **changes: Any) -> None:
        self.tenant: UUID = who.tenant.id
        self.id: UUID = execution_start(actor=who.actor, team_id=factories.team(who, **changes).id).execution.id
        self.fence = 0

    def claim(self) -> Self:
        """Take it, as a worker's thread does."""
        (claimed,) = engine.claim("by-hand")
        assert claimed.execution_id == self.id
        self.fence = claimed.fence
        return self

    def record(self, key: str, text: str = "said", *, news: bool = True, **step: Any) -> int:
        """Record an answered model call; return the event's number."""
        step = {
            "key": key, "kind": "llm", "state": "done", "role": "Writer", "round": 1, "turn": 1,
            "result": {"text": "not for people"}, "display": {"name": "Writer", "message": text},
            "request": {"model": "not for people"}, "tokens_in": 5, "tokens_out": 3, "cost": "0.00000150",
            "cost_known": True, "ms": 7, **step,
        }  # fmt: skip
        recorded = engine.record(self.tenant, self.id, self.fence, step)
        assert recorded is not None
        return self._tell(recorded.event_seq, news)

    def finish(self, status: str = "succeeded", *, news: bool = True, **outcome: Any) -> int:
        """Write how it ended; return the event's number."""
        shown = {"final_answer": "42"} if status == "succeeded" else None
        event = engine.finish(
            self.tenant, self.id, self.fence, {"status": status, "result": shown, "display": shown, **outcome}
        )
        assert event is not None
        return self._tell(event, news)

    def say(self, key: str, *words: str) -> None:
        """Send words as a model's call does."""
        with stream.TokenStream(self.tenant, self.id, key) as tokens:
            for word in words:
                tokens.write(word)

    def _tell(self, event: int, news: bool) -> int:
        if news:
            stream.publish_news(self.tenant, self.id, event)
        return event

    async def events(self, last: int = 0, *, enough: Callable[[Event], bool] | None = None) -> list[Event]:
        """Follow until the end, or until an event is enough."""
        found = []
        followed = follow(self.tenant, self.id, last)
        async for event in followed:
            found.append(event)
            if enough is not None and enough(event):
                break
        await followed.aclose()
        return found


def names(events: list[Event]) -> list[str]:
    """The events in short: `step r1/Writer/llm0`, `status running`, `token he`, `end succeeded`."""
    short = {"step": "key", "status": "status", "token": "text", "end": "status"}
    return [f"{event.name} {event.data.get(short.get(event.name, ''), '')}".strip() for event in events]


def in_thread(function: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
    """Run something that waits on the database or on Redis beside the event loop."""
    return asyncio.get_running_loop().run_in_executor(None, function, *args)


class OwnRedis:
    """A Redis server that only this test uses, so that it may be stopped and started."""

    def __init__(self, folder: Path) -> None:
        port, password = any_free(), secrets.token_urlsafe(12)
        self.url = redis.url(password, port)
        self._child = Child(redis.program(folder, port, password, folder / "redis.log"), folder / "redis.pid")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._child.start()
        deadline = time.monotonic() + 10
        while not redis.answers(self.url):
            assert time.monotonic() < deadline, self._child.log_tail()
            assert self._child.pid is not None, self._child.log_tail()
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, as a crash would."""
        self._child.kill()


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """A running Redis of the test's own."""
    with tempfile.TemporaryDirectory(prefix="atb-redis-") as folder:
        server = OwnRedis(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
