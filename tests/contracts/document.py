"""The OpenAPI document as /api/schema/ serves it, made once for all tests: it takes most of a second."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator


@cache
def document() -> Any:
    """The document; nobody changes it."""
    return SchemaGenerator().get_schema(request=None, public=True)
