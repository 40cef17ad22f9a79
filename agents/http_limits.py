"""Hard time limits for one HTTP call.

urllib3 limits the wait for each read, not the whole call: a server that sends one byte a second would hold a thread
for ever. So the response reads through `_LimitedReader`, which gives every read of the socket only what is left of
the call's total, headers included.
"""

import http.client
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

READ_BYTES = 65_536


class Limits:
    """Time limits of one call in seconds: to connect, between two reads, and in total."""

    def __init__(self, total_s: float, *, connect_s: float, read_s: float) -> None:
        self.deadline = time.monotonic() + total_s
        self.connect_s = connect_s
        self.read_s = read_s
        self.kept_connection = False  # whether the request went out on a connection kept from an earlier call

    @property
    def left_s(self) -> float:
        return self.deadline - time.monotonic()

    def shorten(self, left_s: float) -> None:
        """From now on wait at most so long."""
        self.deadline = min(self.deadline, time.monotonic() + left_s)


# The limits of the call this thread is making: http.client builds the response object without arguments of ours.
of_this_thread = threading.local()


@contextmanager
def looking(last_look: Callable[[], None]) -> Iterator[None]:
    """Have calls to models that this thread makes inside call `last_look` when their connection stands, right before
    the request leaves. What it raises goes through, and nothing is sent."""
    of_this_thread.last_look = last_look
    try:
        yield
    finally:
        del of_this_thread.last_look


def look() -> None:
    """What `looking` asked for."""
    last_look: Callable[[], None] | None = getattr(of_this_thread, "last_look", None)
    if last_look is not None:
        last_look()


class _LimitedReader(io.RawIOBase):
    """Reads the socket under the limits of a call."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._limits.left_s
        if left <= 0:
            raise TimeoutError("total time limit")
        self._sock.settimeout(min(self._limits.read_s, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class LimitedResponse(http.client.HTTPResponse):
    """An answer read under the limits that this thread carries."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_LimitedReader(sock, of_this_thread.limits), READ_BYTES)
