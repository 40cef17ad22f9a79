"""One Redis subscription for a whole web process, handed on to everybody who watches.

Each watcher has a bounded queue of its own, so a slow client loses tokens (the rows hold the whole text) and never
slows the others. Redis may come and go: watchers then read the rows by the clock (executions/follow.py).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import redis.asyncio
from django.conf import settings
from redis import RedisError
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from executions.stream import channel, idle_channel

logger = logging.getLogger(__name__)

HELD_CHARACTERS = 100_000
"""Characters of tokens held for a slow client; what comes beyond is dropped."""

READY_SECONDS = 1.0
"""How long a new watcher waits for Redis to confirm its subscription before it reads the rows without it."""

PING_SECONDS = 10.0
SILENCE_SECONDS = 25.0
"""A connection that has not even answered a ping for so long is given up."""

RECONNECT_SECONDS = (0.2, 0.5, 1.0, 2.0)
"""Waits before connecting again; the last one is repeated."""


@dataclass(frozen=True)
class Token:
    """Words of a model call under way. `at`: characters of the call sent before; 0 means it begins (anew)."""

    key: str
    at: int
    text: str


@dataclass(frozen=True)
class News:
    """The rows have changed; `seq` is the event's number when it is known, else 0."""

    seq: int


class Watcher:
    """What one client has still to be told, in order.

    `settled`: it is known whether Redis hands us what is sent. `missed`: something may have been sent before it did.
    """

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.missed = False
        self._held: deque[Token | News] = deque()
        self._characters = 0
        self._arrived = asyncio.Event()

    def put(self, item: Token | News) -> None:
        """Add something; never waits. What continues the last thing held is put together with it: a busy process
        sends fewer and larger events instead of falling behind."""
        if isinstance(item, Token):
            if self._characters + len(item.text) > HELD_CHARACTERS:
                return
            self._characters += len(item.text)
        together = _together(self._held[-1], item) if self._held else None
        if together is None:
            self._held.append(item)
            self._arrived.set()
        else:
            self._held[-1] = together

    async def next(self, seconds: float) -> Token | News | None:
        """Return the next thing, or None when nothing came for so long."""
        if not self._held:
            self._arrived.clear()
            # Not asyncio.wait_for: before Python 3.12 it swallows a cancellation that meets the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
        if not self._held:
            return None
        item = self._held.popleft()
        if isinstance(item, Token):
            self._characters -= len(item.text)
        return item


def _together(last: Token | News, item: Token | News) -> Token | News | None:
    """One thing that says both, or None."""
    match last, item:
        case News(), News():
            return News(max(last.seq, item.seq) if last.seq and item.seq else 0)
        case Token(), Token() if last.key == item.key and last.at + len(last.text) == item.at:
            return Token(last.key, last.at, last.text + item.text)
    return None


class Hub:
    """The subscription of one event loop. `connected` is False while Redis is away."""

    def __init__(self, url: str, prefix: str) -> None:
        self.connected = False
        self._away = False
        self._url = url
        self._prefix = prefix
        self._watchers: dict[str, set[Watcher]] = {}
        self._confirmed: set[str] = set()
        self._changed: asyncio.Queue[str] = asyncio.Queue()
        self._heard_at = 0.0
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, tenant_id: UUID, execution_id: UUID) -> Iterator[Watcher]:
        """Hand over what is sent about one run. Wait for `ready()` before reading its rows."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._stay_connected(), name="live-hub")
        name, watcher = channel(self._prefix, tenant_id, execution_id), Watcher()
        self._watchers.setdefault(name, set()).add(watcher)
        if self._away:
            self._give_up(watcher)
        else:
            self._changed.put_nowait(name)
        try:
            yield watcher
        finally:
            self._watchers[name].discard(watcher)
            if not self._watchers[name]:
                del self._watchers[name]
            self._changed.put_nowait(name)

    async def ready(self, watcher: Watcher) -> None:
        """Wait until what is sent from now on reaches the watcher, or until it is clear that Redis is away."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                await watcher.settled.wait()
        except TimeoutError:
            watcher.missed = True

    @property
    def watched(self) -> int:
        """How many runs are watched."""
        return len(self._watchers)

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
            except* (RedisError, OSError) as group:
                failures = 1 if self.connected else failures + 1
                if failures == 1:
                    logger.warning("live pages read the rows by the clock while Redis is away: %s", group.exceptions[0])
            finally:
                self.connected = False
            self._away = True
            for watchers in self._watchers.values():
                for watcher in watchers:
                    self._give_up(watcher)
            await asyncio.sleep(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS)) - 1])

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(
            self._url, socket_connect_timeout=2, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        pubsub = client.pubsub()
        try:
            # Without a channel that stays, redis-py stops reading for ever after the last unsubscribe.
            await pubsub.subscribe(idle_channel(self._prefix))
            self._heard_at = time.monotonic()
            self.connected, self._away = True, False
            self._confirmed, self._changed = set(), asyncio.Queue()
            for name in self._watchers:
                self._changed.put_nowait(name)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(pubsub))
                tasks.create_task(self._subscribe(pubsub))
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()

    async def _subscribe(self, pubsub: PubSub) -> None:
        """Bring the subscriptions to what is watched, one channel after the other, and keep the connection alive."""
        subscribed: set[str] = set()
        while True:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    name = await self._changed.get()
            except TimeoutError:
                await self._check(pubsub)
                continue
            if name in self._watchers and name not in subscribed:
                subscribed.add(name)
                await pubsub.subscribe(name)
            elif name in self._watchers and name in self._confirmed:
                self._confirm(name)
            elif name in subscribed and name not in self._watchers:
                subscribed.discard(name)
                self._confirmed.discard(name)
                await pubsub.unsubscribe(name)

    async def _check(self, pubsub: PubSub) -> None:
        if time.monotonic() - self._heard_at > SILENCE_SECONDS:
            raise RedisError("no answer to a ping")
        await pubsub.ping()

    async def _receive(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=None)
            if message is None:
                continue
            self._heard_at = time.monotonic()
            if message["type"] == "message":
                self._hand_on(message["channel"].decode(), message["data"])
            elif message["type"] == "subscribe":
                self._confirm(message["channel"].decode())

    def _hand_on(self, name: str, data: bytes) -> None:
        watchers = self._watchers.get(name)
        if not watchers:
            return
        item = _item(data)
        if item is not None:
            for watcher in watchers:
                watcher.put(item)

    def _confirm(self, name: str) -> None:
        self._confirmed.add(name)
        for watcher in self._watchers.get(name, ()):
            watcher.settled.set()
            if watcher.missed:
                watcher.missed = False
                watcher.put(News(0))

    @staticmethod
    def _give_up(watcher: Watcher) -> None:
        watcher.missed = True
        watcher.settled.set()


def _item(data: bytes) -> Token | News | None:
    """Read a message of executions/stream.py; None for anything else, since Redis may be shared."""
    try:
        message = orjson.loads(data)
        if message["t"] == "token":
            return Token(message["key"], message["at"], message["text"])
        return News(message["seq"]) if message["t"] == "news" else None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Hub]] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop: one in a web process."""
    address = (settings.REDIS_URL, settings.REDIS_PREFIX)
    of_loop = _hubs.setdefault(asyncio.get_running_loop(), {})
    if address not in of_loop:
        of_loop[address] = Hub(*address)
    return of_loop[address]
