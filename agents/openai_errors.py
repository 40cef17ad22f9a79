"""Turns what an OpenAI-compatible server says went wrong into our typed errors."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from agents.llm_errors import (
    MESSAGE_CHARS,
    BadCredentials,
    BadRequest,
    ContextTooLong,
    LLMError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
)

MAX_RETRY_AFTER_S = 3600.0

# How OpenAI, vLLM, llama.cpp, Anthropic and gateways in front of others word it.
CONTEXT_WORDS = (
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "context length",
    "context size",
    "context window",
    "prompt is too long",
    "input is too long",
    "exceed context limit",
)


def error_for(status: int, headers: Mapping[str, str], body: bytes, api_key: str) -> LLMError:
    """The typed error for an answer with this status."""
    said, words = _said(body)
    said = shown(said, api_key)
    pause = retry_after(headers.get("Retry-After"))
    about = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in (401, 403):
        return BadCredentials(f"The provider does not accept our credentials (HTTP {status}).")
    if status == 429:
        # No money left is reported as 429 too, and no pause cures it.
        spent = "insufficient_quota" in words
        return RateLimited(about, retry_after=pause, retryable=not spent, code="quota_spent" if spent else None)
    if 400 <= status <= 500 and any(word in words for word in CONTEXT_WORDS):
        return ContextTooLong(about)
    if status in (408, 504):
        return ProviderTimeout(about, retry_after=pause)
    if status >= 500 or status in (409, 425):
        return ProviderUnavailable(about, retry_after=pause)
    if status == 404:
        return BadRequest(about, code="not_found")
    return BadRequest(about)


def error_in(event: Mapping[str, Any], api_key: str) -> LLMError:
    """The typed error for an `error` object that came with status 200 or inside a stream."""
    detail = event["error"]
    code = detail.get("code") if isinstance(detail, dict) else None
    known = isinstance(code, int) and 400 <= code <= 599
    return error_for(code if known and code is not None else 500, {}, orjson.dumps(event), api_key)


def retry_after(value: str | None) -> float | None:
    """Seconds to wait from a Retry-After header (seconds or an HTTP date), at most an hour; None when unreadable."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _said(body: bytes) -> tuple[str, str]:
    """(the sentence to show, all its words in lower case to look for known causes)."""
    text = body.decode("utf-8", "replace")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return text, text.lower()
    if isinstance(value, dict):
        value = value.get("error") or value.get("message") or value.get("detail") or value
    if isinstance(value, dict):
        value = value.get("message") or value
    return str(value), text.lower()


def shown(text: str, api_key: str) -> str:
    """A provider's words as we store and show them: without the key, cut, printable."""
    if api_key:
        text = text.replace(api_key, "***")
    return "".join(char if char.isprintable() else " " for char in text[:MESSAGE_CHARS]).strip()
