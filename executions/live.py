"""`GET /api/v1/executions/{id}/events`: a run as Server-Sent Events, for as long as it goes on.

An async view, since hundreds of watchers wait at once and a thread for each would be too many. It holds neither a
thread nor a database connection while it waits. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import logging
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from importlib import import_module
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from executions import follow, metrics
from executions.api_shapes import EVENTS_EXAMPLE, EventsQuery
from executions.engine import give_back
from executions.services import execution_get
from teams import logs, rates
from teams.access import Actor, ApiKeyAuthentication, SessionAuthentication
from teams.api_base import ApiView
from teams.errors import Invalid, Located, TeamBuilderError, Unauthenticated
from teams.problems import MEDIA_TYPE, MethodNotAllowed, as_problem, problem_response
from teams.shapes import Problem

logger = logging.getLogger(__name__)

SCOPE = "executions:read"
RETRY_MS = 2000
"""How long a client waits before it returns; part of the stream's first line."""

KEEP_ALIVE_SECONDS = 15.0
"""After so long without an event a comment is sent, so that proxies do not take the connection for dead."""

RECHECK_SECONDS = 60.0
"""How often the right to watch is checked again: a revoked key ends a stream this much later at most."""

LONGEST_SECONDS = 30 * 60.0
"""After so long the client is asked to come again, so that no stream outlives deployments and proxies for ever."""

_EVENT_ID = re.compile(r"[0-9]{1,18}")

T = TypeVar("T")


class NeedsAsgi(TeamBuilderError):
    """This server cannot stream: it runs under WSGI. Poll `/api/v1/executions/{id}/steps?after=` instead."""

    status = 501
    title = "Not available on this server"
    code = "needs-asgi"


