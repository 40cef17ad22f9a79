"""What all views of the API are built on: strict JSON in, problem+json out, one actor, one way to page."""

import re
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.urls import register_converter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from teams import rates
from teams.access import Actor
from teams.errors import Invalid, Located
from teams.paging import Rows, page_body
from teams.shapes import Answer, Query, Shape, as_json

S = TypeVar("S", bound=Shape)

_IF_MATCH = re.compile(r'\s*(?:W/)?("?)([0-9]{1,9})\1\s*')


class AnyCaseUUID:
    """Path converter `<id:…>`: a UUID in either case. Django's own takes lower case only; anything else is a 404."""

    regex = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

    def to_python(self, value: str) -> UUID:
        return UUID(value)

    def to_url(self, value: UUID | str) -> str:
        return str(value)


register_converter(AnyCaseUUID, "id")


class ApiView(APIView):
    """A view that says which scope each method needs and which query parameters it takes; others are refused."""

    scopes: ClassVar[dict[str, str]] = {}
    queries: ClassVar[dict[str, type[Query]]] = {}
    may_wait: ClassVar[frozenset[str]] = frozenset()
    """Methods that may wait long, for a model or a run; they have threads of their own (config/serving.py)."""

    query: Query
    http_method_names = [name for name in APIView.http_method_names if name not in {"options", "trace"}]
    _taken: rates.Taken | None = None

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and count the request, whatever comes of it."""
        super().perform_authentication(request)
        actor: object = request.user  # an Actor, whatever the stubs say of Django's users
        if isinstance(actor, Actor):
            self._taken = rates.spend(actor)
            rates.refuse_beyond(self._taken)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        if self._taken is not None:
            for name, text in self._taken.headers().items():
                response[name] = text
        return super().finalize_response(request, response, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = "GET" if request.method == "HEAD" else request.method or ""
        if hasattr(self, method.lower()):  # else it is no method of this address, which is said first
            self.query = self.queries.get(method, Query).of(request.query_params)

    @property
    def actor(self) -> Actor:
        """Who asks."""
        actor: Actor = self.request.user  # type: ignore[assignment]
        return actor

    def body(self, shape: type[S]) -> S:
        """The request's body. Raises `Invalid` with everything that is wrong with it."""
        try:
            return shape.read(self.request.data, "The body")
        except Invalid as error:
            raise Invalid(error.detail, errors=[_inside_config(place) for place in error.errors]) from error

    def page(self, found: Rows, results: list[dict[str, Any]]) -> Response:
        """Answer one page of a list."""
        return Response(page_body(self.request, found, results))

    def answer(self, answer: Answer, status: int = 200, **headers: str) -> Response:
        """Answer one thing. Header names are written with underscores."""
        return Response(
            as_json(answer), status, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )


def _inside_config(place: Located) -> Located:
    """Places in a team config begin at the config, whether it is the body or a field of it."""
    return Located(loc=place["loc"].removeprefix("config."), msg=place["msg"])


def has_body(request: Request) -> bool:
    """Whether anything was sent as a body; an empty one and none are the same."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length.isdecimal() and int(length) > 0


def etag(version: int) -> str:
    """A version as an ETag."""
    return f'"{version}"'


def expected_version(request: Request) -> int | None:
    """The version that If-Match names, `3` or `"3"`; None without one. Raises `Invalid`."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    match = _IF_MATCH.fullmatch(header)
    if match is None:
        problem = Located(loc="If-Match", msg='must be a version as the ETag shows it, such as "3"')
        raise Invalid("The request has 1 error.", errors=[problem])
    return int(match[2])
