"""Streams of async clients, handed to the threads that wait for them, under a time limit that holds.

A client that is not ours limits each read, not the whole call, and a thread that waits in it cannot be stopped. A
task can: so foreign clients run on one event loop of this process, and a caller that has had enough cancels its task,
which closes the connection.
"""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing
from contextvars import Context
from typing import TypeVar

T = TypeVar("T")

# For clients without an async side: LangChain calls those in threads of the loop's executor.
BLOCKING_THREADS = 128

_lock = threading.Lock()
_running: asyncio.AbstractEventLoop | None = None


def iterate(
    stream: Callable[[], AsyncGenerator[T, None]], deadline: float, translate: Callable[[Exception], Exception]
) -> Generator[T, None, None]:
    """The items of the stream, one by one, in this thread.

    Raises what `translate` makes of an error of the stream, and of a TimeoutError at `deadline` (of
    time.monotonic()). Closing the iterator cancels the stream.
    """
    inbox: queue.SimpleQueue[T | Future[None]] = queue.SimpleQueue()

    async def pump() -> None:
        async with aclosing(stream()) as items:
            async for item in items:
                inbox.put(item)

    # A fresh context: what the caller's graph or tenant scope keeps in there is not the client's.
    future = Context().run(asyncio.run_coroutine_threadsafe, pump(), _loop())
    future.add_done_callback(inbox.put)
    try:
        while True:
            try:
                item = _next(inbox, deadline)
            except TimeoutError as late:
                raise translate(late) from None
            if isinstance(item, Future):
                break
            yield item
        error = future.exception()
        if isinstance(error, Exception):
            raise translate(error) from None
        if error is not None:
            raise error
    finally:
        future.cancel()


def _next(inbox: "queue.SimpleQueue[T]", deadline: float) -> T:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    try:
        return inbox.get(timeout=left)
    except queue.Empty:
        raise TimeoutError from None


def _loop() -> asyncio.AbstractEventLoop:
    global _running  # noqa: PLW0603 - one for the process, made on first use
    with _lock:
        if _running is None:
            _running = asyncio.new_event_loop()
            _running.set_default_executor(ThreadPoolExecutor(BLOCKING_THREADS, "llm-blocking"))
            threading.Thread(target=_running.run_forever, name="llm-loop", daemon=True).start()
        return _running
