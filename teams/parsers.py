"""How bodies are read. Apart from teams.api_base, which views import: the framework loads this one while it is itself
being imported."""

from typing import Any

from rest_framework.parsers import BaseParser

from teams import strict_json


class StrictJSONParser(BaseParser):
    """`application/json` without duplicate keys, NaN, NUL or deep nesting (teams.strict_json)."""

    media_type = "application/json"

    def parse(self, stream: Any, *_: Any, **__: Any) -> Any:
        """Read the document. Raises `Invalid` that names line and column, or the field."""
        return strict_json.read(stream.read())
