"""System checks of settings: ATB.E020 CONTEXT_OVERFLOW is neither `cut` nor `summary`, ATB.E021 LOG_FORMAT is neither
`line` nor `json`, ATB.E022 tracing is on without its packages, ATB.E023 a heartbeat too slow for the leases."""

from importlib.util import find_spec
from typing import Any, get_args

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from executions.life import SILENT
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


@checks.register()
def leases_are_renewed_in_time(**_: Any) -> list[CheckMessage]:
    """A worker that reports too seldom loses runs that it carries, and is taken for dead: nobody is rung for it."""
    most = min(settings.LEASE_SECONDS, SILENT.total_seconds()) / 2
    if 0 < settings.HEARTBEAT_SECONDS <= most:
        return []
    message = f"HEARTBEAT_SECONDS is {settings.HEARTBEAT_SECONDS:g} with LEASE_SECONDS {settings.LEASE_SECONDS:g}"
    hint = (
        "set HEARTBEAT_SECONDS above 0, and to at most half of LEASE_SECONDS "
        f"and {SILENT.total_seconds() / 2:g}: one report may be late or lost"
    )
    return [Error(message, hint=hint, id="ATB.E023")]


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing already
        return False
