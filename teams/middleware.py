"""Small HTTP guards, as plain functions in settings.MIDDLEWARE's order."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from teams.problems import UnsupportedMediaType, problem_response, too_large

GetResponse = Callable[[HttpRequest], Any]

_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Unfold's Alpine evaluates the expressions in its own templates and sets styles (docs/decisions/0007). Scripts still
# come from this host alone, and nothing an agent, a tool or a user wrote is ever marked safe.
_ADMIN = _PAGES.replace("script-src 'self'", "script-src 'self' 'unsafe-eval'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)
# Swagger UI writes style attributes into its page; a style cannot run anything.
_DOCS = _PAGES.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


@sync_and_async_middleware
def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Say what each answer may load: JSON nothing, pages their own files. Answers of the API and the
    admin's pages are kept by no cache."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponseBase:
            return _with_policy(request, await get_response(request))

        return answer
    return lambda request: _with_policy(request, get_response(request))


def _with_policy(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Content-Security-Policy", _policy(request.path))
    # A page's own view says so already; an error that Django answers in its place, such as 404, would not.
    if _policy(request.path) in {_NOTHING, _ADMIN}:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _policy(path: str) -> str:
    if path.startswith("/api/docs/"):
        return _DOCS
    if path.startswith("/admin/"):
        return _ADMIN
    return _PAGES if path.startswith("/static/") else _NOTHING


@sync_and_async_middleware
def body_limit(get_response: GetResponse) -> GetResponse:
    """Refuse a body above the limit, or in a form nobody here unpacks, before anything reads it.

    `measured` gives chunked bodies a length to check.
    """
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponseBase:
            return _refusal(request) or await get_response(request)

        return answer
    return lambda request: _refusal(request) or get_response(request)


def _refusal(request: HttpRequest) -> HttpResponseBase | None:
    text = request.META.get("CONTENT_LENGTH") or "0"
    length = int(text) if text.isdecimal() else 0
    if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return problem_response(too_large())
    packed = request.headers.get("Content-Encoding", "identity").strip().lower()
    if length and packed not in {"", "identity"}:
        return problem_response(
            UnsupportedMediaType("Send the body as it is: Content-Encoding is not understood here.")
        )
    return None


Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def measured(app: ASGIApp) -> ASGIApp:
    """An ASGI application that never takes in more of a body than the limit, and that knows the length of each.

    Django reads a whole body to disk before its middleware runs, and what comes without Content-Length (chunked) it
    takes for empty. Here reading ends just above the limit, and the length read is told as a header.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        read = 0

        async def counting() -> Message:
            nonlocal read
            message = await receive()
            while message["type"] == "http.request" and read > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                message = await receive()  # the refused rest: thrown away until the client has its answer
            if message["type"] != "http.request":
                return message
            read += len(message.get("body", b""))
            over = read > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            if over or not message.get("more_body", False):
                _tell_length(scope, read)
            return {"type": "http.request", "body": b"", "more_body": False} if over else message

        await app(scope, counting, send)

    return application


def _tell_length(scope: Scope, length: int) -> None:
    others = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    scope["headers"] = [*others, (b"content-length", str(length).encode())]
