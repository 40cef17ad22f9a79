"""Call_Web_API: a request to a host that the tenant allows, with the tenant's credential for it.

The guard is agents/outbound.py's. Only JSON and text are shown; a credential that the other side repeats is not.
"""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from django.conf import settings
from django.db import InterfaceError, OperationalError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from agents.accounts import credential_for
from agents.outbound import OutboundAnswer, OutboundError, Target, allows, covers, host_problem, send, target_of
from agents.tools.declaring import tool
from agents.tools.spec import ByArguments, BySettings, ToolContext, ToolError, ToolResult
from teams.postgresql.outage import once_back
from teams.secrets import SecretError

NAME: Final = "Call_Web_API"
MAX_BYTES: Final = 1_000_000
MAX_BODY: Final = 100_000
SHOWN_TYPES: Final = ("application/json", "*+json", "text/*", "application/xml", "*+xml")
MIN_SECRET: Final = 6
"""Shorter values are not looked for in answers: they would be found everywhere."""

_CREDENTIALS = re.compile(r"auth|cookie|token|secret|credential|passw|api-?key|idempotency", re.IGNORECASE)
"""Names of headers that the server sets."""
_CHARSET = re.compile(r"charset=\"?([\w.-]+)", re.IGNORECASE)

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def _host(entry: str) -> str:
    if problem := host_problem(entry):
        raise ValueError(problem)
    return entry.strip().lower()


def _allowed_too(entry: str, info: ValidationInfo) -> str:
    hosts = info.data.get("allowed_hosts")  # missing when it is wrong itself, which is told instead
    if hosts is not None and not covers(hosts, entry):
        raise ValueError(f"{entry} must be one of allowed_hosts too: add it there, or take it out here")
    return entry


class WebSettings(BaseModel):
    """What a tenant sets for Call_Web_API."""

    model_config = ConfigDict(extra="forbid")

    allowed_hosts: Annotated[list[Annotated[str, AfterValidator(_host)]], Field(max_length=100)] = []
    idempotent_hosts: Annotated[
        list[Annotated[str, AfterValidator(_host), AfterValidator(_allowed_too)]], Field(max_length=100)
    ] = []
    """Those that do a write once, however often it comes with the same Idempotency-Key."""


def _reads(arguments: ByArguments) -> bool:
    return arguments["method"] in ("GET", "HEAD")


def _happens_once(arguments: ByArguments, settings: BySettings) -> bool:
    """Whether the host is one of which the tenant knows that a repeated key does nothing twice."""
    try:
        target = target_of(arguments["url"])
    except OutboundError:
        return False  # nothing is sent; running it tells why
    return allows(settings.get("idempotent_hosts", []), target.scheme, target.host, target.port)


@tool(
    NAME,
    title="Call a web API",
    effects="external",
    timeout_s=30.0,
    needs_approval=lambda arguments: not _reads(arguments),
    keyed=_happens_once,
    reads=_reads,
    settings=WebSettings,
)
def call_web_api(
    context: ToolContext,
    url: Annotated[str, Field(min_length=1, max_length=8_000)],
    method: Method = "GET",
    headers: Annotated[
        dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=2_000)]], Field(max_length=20)
    ] = {},  # noqa: B006 - pydantic copies it
    body: Annotated[str, Field(max_length=MAX_BODY)] | dict[str, Any] | list[Any] | None = None,
) -> ToolResult:
    """Sends one HTTP request to a host that is allowed and returns the answer. Redirects are not followed.

    Args:
        url: The whole address, with https:// and the query; characters other than ASCII written as %XX.
        method: What to do; all but GET and HEAD may have to wait for a person's approval.
        headers: Headers to send. Credentials are added by the server: leave them out.
        body: What to send: an object or a list is sent as JSON, a text as it is.

    Returns:
        The status, the type and the body of the answer where it is JSON or text.
    """
    try:
        target = target_of(url)
        sent = _headers(context, method, headers, body)
        secret = _credential(context, target)
        answer = send(
            method,
            url,
            headers={**_others(sent, secret), **secret},
            body=_bytes(body),
            timeout_s=context.deadline - time.monotonic(),
            max_bytes=MAX_BYTES,
            allow_hosts=_allowed(context),
            types=SHOWN_TYPES,
            last_look=context.last_look,
        )
    except OutboundError as error:
        raise _told(context, error) from error
    return _result(method, target, answer, secret)


