"""Waiting for PostgreSQL to come back, where giving up would lose more than time."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError

RECONNECT_SECONDS = 0.5

T = TypeVar("T")


def once_back(ask: Callable[[], T], until: Callable[[], float]) -> T:
    """Ask again and again while PostgreSQL is away; raise its error when the next try would come after `until()`, a
    moment of time.monotonic() that may move meanwhile."""
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            if time.monotonic() + RECONNECT_SECONDS > until():
                raise
            time.sleep(RECONNECT_SECONDS)
