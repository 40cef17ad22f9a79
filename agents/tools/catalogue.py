"""The catalogue of tools an agent may be given."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agents.tools.embedding import embedding_service
from agents.tools.searching import search_graph_db, search_vector_db
from agents.tools.spec import Tool
from agents.tools.text import chunk_text
from agents.tools.web import call_web_api

_TOOLS = (search_vector_db, search_graph_db, call_web_api, embedding_service, chunk_text)

CATALOGUE: Final[Mapping[str, Tool]] = MappingProxyType({tool.name: tool for tool in _TOOLS})
