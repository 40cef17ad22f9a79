"""What a worker tells those who watch a run: that there is news in the rows, and a model's words as they come.

Rows are the truth and Redis may be gone, slow or empty: whatever is sent here may be lost, and the page is still built
in full from the rows (executions/follow.py). So a broken Redis is logged once and costs a run nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import orjson
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from executions.outbox import Message, Outbox
from teams.pause import Pause

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.5
"""Longest wait for Redis to connect or to take a message."""

PAUSE_SECONDS = 5.0
"""After a failure nothing is sent for so long, longer each time."""

FEW_STREAMS = 64
"""Up to so many open token streams in this process, tokens are sent at once."""

MANY_STREAMS_MS = 30
"""Least milliseconds between two messages of one stream while more than that are open."""


def channel(prefix: str, tenant_id: UUID, execution_id: UUID) -> str:
    """The channel of one run. The tenant is part of it, so that a wrong id can never meet another tenant's run."""
    return f"{prefix}:live:{tenant_id}:{execution_id}"


def idle_channel(prefix: str) -> str:
    """A channel nobody sends to; a follower stays subscribed to it (see executions/hub.py)."""
    return f"{prefix}:live"


class Publisher:
    """Sends messages to one Redis and never raises for it."""

    def __init__(self, url: str, prefix: str) -> None:
        self.prefix = prefix
        self._client = redis.Redis.from_url(
            url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            # A connection that died with a Redis restart is replaced once; more would add waits to a run.
            retry=Retry(NoBackoff(), 1),
        )
        self._pause = Pause(PAUSE_SECONDS)

    def send(self, to: str, message: dict[str, Any]) -> int:
        """Publish a message, or drop it while Redis is away; returns how many web processes took it."""
        return self._asked(lambda: int(self._client.publish(to, orjson.dumps(message))))

    def send_all(self, messages: Sequence[Message]) -> None:
        """Publish messages in one round trip, or drop them while Redis is away."""

        def publish() -> int:
            with self._client.pipeline(transaction=False) as pipeline:
                for to, message in messages:
                    pipeline.publish(to, orjson.dumps(message))
                return len(pipeline.execute())

        self._asked(publish)

    def _asked(self, ask: Callable[[], int]) -> int:
        """What Redis answers; 0 while it is away."""
        if not self._pause.over():
            return 0
        try:
            answer = ask()
        except redis.RedisError as error:
            if self._pause.begin():
                logger.warning(
                    "live events are not sent while Redis is away (runs go on, pages read the rows): %s", error
                )
            return 0
        if self._pause.end():
            logger.info("live events are sent again")
        return answer


@lru_cache(maxsize=8)
def _publisher(url: str, prefix: str) -> Publisher:
    return Publisher(url, prefix)


def publisher() -> Publisher:
    """This process's publisher; its client is apart from the broker's, so that neither waits for the other."""
    return _publisher(settings.REDIS_URL, settings.REDIS_PREFIX)


@lru_cache(maxsize=8)
def _outbox(sender: Publisher) -> Outbox:
    # Beside the publisher, not in it: a ring of references would leave its sockets to the garbage collector.
    return Outbox(sender.send_all)


def publish_news(tenant_id: UUID, execution_id: UUID, event_seq: int = 0) -> bool:
    """Tell watchers that the run's rows have an event of this number (0: some event). Call after the commit.

    Returns whether anybody watches this run.
    """
    sender = publisher()
    return sender.send(channel(sender.prefix, tenant_id, execution_id), {"t": "news", "seq": event_seq}) > 0


class TokenStream:
    """A model's words on their way to watchers: `with TokenStream(tenant, run, "r1/Critic/llm0") as tokens`.

    `at` in each message is how many characters of this call were sent before it: 0 tells a watcher to begin anew (a
    call that broke off is made again under the same key), and a jump that a message was lost.
    """

    _open = 0
    _open_lock = threading.Lock()

    def __init__(self, tenant_id: UUID, execution_id: UUID, key: str) -> None:
        sender = publisher()
        self._outbox = _outbox(sender)
        self._channel = channel(sender.prefix, tenant_id, execution_id)
        self._key = key
        self._held: list[str] = []
        self._at = 0
        self._sent = 0.0  # time.monotonic()

    def __enter__(self) -> Self:
        with self._open_lock:
            TokenStream._open += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open_lock:
            TokenStream._open -= 1
        self.flush()
        # The step is told right after this: words that came later would be left out.
        self._outbox.settle(TIMEOUT_SECONDS)

    def write(self, text: str) -> None:
        """Send text; with many streams open only now and then, together with what was held back."""
        self._held.append(text)
        if TokenStream._open <= FEW_STREAMS or (time.monotonic() - self._sent) * 1000 >= MANY_STREAMS_MS:
            self.flush()

    def flush(self) -> None:
        """Send what was held back; waits for nothing."""
        text = "".join(self._held)
        if not text:
            return
        self._held.clear()
        message = {"t": "token", "key": self._key, "at": self._at, "text": text}
        self._outbox.put(self._channel, message)
        self._at += len(text)
        self._sent = time.monotonic()
