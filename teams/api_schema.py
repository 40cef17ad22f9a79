"""How drf-spectacular sees the API: pydantic shapes as they are, and for each operation every answer it can give."""

import copy
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, Final, TypeVar

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from teams import errors, problems
from teams.shapes import Problem, Query

_COMPONENT: Final = "#/components/schemas/{model}"

_KINDS: Final[Mapping[int, type[errors.TeamBuilderError]]] = {
    kind.status: kind
    for kind in (
        errors.Invalid,
        errors.Unauthenticated,
        errors.Forbidden,
        errors.NotFound,
        problems.MethodNotAllowed,
        problems.NotAcceptable,
        errors.Conflict,
        errors.PreconditionFailed,
        errors.TooLarge,
        problems.UnsupportedMediaType,
        errors.TooManyRequests,
        errors.TeamBuilderError,
        errors.Unavailable,
    )
}

View = TypeVar("View", bound=Callable[..., Any])


class ShapeExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Pydantic shapes as components. One schema serves both directions: answers have no defaults to differ by."""

    target_class = "pydantic.BaseModel"
    match_subclasses = True
    priority = 1

    def get_name(self, *_: Any) -> str:
        return _plain_name(self.target.__name__)

    def get_identity(self, *_: Any) -> str:
        """The schema itself: two shapes of one name are a warning unless they are alike."""
        return _identity(_schemas(self.target)[0])

    def map_serializer(self, auto_schema: Any, *_: Any) -> dict[str, Any]:
        own, parts = _schemas(self.target)
        for name, part in parts.items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                name=name, type=ResolvedComponent.SCHEMA, object=_identity(part), schema=copy.deepcopy(part)
            )
            auto_schema.registry.register_on_missing(component)
        return copy.deepcopy(own)


@cache
def _schemas(shape: type[BaseModel]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The shape's schema, and by name those it refers to."""
    refs, document = models_json_schema([(shape, "validation")], ref_template=_COMPONENT)
    parts = {_plain_name(name): _plain_refs(schema) for name, schema in document["$defs"].items()}
    own = parts.pop(_plain_name(refs[shape, "validation"]["$ref"].rpartition("/")[2]))
    return own, parts


def _identity(schema: dict[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True)


def _plain_name(name: str) -> str:
    """`Page[TeamRow]` (in references `Page_TeamRow_`) as `PageTeamRow`."""
    return re.sub(r"[^A-Za-z0-9]", "", name)


def _plain_refs(schema: Any) -> Any:
    """The schema with its references named as the components are."""
    if isinstance(schema, list):
        return [_plain_refs(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {key: _plain_refs(value) for key, value in schema.items()}
    if "$ref" in schema:
        renamed["$ref"] = _COMPONENT.format(model=_plain_name(schema["$ref"].rpartition("/")[2]))
    return renamed


class AutoSchema(BaseAutoSchema):
    """settings.REST_FRAMEWORK's DEFAULT_SCHEMA_CLASS."""

    def get_operation_id(self) -> str:
        """From the summary, which is unique: "List teams" is `list_teams`."""
        summary = self.get_summary()
        return re.sub(r"[^a-z0-9]+", "_", summary.lower()).strip("_") if summary else super().get_operation_id()

    def get_tags(self) -> list[str]:
        """By the first part of the path; the compatibility routes have no prefix."""
        if not self.path.startswith("/api/"):
            return ["compatibility"]
        tags: list[str] = super().get_tags()
        return tags

    def get_override_parameters(self) -> list[Any]:
        """What stands behind the `?`, from the view's `queries`."""
        shape: type[Query] | None = getattr(self.view, "queries", {}).get(self.method)
        return [*super().get_override_parameters(), *(query_parameters(shape) if shape else []), *_LIMIT_HEADERS]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._common_problems():
            if str(status) not in responses:
                answer = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    problem(status), str(status), [problems.MEDIA_TYPE], direction
                )
                responses[str(status)] = answer
        return dict(sorted(responses.items()))

    def _common_problems(self) -> Sequence[int]:
        statuses = [400, 401, 403, 406, 413, 429, 500, 503]
        if "{" in self.path:
            statuses.append(404)
        if self.method != "GET":
            statuses.append(415)
        return statuses


def query_parameters(shape: type[Query]) -> list[OpenApiParameter]:
    """The fields of a query as parameters."""
    schema = shape.model_json_schema()
    required = schema.get("required", [])
    return [
        OpenApiParameter(
            name, _without_null(field), required=name in required, description=field.pop("description", "")
        )
        for name, field in schema.get("properties", {}).items()
    ]


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    # A parameter is left out, never null.
    schema = {key: value for key, value in field.items() if key not in {"title", "description", "anyOf"}}
    if schema.get("default", ...) is None:
        del schema["default"]
    for option in field.get("anyOf", []):
        schema |= option if option != {"type": "null"} else {}
    return schema


def problem(status: int, detail: str = "") -> OpenApiResponse:
    """A problem of the given status, with an example."""
    kind = _KINDS.get(status, errors.TeamBuilderError)
    example = kind(detail).problem() | {"status": status}
    return OpenApiResponse(
        Problem, description=detail or kind.__doc__ or "", examples=[OpenApiExample(kind.title, value=example)]
    )


def describe(
    summary: str,
    *,
    answer: Any,
    example: Any,
    status: int = 200,
    body: Any = None,
    body_example: Any = None,
    problems: Sequence[int] | Mapping[int, str] = (),
    also: Mapping[int, OpenApiResponse] | None = None,
    headers: Sequence[OpenApiParameter] = (),
) -> Callable[[View], View]:
    """Document one operation: what it takes and gives, with an example of each; the description is its docstring.

    `problems` are statuses of its own, with or without a detail to show; those every operation can answer are added.
    `also` are further answers that are no problems.
    """
    texts = problems if isinstance(problems, Mapping) else dict.fromkeys(problems, "")
    shown = [OpenApiExample("Example", value=example)] if example is not None else []
    responses: dict[Any, Any] = {status: OpenApiResponse(answer, HTTPStatus(status).phrase, shown), **(also or {})}
    responses |= {(code, _MEDIA_TYPE): problem(code, text) for code, text in texts.items()}
    request = None
    if body is not None:
        sent = OpenApiExample("Example", value={} if body_example is None else body_example)
        request = {"application/json": OpenApiRequest(body, examples=[sent])}
    decorate: Callable[[View], View] = extend_schema(
        summary=summary, request=request, responses=responses, parameters=list(headers)
    )
    return decorate


_MEDIA_TYPE: Final = problems.MEDIA_TYPE

_LIMIT_HEADERS: Final = (
    OpenApiParameter(
        "Retry-After",
        int,
        OpenApiParameter.HEADER,
        response=[429, 503],
        description="Come again after so many seconds.",
    ),
    OpenApiParameter(
        "RateLimit-Policy",
        str,
        OpenApiParameter.HEADER,
        response=True,
        description='The limits that apply: `"key";q=600;w=60` is 600 requests in 60 seconds.',
    ),
    OpenApiParameter(
        "RateLimit",
        str,
        OpenApiParameter.HEADER,
        response=True,
        description='What is left: `"key";r=598;t=1` is 598 requests at once, and all of them again in 1 second.',
    ),
)

ETAG: Final = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200, 201], description='The team\'s version, as `"3"`.'
)
LOCATION: Final = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, response=[201, 202], description="Address of what was made."
)
IF_MATCH: Final = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description='Change it only if it is still at this version: `3` or `"3"`.'
)
