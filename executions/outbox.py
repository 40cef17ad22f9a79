"""Words of all of a process's open streams on their way to Redis: one thread sends what has come meanwhile.

A run's thread that published each word itself would wait for Redis and twice for the interpreter's lock, beside
dozens of others that do the same. Here it only hands the word over. While one round trip is under way the next words
gather, so that a busy process sends fewer and larger messages instead of falling behind.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

Message = tuple[str, dict[str, Any]]
"""A channel and what is said there."""


GATHER_SECONDS = 0.001
"""Rest after each sending: at thousands of words a second this halves the round trips, for half of it on average."""


class Outbox:
    """Hands messages in order to `send`, many at once, from a thread of its own. `send` raises nothing."""

    def __init__(self, send: Callable[[Sequence[Message]], None]) -> None:
        self._send = send
        self._waiting: SimpleQueue[Message | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def put(self, channel: str, message: dict[str, Any]) -> None:
        """Have a message sent; never waits."""
        self._waiting.put((channel, message))
        self._ensure_thread()

    def settle(self, seconds: float) -> None:
        """Wait until what was put before has been sent, at most so long."""
        reached = threading.Event()
        self._waiting.put(reached)
        self._ensure_thread()
        reached.wait(seconds)

    def _ensure_thread(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:  # first use, or a fork: threads do not follow
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="token-outbox", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            with suppress(Empty):
                while True:
                    batch.append(self._waiting.get_nowait())
            messages = [item for item in batch if not isinstance(item, threading.Event)]
            try:
                if messages:
                    self._send(joined(messages))
            finally:
                for item in batch:
                    if isinstance(item, threading.Event):
                        item.set()
            time.sleep(GATHER_SECONDS)


def joined(messages: Sequence[Message]) -> list[Message]:
    """The same with what continues a stream's last message put together with it; each stream stays in order."""
    found: list[Message] = []
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for channel, message in messages:
        before = last.get((channel, message["key"]))
        if before is not None and before["at"] + len(before["text"]) == message["at"]:
            before["text"] += message["text"]
            continue
        last[(channel, message["key"])] = new = dict(message)
        found.append((channel, new))
    return found
