"""The one edge where an error becomes an answer: `application/problem+json` (RFC 9457), never HTML, never a trace."""

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

from teams.errors import (
    Forbidden,
    Invalid,
    Located,
    NotFound,
    TeamBuilderError,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"

logger = logging.getLogger(__name__)


class MethodNotAllowed(TeamBuilderError):
    """This address does not answer to that method."""

    status = 405
    title = "Method not allowed"
    code = "method-not-allowed"


class NotAcceptable(TeamBuilderError):
    """Answers are JSON: send `Accept: application/json` or leave the header out."""

    status = 406
    title = "Not acceptable"
    code = "not-acceptable"


class UnsupportedMediaType(TeamBuilderError):
    """Send JSON, with `Content-Type: application/json`."""

    status = 415
    title = "Unsupported media type"
    code = "unsupported-media-type"


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """settings.REST_FRAMEWORK's EXCEPTION_HANDLER: every expected error as a problem.

    An unexpected one is None: Django logs it with its trace and answers through `server_error`.
    """
    found = as_problem(error)
    if found is None:
        return None
    if found.status >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        logger.error("%s answered %s: %s", getattr(context.get("request"), "path", ""), found.status, found.detail)
    return Response(found.problem(), found.status, headers=headers_of(found, error), content_type=MEDIA_TYPE)


def as_problem(error: Exception) -> TeamBuilderError | None:
    """The problem an error is, or None for one that nobody expected."""
    match error:
        case TeamBuilderError():
            return error
        case exceptions.APIException():
            return _of_framework(error)
        case Http404():
            return NotFound()
        case PermissionDenied():
            return Forbidden()
        case RequestDataTooBig():
            return too_large()
        case SuspiciousOperation():
            return Invalid("The request is malformed.")
        case OperationalError() | InterfaceError():
            # The database restarts, is full or gave up on a lock: the caller's request was fine, so it may come again.
            logger.warning("the database did not answer: %s", error)
            return Unavailable("The database is not available just now: try again shortly.")
    return None


def too_large() -> TooLarge:
    """The error for a body above the limit, which it names."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    detail = (
        f"The body is larger than the {most / 1e6:g} MB this server accepts: keep documents out of team configs, and "
        "send or import fewer teams at once."
    )
    return TooLarge(detail, errors=[Located(loc="", msg=f"at most {most} bytes")])


def _of_framework(error: exceptions.APIException) -> TeamBuilderError:
    match error:
        case exceptions.ValidationError():
            errors = list(_places(error.detail))
            return Invalid(f"The request has {len(errors)} error{'s' if len(errors) != 1 else ''}.", errors=errors)
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return Unauthenticated()
        case exceptions.PermissionDenied():
            return Forbidden(str(error.detail))
        case exceptions.NotFound():
            return NotFound()
        case exceptions.MethodNotAllowed():
            return MethodNotAllowed(f"{str(error.detail).rstrip('.')} here; the header Allow lists what is.")
        case exceptions.NotAcceptable():
            return NotAcceptable()
        case exceptions.UnsupportedMediaType():
            return UnsupportedMediaType()
        case exceptions.Throttled():
            return TooManyRequests()
    return (
        Invalid(str(error.detail)) if error.status_code < status.HTTP_500_INTERNAL_SERVER_ERROR else TeamBuilderError()
    )


def _places(detail: Any, at: tuple[str, ...] = ()) -> Iterator[Located]:
    """DRF's nested errors as a flat list; what concerns a whole object is located at the object."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _places(inner, at if key == "non_field_errors" else (*at, str(key)))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list))
            yield from _places(inner, (*at, str(index)) if nested else at)
    else:
        yield Located(loc=".".join(at), msg=str(detail))


def headers_of(problem: TeamBuilderError, error: Exception) -> dict[str, str]:
    """Headers that belong to a problem: how to sign in, when to come again."""
    if isinstance(problem, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    wait: float | None = getattr(error, "retry_after", None) or getattr(error, "wait", None)
    if wait is None and isinstance(problem, Unavailable):
        wait = 1
    return {"Retry-After": str(max(1, math.ceil(wait)))} if wait else {}


# --- outside of DRF ---------------------------------------------------------------------------------------------------


def problem_response(problem: TeamBuilderError) -> JsonResponse:
    """A problem as a plain Django answer, for middleware and for addresses that no view has."""
    return JsonResponse(
        problem.problem(), status=problem.status, content_type=MEDIA_TYPE, headers=headers_of(problem, problem)
    )


def _is_page(request: HttpRequest) -> bool:
    """Whether people look at this address: the admin alone has pages of its own for errors."""
    return request.path.startswith("/admin/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    if _is_page(request):
        return defaults.bad_request(request, exception)
    return problem_response(
        too_large() if isinstance(exception, RequestDataTooBig) else Invalid("The request is malformed.")
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    return defaults.permission_denied(request, exception) if _is_page(request) else problem_response(Forbidden())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: an address that does not exist, among them those with a malformed id."""
    if _is_page(request):
        return defaults.page_not_found(request, exception)
    path = request.path_info
    if path.endswith("/") and _is_address(path.removesuffix("/")):
        text = "There is nothing at this address: leave out the slash at its end."
    elif _is_address(f"{path}/"):
        text = "There is nothing at this address: write a slash at its end."
    else:
        text = "There is nothing at this address. Ids are UUIDs; /api/docs/ lists all addresses."
    return problem_response(NotFound(text))


def _is_address(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: the trace is in the log only."""
    return defaults.server_error(request) if _is_page(request) else problem_response(TeamBuilderError())
