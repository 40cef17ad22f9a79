"""HTTP to addresses that agents and tenants name: guarded, one request a connection.

The address is checked where the connection is made: the name is resolved once, every address it has is checked, and
the connection goes to a checked one. A check before the request would be beaten by a name that resolves otherwise the
second time. No redirects, no proxies of the environment, nothing but HTTP, caps on size, time and type of the answer.
"""

import http.client
import re
import socket
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from django.conf import settings
from urllib3 import BaseHTTPResponse
from urllib3 import exceptions as wire
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url, parse_url

from agents.addresses import is_loopback, is_open
from agents.http_limits import READ_BYTES, LimitedResponse, Limits, of_this_thread

CONNECT_S: Final = 10.0
MAX_URL: Final = 8_000
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing on the other side."""

_PORTS: Final = {"http": 80, "https": 443}
_HOST = re.compile(r"(?!.*\.\.)[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?|\[[0-9a-f:.]+\]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_OURS: Final = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Headers that decide how the request is carried, or to whom."""


class OutboundError(Exception):
    """A request that was not made, or got no answer. The text is safe to show."""

    def __init__(self, code: str, message: str, *, retryable: bool = False, effect_unknown: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.effect_unknown = effect_unknown
        """The request was sent, and no answer came."""


@dataclass(frozen=True)
class OutboundAnswer:
    """What the other side said. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    """Part of the body is missing: it was too long, of another type, or broke off."""


@dataclass(frozen=True)
class Target:
    """What a URL names, as it is connected to."""

    scheme: str
    host: str
    port: int
    path: str
    allow_loopback: bool = False

    @property
    def pair(self) -> str:
        """The host with its port."""
        return f"{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """The host, with its port where that is not the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else self.pair


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout_s: float,
    max_bytes: int,
    allow_hosts: Collection[str] | None,
    allow_loopback: bool = False,
    types: Collection[str] | None = None,
    last_look: Callable[[], None] | None = None,
) -> OutboundAnswer:
    """Send one request and return its answer, whatever the status. Raises OutboundError.

    `allow_hosts`: names as `allows` reads them; None: any on the open internet. `types`: what an answer's body may be
    ("application/json", "text/*"); another is not read. Private addresses are reached by OUTBOUND_ALLOW alone.
    `last_look` is called once connected, and may raise to have nothing sent.
    """
    target = replace(target_of(url), allow_loopback=allow_loopback)
    if allow_hosts is not None and not allows(allow_hosts, target.scheme, target.host, target.port):
        raise OutboundError("host_not_allowed", f"{target.pair} is not one of the allowed hosts")
    sent_headers = _checked_headers(method, headers)
    limits = Limits(timeout_s, connect_s=CONNECT_S, read_s=timeout_s)
    of_this_thread.limits = limits
    connection = _connection(target, limits)
    try:
        _connect(connection, limits)
        if last_look:
            last_look()
        response = _asked(connection, method, target, body, sent_headers, limits)
        try:
            return _answer(method, response, max_bytes, types)
        finally:
            response.close()
    finally:
        connection.close()


def allows(hosts: Collection[str], scheme: str, host: str, port: int) -> bool:
    """Whether one of `hosts` covers this one: "api.example.com", "*.example.com" (all below it), each on its scheme's
    own port, or with another ("api.example.com:8443")."""
    for entry in hosts:
        name, port_given = _entry(entry)
        if port != (port_given or _PORTS[scheme]):
            continue
        if host == name or (name.startswith("*.") and host.endswith(name[1:])):
            return True
    return False


def covers(hosts: Collection[str], entry: str) -> bool:
    """Whether an entry allows nothing that `hosts` do not: it is one of them, or lies below a `*.` of the same port."""
    name, port = _entry(entry)
    return any(
        port == other_port and (name == other or (other.startswith("*.") and name.endswith(other[1:])))
        for other, other_port in map(_entry, hosts)
    )


def host_problem(entry: str) -> str:
    """Why this is no entry of a list of allowed hosts; "" when it is one."""
    name, port = _entry(entry)
    if port == 0 or not _HOST.fullmatch(name.removeprefix("*.")) or (name.startswith("*.") and name.count(".") < 2):
        return (
            "must be a host such as api.example.com, *.example.com or api.example.com:8443, without https:// or a path"
        )
    return ""


def _entry(entry: str) -> tuple[str, int | None]:
    """Name and port of an allowed host; port 0: no port at all."""
    name, colon, port = entry.strip().lower().rpartition(":")
    if not colon or entry.endswith("]"):
        return entry.strip().lower(), None
    return name, int(port) if port.isascii() and port.isdecimal() and int(port) < 65_536 else 0


# --- the request ------------------------------------------------------------------------------------------------------


def target_of(url: str) -> Target:
    """Read a URL. Raises OutboundError."""
    if len(url) > MAX_URL or not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        text = f"a URL has at most {MAX_URL} visible ASCII characters: write others as %XX, names of hosts as xn--…"
        raise OutboundError("bad_url", text)
    try:
        read = parse_url(url)
    except wire.LocationParseError as error:
        raise OutboundError("bad_url", "this is not a URL") from error
    scheme = read.scheme or ""
    if scheme not in _PORTS or "://" not in url:
        raise OutboundError("bad_url", "a URL begins with https:// or http://")
    if read.auth is not None:
        raise OutboundError("bad_url", "a URL must not hold a user name or password")
    host = (read.host or "").lower().removesuffix(".")
    if not _HOST.fullmatch(host) or read.port == 0:
        raise OutboundError("bad_url", "the URL's host or port is not valid")
    return Target(scheme, host, read.port or _PORTS[scheme], _path(read))