@csrf_exempt  # answered before CSRF could matter: it changes nothing, and a refusal of POST is a problem, not a page
async def events(request: HttpRequest, execution_id: UUID) -> HttpResponseBase:
    """Answer the stream, or a problem before it begins."""
    try:
        if request.method != "GET":
            raise MethodNotAllowed("Only GET is allowed here.")
        if not isinstance(request, ASGIRequest):
            raise NeedsAsgi
        after = _after(request)
        actor = await _in_thread(_admitted, request, execution_id, after, _COUNTED)
    except (TeamBuilderError, APIException, OperationalError, InterfaceError) as error:
        return _refusal(error)
    response = StreamingHttpResponse(
        _body(request, actor, execution_id, after), content_type="text/event-stream; charset=utf-8"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would collect events before it passes them on
    return response


def _refusal(error: Exception) -> HttpResponse:
    problem = as_problem(error) or TeamBuilderError()
    response = problem_response(problem)
    if isinstance(problem, MethodNotAllowed):
        response.headers["Allow"] = "GET"
    return response


def _after(request: HttpRequest) -> int:
    """The last event the client has: the header a returning EventSource sends, else `?after=`. Raises `Invalid`."""
    query = EventsQuery.of(request.GET)
    header = request.headers.get("Last-Event-ID")
    if header is None:
        return query.after
    if _EVENT_ID.fullmatch(header) is None:
        raise Invalid(
            "The request has 1 error.",
            errors=[Located(loc="Last-Event-ID", msg="must be the id of an event of this run: a whole number")],
        )
    return int(header)


async def _body(request: HttpRequest, actor: Actor, execution_id: UUID, after: int) -> AsyncGenerator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MS
    logs.learned(execution_id=execution_id)
    began = checked = time.monotonic()
    metrics.SSE_STREAMS.inc()
    following = follow.follow(actor.tenant_id, execution_id, after, keep_alive=KEEP_ALIVE_SECONDS)
    try:
        async with aclosing(following) as followed:
            async for event in followed:
                yield sse(event)
                if time.monotonic() - began > LONGEST_SECONDS:
                    yield sse(follow.Event("reconnect", {"reason": "longest_time"}))
                    return
                if time.monotonic() - checked > RECHECK_SECONDS:
                    checked = time.monotonic()
                    await _recheck(request, execution_id)
    except (TeamBuilderError, APIException) as error:
        # The key is revoked, the member left, the run is gone: coming again would not help.
        detail = getattr(as_problem(error), "detail", "")
        yield sse(follow.Event("end", {"reason": "access_lost", "detail": detail}))
    finally:
        metrics.SSE_STREAMS.dec()


async def _recheck(request: HttpRequest, execution_id: UUID) -> None:
    try:
        await _in_thread(_admitted, request, execution_id, 0)
    except (OperationalError, InterfaceError) as error:
        logger.warning("the right to watch run %s could not be checked again: %s", execution_id, error)


def sse(event: follow.Event) -> bytes:
    """An event in the stream's own form; an idle one is a comment that keeps proxies from closing the connection."""
    if event.name == "idle":
        return b": keep-alive\n\n"
    place = b"" if event.id is None else b"id: %d\n" % event.id
    return b"%sevent: %s\ndata: %s\n\n" % (place, event.name.encode(), orjson.dumps(event.data, option=_JSON))


_JSON = orjson.OPT_UTC_Z


# --- who may watch ----------------------------------------------------------------------------------------------------


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    def call() -> T:
        try:
            return function(*args)
        finally:
            give_back()  # the thread may rest for long before it is used again

    return await sync_to_async(call, thread_sensitive=False)()


_COUNTED = True


def _admitted(request: HttpRequest, execution_id: UUID, after: int, counted: bool = False) -> Actor:
    """The one who asks, through the doors of the API; `counted` among the requests of the key and the tenant.

    Raises `Unauthenticated`, `TooManyRequests`, `Forbidden`, `NotFound` and `Invalid`.
    """
    asked = Request(_afresh(request), authenticators=(ApiKeyAuthentication(), SessionAuthentication()))
    actor: object = asked.user
    if not isinstance(actor, Actor):
        raise Unauthenticated
    if counted:
        rates.refuse_beyond(rates.spend(actor))
    actor.require(SCOPE)
    run = execution_get(actor=actor, execution_id=execution_id)
    if after > run.event_seq:
        problem = Located(loc="Last-Event-ID", msg=f"is beyond the newest event of this run, {run.event_seq}")
        raise Invalid("The request has 1 error.", errors=[problem])
    return actor


def _afresh(request: HttpRequest) -> HttpRequest:
    """The same request without what it remembers of its session and user: they may have changed since."""
    fresh = HttpRequest()
    fresh.method, fresh.META, fresh.COOKIES = request.method, request.META, request.COOKIES
    store = import_module(settings.SESSION_ENGINE).SessionStore
    fresh.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    fresh.user = get_user(fresh)
    return fresh


# --- OpenAPI ----------------------------------------------------------------------------------------------------------


LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    {"type": "integer", "minimum": 0},
    OpenApiParameter.HEADER,
    description="Id of the last event received; goes before `after`.",
)


class _Documented(ApiView):
    """Never called: what the OpenAPI document and the tests of every address read, since the view is no DRF one."""

    scopes: ClassVar = {"GET": SCOPE}
    queries: ClassVar = {"GET": EventsQuery}

    @extend_schema(
        summary="Watch an execution",
        parameters=[LAST_EVENT_ID],
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                OpenApiTypes.STR, "OK", [OpenApiExample("Example", value=EVENTS_EXAMPLE)]
            ),
            (501, MEDIA_TYPE): OpenApiResponse(Problem, NeedsAsgi.__doc__ or ""),
        },
    )
    def get(self, request: Request, execution_id: UUID) -> None:
        """Watch a run live, as Server-Sent Events.

        `step`: a step was recorded or changed (as in `steps`). `status`: the run's status changed. Both carry an `id`:
        send the last one as `Last-Event-ID` (browsers do so by themselves) to go on without a gap or a repeat.
        `token`: words of a model call under way, `{key, at, text}`; they have no id and may be lost, the step that
        follows holds the whole text; `at` 0 begins the call anew. `end`: nothing more comes; close the stream.
        `reconnect`: come again. Comments keep the connection open.
        """


# What drf-spectacular looks for on a view.
events.cls = _Documented  # type: ignore[attr-defined]
events.initkwargs = {}  # type: ignore[attr-defined]

urlpatterns = [path("executions/<id:execution_id>/events", events, name="execution-events")]
