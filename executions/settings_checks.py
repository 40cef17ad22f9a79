"""System checks of settings: ATB.E020 CONTEXT_OVERFLOW is neither `cut` nor `summary`, ATB.E021 LOG_FORMAT is neither
`line` nor `json`, ATB.E022 tracing is on without its packages."""

from importlib.util import find_spec
from typing import Any, get_args

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from executions.runspec import Overflow
from teams import logs


@checks.register()
def overflow_is_known(**_: Any) -> list[CheckMessage]:
    """CONTEXT_OVERFLOW says what takes the place of turns a model has no room for."""
    known = get_args(Overflow)
    if settings.CONTEXT_OVERFLOW in known:
        return []
    message = f"CONTEXT_OVERFLOW is {settings.CONTEXT_OVERFLOW!r}, which there is not"
    return [Error(message, hint=f"set it to {' or '.join(known)}", id="ATB.E020")]


@checks.register()
def log_format_is_known(**_: Any) -> list[CheckMessage]:
    """LOG_FORMAT says who reads the logs."""
    if settings.LOG_FORMAT in logs.FORMATS:
        return []
    message = f"LOG_FORMAT is {settings.LOG_FORMAT!r}, which there is not"
    return [Error(message, hint=f"set it to {' or '.join(logs.FORMATS)}", id="ATB.E021")]


@checks.register()
def tracing_can_start(**_: Any) -> list[CheckMessage]:
    """Tracing needs packages that are not installed by default."""
    if not settings.OTEL_ENABLED or _installed("opentelemetry.exporter.otlp.proto.http"):
        return []
    hint = "pip install 'agent-team-builder[otel]', or set OTEL_ENABLED=false"
    return [Error("OTEL_ENABLED is on, but OpenTelemetry is not installed", hint=hint, id="ATB.E022")]


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing already
        return False
