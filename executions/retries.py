"""When a run that met a model's error is tried again, and when it has failed. Pure: no clock, no database."""

import random
from typing import Any, Final

from django.conf import settings

from agents.breaker import BreakerOpen
from agents.llm import LLMError

BACKOFF_BASE_SECONDS: Final = 1.0
BACKOFF_CAP_SECONDS: Final = 60.0
SPREAD_SECONDS: Final = 2.0
"""Runs that wait for the same moment come back within so many seconds of it."""


def is_last(error: LLMError, tries: int) -> bool:
    """Whether the same model is not to be asked again for now: a fallback may stand in."""
    lasting = not error.retryable or tries + 1 >= settings.RETRY_MAX_TRIES
    return lasting or isinstance(error, BreakerOpen)


def outcome_after(error: LLMError, tries: int, seconds_left: float | None) -> dict[str, Any]:
    """What becomes of a run: `retry_wait` while trying again can help and there is time for it, else `failed`.

    `tries`: those of this attempt before the error; `seconds_left`: until the run's deadline, None without one. A call
    that an open breaker kept from being made is no try.
    """
    called = not isinstance(error, BreakerOpen)
    made = tries + called
    if not error.retryable or (called and made >= settings.RETRY_MAX_TRIES):
        return {**failed(error.code, str(error)), "tries": made}
    wait = seconds_to_wait(error, made)
    if seconds_left is not None and wait >= seconds_left:
        return {**failed("retry_after_deadline", _too_late(error, wait, seconds_left)), "tries": made}
    return {"status": "retry_wait", "tries": made, "retry_seconds": wait, "error": described(error)}


def seconds_to_wait(error: LLMError, tries: int) -> float:
    """A backoff with full jitter; never less than the provider asks for, and not all at the same moment after it."""
    asked = error.retry_after or 0.0
    if not asked:
        return backoff_seconds(max(1, tries))
    return max(asked + random.uniform(0, SPREAD_SECONDS), backoff_seconds(max(1, tries)))  # noqa: S311


def backoff_seconds(tries: int) -> float:
    """Full jitter: anything up to base * 2^(tries-1), so that runs that failed together do not return together.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/"""
    most = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2 ** min(tries - 1, 30))
    return random.uniform(0, most)  # noqa: S311


def described(error: LLMError) -> dict[str, Any]:
    """A model's error as it is stored."""
    return {"code": error.code, "message": str(error), "retryable": error.retryable}


def failed(code: str, message: str) -> dict[str, Any]:
    """The outcome of a run that has failed."""
    return {"status": "failed", "error": {"code": code, "message": message}}


def _too_late(error: LLMError, wait: float, seconds_left: float) -> str:
    return (
        f"the next try is due in {round(wait)} s, after the run's deadline (in {max(0, round(seconds_left))} s): "
        f"{error} ({error.code})"
    )