def _path(url: Url) -> str:
    return f"{url.path or '/'}?{url.query}" if url.query is not None else url.path or "/"


def _checked_headers(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    if method not in METHODS:
        raise OutboundError("bad_request", f"the method must be one of {', '.join(sorted(METHODS))}")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise OutboundError("bad_request", f"the header {ascii(name)[:100]} has characters no header has")
        if name.lower() in _OURS:
            raise OutboundError("bad_request", f"the header {name} is not yours to set")
    return {"User-Agent": "agent-team-builder", **headers, "Accept-Encoding": "identity", "Connection": "close"}


# --- the connection ---------------------------------------------------------------------------------------------------


class _Guarded(HTTPConnection):
    """Connects to a checked address; the name stays what the certificate and the Host header are about."""

    response_class = LimitedResponse
    target: Target

    def _new_conn(self) -> socket.socket:
        return _open_socket(self.target, of_this_thread.limits)


class _GuardedTLS(_Guarded, HTTPSConnection):
    """The same over TLS: `connect` is HTTPSConnection's, around our socket."""


def _connection(target: Target, limits: Limits) -> _Guarded:
    timeout = max(limits.left_s, 0.001)
    host = target.host.strip("[]")
    if target.scheme == "https":
        connection: _Guarded = _GuardedTLS(host, target.port, timeout=timeout, ssl_context=_tls())
    else:
        connection = _Guarded(host, target.port, timeout=timeout)
    connection.target = target
    return connection


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    # Loading the system's certificates costs more than a request.
    return ssl.create_default_context()


def _connect(connection: _Guarded, limits: Limits) -> None:
    try:
        connection.connect()
    except ssl.SSLError as error:
        raise OutboundError("tls_failed", "the encrypted connection failed: is the certificate valid?") from error
    except TimeoutError as error:
        raise OutboundError("timeout", "the host did not take the connection in time", retryable=True) from error
    except (OSError, wire.HTTPError) as error:
        code = "timeout" if limits.left_s <= 0 else "unreachable"
        raise OutboundError(code, "the host cannot be reached", retryable=True) from error


def _open_socket(target: Target, limits: Limits) -> socket.socket:
    failure: OSError = OSError("the name has no address")
    for address in _checked_addresses(target):
        try:
            return _dial(address, target.port, max(min(limits.connect_s, limits.left_s), 0.001))
        except OSError as error:
            failure = error
    raise failure


def _checked_addresses(target: Target) -> list[str]:
    """Every address of the host, when each may be reached."""
    try:
        found = socket.getaddrinfo(target.host.strip("[]"), target.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OutboundError("bad_url", "the URL's host is not valid") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if target.pair in settings.OUTBOUND_ALLOW:
        return addresses
    for address in addresses:
        if not is_open(address) and not (target.allow_loopback and is_loopback(address)):
            text = f"{target.host} is not on the open internet: an operator may allow {target.pair} in OUTBOUND_ALLOW"
            raise OutboundError("address_forbidden", text)
    return addresses


def _dial(address: str, port: int, timeout_s: float) -> socket.socket:
    """Connect to an address, not to a name."""
    sock = socket.create_connection((address, port), timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


# --- the answer -------------------------------------------------------------------------------------------------------


def _asked(
    connection: _Guarded, method: str, target: Target, body: bytes | None, headers: dict[str, str], limits: Limits
) -> BaseHTTPResponse:
    if limits.left_s <= 0:
        raise OutboundError("timeout", "there was no time left to send the request", retryable=True)
    unknown = method not in SAFE
    try:
        connection.sock.settimeout(max(limits.left_s, 0.001))
        connection.request(method, target.path, body=body, headers=headers, preload_content=False, decode_content=False)
        return connection.getresponse()
    except (TimeoutError, wire.TimeoutError) as error:
        text = "the host did not answer in time"
        raise OutboundError("timeout", text, retryable=True, effect_unknown=unknown) from error
    except (OSError, wire.HTTPError, http.client.HTTPException) as error:
        text = "the connection broke before an answer came"
        raise OutboundError("broken", text, retryable=True, effect_unknown=unknown) from error


def _answer(method: str, response: BaseHTTPResponse, max_bytes: int, types: Collection[str] | None) -> OutboundAnswer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if method == "HEAD" or response.status in (204, 304) or headers.get("content-length") == "0":
        return OutboundAnswer(response.status, headers, b"", truncated=False)
    encoded = headers.get("content-encoding", "identity").lower() != "identity"
    if encoded or not is_type(headers.get("content-type", ""), types):
        return OutboundAnswer(response.status, headers, b"", truncated=True)
    body, whole = bytearray(), False
    try:
        while len(body) <= max_bytes:
            data = response.read1(READ_BYTES)
            if not data:
                whole = True
                break
            body += data
    except (OSError, wire.HTTPError, http.client.HTTPException):
        whole = False  # the status is known, and so is what happened; `truncated` tells of the rest
    return OutboundAnswer(response.status, headers, bytes(body[:max_bytes]), truncated=not whole)


def is_type(content_type: str, types: Collection[str] | None) -> bool:
    """Whether a Content-Type is one of `types`, of which "text/*" means all of a kind, "*+json" all written in JSON."""
    if types is None:
        return True
    kind = content_type.partition(";")[0].strip().lower()
    return not {kind, f"{kind.partition('/')[0]}/*", f"*+{kind.rpartition('+')[2]}"}.isdisjoint(types)
