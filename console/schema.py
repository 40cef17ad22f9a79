"""The OpenAPI document as it is served: made once per process and form, since it takes a second and anybody may ask."""

from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, as YAML or JSON by the Accept header."""

    def _get_schema_response(self, request: Request) -> Any:
        renderer = request.accepted_renderer
        return HttpResponse(_written(renderer.format), content_type=renderer.media_type)


@cache
def _written(form: str) -> bytes:
    document = SpectacularAPIView.generator_class().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    renderer = OpenApiJsonRenderer() if "json" in form else OpenApiYamlRenderer()
    written: bytes = renderer.render(document)
    return written
