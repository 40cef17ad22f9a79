"""The outermost middleware: every request has an id, its log lines say so, and it is counted by route and status."""

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from asgiref.sync import iscoroutinefunction
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from prometheus_client import Counter, Histogram

from teams import logs

REQUESTS = Counter("atb_http_requests", "Requests answered", ["route", "method", "status"])
SECONDS = Histogram(
    "atb_http_request_seconds",
    "Until the answer, or for a stream until its beginning",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

HEADER = "X-Request-ID"
NO_ROUTE = "none"
"""Label of requests for addresses there are not, and of static files."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_USABLE = re.compile(r"[A-Za-z0-9._-]{8,128}")

GetResponse = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def observed(get_response: GetResponse) -> GetResponse:
    """A request keeps the id it brings in `X-Request-ID`, when that is usable, else gets one; the answer has it too."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponseBase:
            name, began = _begin(request)
            return _counted(request, await get_response(request), name, began)

        return answer

    def answer_here(request: HttpRequest) -> HttpResponseBase:
        name, began = _begin(request)
        return _counted(request, get_response(request), name, began)

    return answer_here


def _begin(request: HttpRequest) -> tuple[str, float]:
    brought = request.headers.get(HEADER, "")
    name = brought if _USABLE.fullmatch(brought) else uuid4().hex
    # Not undone here: Django logs a refusal after all middleware. `_forget` ends it with the request.
    logs.begin(request_id=name)
    return name, time.monotonic()


def _counted(request: HttpRequest, response: HttpResponseBase, name: str, began: float) -> HttpResponseBase:
    found = request.resolver_match
    route = (found.view_name or found.route) if found else NO_ROUTE
    method = request.method if request.method in _METHODS else "other"
    REQUESTS.labels(route, method, str(response.status_code)).inc()
    SECONDS.labels(route, method).observe(time.monotonic() - began)
    response.headers[HEADER] = name
    return response


def _forget(**_: Any) -> None:
    logs.end()


request_finished.connect(_forget, dispatch_uid="console.observed")
