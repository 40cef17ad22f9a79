"""Real threads for tests: started together, each with its own connection, given back at the end."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connections

T = TypeVar("T")


def together(count: int, work: Callable[[int], T]) -> list[T]:
    """Run work(0) ... work(count - 1) at once and return their results in order; the first error is raised here."""
    gate = threading.Barrier(count)

    def one(number: int) -> T:
        gate.wait(20)
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def outcome(work: Callable[[], T]) -> T | Exception:
    """Return what `work` returns or raises, for races in which some are meant to lose."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever was raised is the outcome that the test looks at
        return error


def aside(work: Callable[[], Any]) -> Any:
    """Run `work` in one other thread and return its result."""
    return together(1, lambda _number: work())[0]