def _allowed(context: ToolContext) -> list[str]:
    hosts: list[str] = context.settings.get("allowed_hosts", [])
    if not hosts:
        text = (
            f"{NAME} may call no host yet: an admin lists them as allowed_hosts "
            f"(PATCH /api/v1/tools/{NAME}, or Tools in the admin)"
        )
        raise ToolError("host_not_allowed", text)
    return hosts


def _told(context: ToolContext, error: OutboundError) -> ToolError:
    message = error.message
    if error.code == "host_not_allowed":
        message = f"{message}; allowed are {', '.join(_allowed(context)[:20])}"
    return ToolError(error.code, message, retryable=error.retryable, effect_unknown=error.effect_unknown)


# --- the request ------------------------------------------------------------------------------------------------------


def _headers(context: ToolContext, method: str, given: Mapping[str, str], body: object) -> dict[str, str]:
    for name in given:
        if _CREDENTIALS.search(name):
            text = f"headers.{name[:100]}: the server adds credentials and keys of its own; leave it out"
            raise ToolError("bad_arguments", text)
    sent = {"Accept": "application/json, text/*;q=0.9", **given}
    if body is not None and not any(name.lower() == "content-type" for name in given):
        sent["Content-Type"] = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    if method not in ("GET", "HEAD"):
        # The same for each repetition of this call; hashed, since roles are written in any alphabet.
        sent["Idempotency-Key"] = hashlib.sha256(context.idempotency_key.encode()).hexdigest()
    return sent


def _bytes(body: object) -> bytes | None:
    if body is None:
        return None
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


def _credential(context: ToolContext, target: Target) -> Mapping[str, str]:
    """The headers the tenant signs in with at this host; none where it has no credential for it."""
    _allowed(context)
    try:
        found = _looked_up(context, target)
    except SecretError as error:
        text = f"the credential for {target.place} cannot be read: an admin sets it anew"
        raise ToolError("credential_unreadable", text) from error
    if found and target.scheme != "https" and target.pair not in settings.OUTBOUND_ALLOW:
        raise ToolError("not_encrypted", f"the credential for {target.place} is sent over https:// alone")
    return found or {}


def _looked_up(context: ToolContext, target: Target) -> Mapping[str, str] | None:
    """Nothing has been sent yet, so a database that is away is waited for until the call's time is over."""
    try:
        return once_back(lambda: credential_for(context.tenant_id, NAME, target.place), lambda: context.deadline)
    except (OperationalError, InterfaceError) as error:
        text = f"nothing was sent: the credential for {target.place} could not be looked up in time"
        raise ToolError("database_away", text, retryable=True) from error


def _others(headers: Mapping[str, str], secret: Mapping[str, str]) -> dict[str, str]:
    """The headers that do not stand in for one of the credential's."""
    owned = {name.lower() for name in secret}
    return {name: value for name, value in headers.items() if name.lower() not in owned}


# --- the answer -------------------------------------------------------------------------------------------------------


def _result(method: str, target: Target, answer: OutboundAnswer, secret: Mapping[str, str]) -> ToolResult:
    kind = answer.headers.get("content-type", "")
    lines = [f"HTTP {answer.status}", f"content-type: {kind or 'not said'}"]
    code = "" if answer.status < 300 else "redirect" if answer.status < 400 else "http_error"
    if code == "redirect" and "location" in answer.headers:
        lines.append(f"location: {answer.headers['location']} (not followed)")
    if answer.body:
        lines += ["", _text(answer.body, kind)]
    if answer.truncated:
        lines += ["", "[the rest is missing: it is too long, broke off, or is neither JSON nor text]"]
    display = {"method": method, "host": target.place, "status": answer.status, "bytes": len(answer.body)}
    return ToolResult(_without("\n".join(lines), secret), ok=not code, code=code, display=display)


def _text(body: bytes, kind: str) -> str:
    found = _CHARSET.search(kind)
    try:
        return body.decode(found[1] if found else "utf-8", errors="replace")
    except LookupError:  # a charset that there is not
        return body.decode(errors="replace")


def _without(text: str, secret: Mapping[str, str]) -> str:
    """The text without the credential that was sent, should the other side repeat it."""
    for value in secret.values():
        for part in (value, value.rpartition(" ")[2]):
            if len(part) >= MIN_SECRET:
                text = text.replace(part, "[redacted]")
    return text
