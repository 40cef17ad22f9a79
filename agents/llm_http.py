"""HTTP to model providers: one shared urllib3 pool, hard time limits, an answer cap, our own errors."""

import ssl
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import urllib3
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from urllib3 import exceptions as wire
from urllib3.connection import HTTPConnection, HTTPSConnection

from agents.http_limits import READ_BYTES, LimitedResponse, Limits, look, of_this_thread
from agents.llm_errors import (
    AnswerTooLarge,
    BadCredentials,
    BadRequest,
    CutStream,
    LLMError,
    ProviderTimeout,
    ProviderUnavailable,
    RequestsForbidden,
)
from agents.provider_entries import Provider, is_loopback

MAX_ANSWER_BYTES = 10_000_000
# Connections kept open for each provider; more threads than that still work, their extra connections are closed.
POOL_CONNECTIONS = 1024
# A closed connection shows within a round trip. Later than that the provider may have worked for us, and been paid.
STALE_WITHIN_S = 1.0
STALE_CONNECTIONS = 5


class _HTTPConnection(HTTPConnection):
    response_class = LimitedResponse
    fresh = False

    def connect(self) -> None:
        super().connect()
        self.fresh = True

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        # Connects, where that is still to be done, only when the headers are sent: after this.
        of_this_thread.limits.kept_connection = self.sock is not None and not self.fresh
        super().putrequest(*args, **kwargs)

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        look()
        super().endheaders(*args, **kwargs)

    def getresponse(self) -> Any:
        self.fresh = False
        return super().getresponse()


class _HTTPSConnection(_HTTPConnection, HTTPSConnection):
    """The same over TLS: `connect` goes on to HTTPSConnection's."""


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


@lru_cache(maxsize=1)
def _pool() -> urllib3.PoolManager:
    # One TLS context for all: loading the system's certificates costs more than a call.
    manager = urllib3.PoolManager(
        num_pools=32, maxsize=POOL_CONNECTIONS, block=False, ssl_context=ssl.create_default_context()
    )
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


def check_allowed(url: str) -> None:
    """Raise RequestsForbidden unless ALLOW_MODEL_REQUESTS lets us call this URL.

    "all" allows every host; anything else, and no settings at all, only literal loopback addresses: a test or a
    script that forgot to say so cannot reach a paid model.
    """
    try:
        allowed = getattr(settings, "ALLOW_MODEL_REQUESTS", "local")
    except ImproperlyConfigured:
        allowed = "local"
    if allowed != "all" and not is_loopback(url):
        raise RequestsForbidden


def sendable_key(provider: Provider) -> str:
    """The provider's key, or BadCredentials for one that would break a header: the error of that would quote it."""
    key = provider.api_key
    if not (key.isascii() and (not key or key.isprintable())):
        raise BadCredentials(f"The API key of provider {provider.name} has characters no key has.")
    return key


def post(url: str, body: bytes, headers: dict[str, str], limits: Limits) -> urllib3.BaseHTTPResponse:
    """Send and return the response as soon as its headers are here; no redirects, no proxies.

    A provider that failed is not asked again here. The one repetition is a connection kept from an earlier call that
    turns out to be closed: llama.cpp's server ends each stream so, without a word in its headers, and the end may
    arrive just after we looked.
    """
    check_allowed(url)
    if limits.left_s <= 0:
        raise ProviderTimeout
    of_this_thread.limits = limits
    for _ in range(STALE_CONNECTIONS):
        sent = time.monotonic()
        try:
            return _sent(url, body, headers, limits)
        except (wire.ProtocolError, wire.SSLError) as error:
            if not (limits.kept_connection and time.monotonic() - sent < STALE_WITHIN_S):
                raise _translated(error) from error
        except wire.HTTPError as error:
            raise _translated(error) from error
    raise ProviderUnavailable("The provider closes its connections without an answer.")


def _sent(url: str, body: bytes, headers: dict[str, str], limits: Limits) -> urllib3.BaseHTTPResponse:
    left = max(limits.left_s, 0.001)
    return _pool().urlopen(
        "POST",
        url,
        body=body,
        headers=headers,
        timeout=urllib3.Timeout(connect=min(limits.connect_s, left), read=min(limits.read_s, left)),
        redirect=False,
        retries=False,
        preload_content=False,
        decode_content=False,
    )


def chunks(response: urllib3.BaseHTTPResponse, cap: int = MAX_ANSWER_BYTES) -> Iterator[bytes]:
    """The body as it comes. Raises AnswerTooLarge beyond `cap` bytes, CutStream when it breaks off."""
    total = 0
    while True:
        try:
            data = response.read1(READ_BYTES)
        except wire.ProtocolError as error:
            raise CutStream from error
        except wire.HTTPError as error:
            raise _translated(error) from error
        if not data:
            return
        total += len(data)
        if total > cap:
            raise AnswerTooLarge(f"The provider's answer is larger than {cap:,} bytes.")
        yield data


def leave(response: urllib3.BaseHTTPResponse) -> None:
    """Done with a response: a connection read to its end is kept for the next call, any other is closed."""
    response.close()
    response.release_conn()


def _translated(error: wire.HTTPError) -> LLMError:
    # A refused connection is a kind of ConnectTimeoutError there, so it is looked at first.
    if isinstance(error, wire.NewConnectionError):
        return ProviderUnavailable("The provider cannot be reached.")
    if isinstance(error, wire.ConnectTimeoutError):
        return ProviderTimeout("The provider does not take the connection in time.")
    if isinstance(error, wire.TimeoutError):
        return ProviderTimeout("The provider did not answer in time.")
    if isinstance(error, wire.LocationValueError):
        return BadRequest("The provider's base URL is not valid.")
    if isinstance(error, wire.SSLError):
        return ProviderUnavailable("The encrypted connection to the provider failed.")
    if isinstance(error, wire.ProtocolError):
        return ProviderUnavailable("The provider closed the connection without an answer.")
    return ProviderUnavailable()
