"""Log lines that say which request or run they are about, and hold no credentials.

    with logs.about(execution_id=run.id):    # every line of this thread (or task) until the end carries it
        logs.learned(tenant_id=tenant.id)    # and this too, from now on

`LOG_FORMAT=line` writes for people, `json` one object a line for machines; the fields are the same: see
docs/operations.md.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from teams.redact import redacted_text

FORMATS = ("line", "json")

# A dict that is added to in place: what an inner thread or task learns, its request's own lines carry as well.
_about: ContextVar[dict[str, str] | None] = ContextVar("log_about", default=None)


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Let all lines inside carry these fields, beside those from outside."""
    token = _about.set({**(_about.get() or {}), **_texts(fields)})
    try:
        yield
    finally:
        _about.reset(token)


def begin(**fields: object) -> None:
    """Forget what this thread or task was about; from now on it is this."""
    _about.set(_texts(fields))


def end() -> None:
    """What this thread or task was about is over."""
    _about.set(None)


def learned(**fields: object) -> None:
    """Add fields to what is being done here; nothing happens where nothing was begun."""
    known = _about.get()
    if known is not None:
        known.update(_texts(fields))


def fields_now() -> dict[str, str]:
    """What the lines written here carry."""
    return dict(_about.get() or {})


def _texts(fields: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


class Clean(logging.Filter):
    """Joins the message, takes credentials out of it and of its trace, and notes what it is about."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; the record is changed, so that every handler that follows gets it clean."""
        secrets = known_secrets()
        record.msg, record.args = redacted_text(_message(record), secrets), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted_text(record.exc_text, secrets)
        record.about = fields_now()
        return True


class NowAndThen(logging.Filter):
    """Lets each text through once in so many seconds, whatever is put into its places."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is long enough since it was told last."""
        now = time.monotonic()
        if now - self._told.get(str(record.msg), -self._seconds) < self._seconds:
            return False
        self._told[str(record.msg)] = now
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a call with the wrong arguments must not end what it tells of
        return f"{record.msg!r} {record.args!r}"


def known_secrets() -> list[str]:
    """The installation's own secrets, in whatever sentence they turn up."""
    providers = (entry.get("api_key", "") for entry in settings.LLM_PROVIDERS.values())
    own = (settings.SECRET_KEY, settings.API_KEY_PEPPER, settings.METRICS_TOKEN)
    return [each for each in (*own, *providers) if isinstance(each, str) and each]


class Line(logging.Formatter):
    """For people: time, level, name, message, and the fields in brackets. A message keeps to its line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it the trace of an error."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        fields = " ".join(f"{name}={value}" for name, value in getattr(record, "about", {}).items())
        line = f"{when} {record.levelname} {record.name}: {message}"
        return "\n".join([f"{line} [{fields}]" if fields else line, *_trace(self, record)])


class Json(logging.Formatter):
    """For machines: one object a line. The fields stand beside `time`, `level`, `logger`, `message`, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """The object as ASCII, so that no byte of it can break a line or a reader."""
        trace = "\n".join(_trace(self, record))
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            "thread": record.threadName,
            **getattr(record, "about", {}),
            **({"exception": trace} if trace else {}),
        }
        return json.dumps(entry, default=str)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    if record.exc_info and not record.exc_text:
        record.exc_text = formatter.formatException(record.exc_info)
    return [text for text in (record.exc_text, record.stack_info) if text]


def configuration(form: str, level: str) -> dict[str, Any]:
    """settings.LOGGING: one handler for all of the process's lines, the servers' own included."""
    ours = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"clean": {"()": Clean}, "now_and_then": {"()": NowAndThen, "seconds": 30.0}},
        "formatters": {"line": {"()": Line}, "json": {"()": Json}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form if form in FORMATS else "line",  # a wrong name is a system check's error
                "filters": ["clean"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # A line for each permit received, each that ended and each call would say nothing a run's own row does not.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            # While PostgreSQL is away each of a pool's connections tells it each second.
            "psycopg.pool": {"filters": ["now_and_then"]},
            "django.server": ours,
            "uvicorn": ours,
            "uvicorn.error": ours,
            "uvicorn.access": ours,
        },
    }
