"""System check of this app's settings: ATB.E020 CONTEXT_OVERFLOW is neither `cut` nor `summary`."""

from typing import Any, get_args

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from executions.runspec import Overflow


@checks.register()
def overflow_is_known(**_: Any) -> list[CheckMessage]:
    """CONTEXT_OVERFLOW says what takes the place of turns a model has no room for."""
    known = get_args(Overflow)
    if settings.CONTEXT_OVERFLOW in known:
        return []
    message = f"CONTEXT_OVERFLOW is {settings.CONTEXT_OVERFLOW!r}, which there is not"
    return [Error(message, hint=f"set it to {' or '.join(known)}", id="ATB.E020")]
