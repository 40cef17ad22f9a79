"""LangChain's ChatAnthropic over an HTTP client with our limits.

Its own follows redirects, takes proxies from the environment (both would carry prompts elsewhere), has one time limit
for connecting and reading, and reads answers of any size.
"""

from collections.abc import AsyncIterator
from functools import cached_property, lru_cache
from typing import Any

import anthropic
import httpx2
from langchain_anthropic import ChatAnthropic

from agents.llm_errors import AnswerTooLarge
from agents.llm_http import MAX_ANSWER_BYTES


class AnthropicChat(ChatAnthropic):
    """ChatAnthropic that stays at its base URL."""

    connect_timeout: float = 10.0

    @cached_property
    def _async_client(self) -> anthropic.AsyncClient:
        read_s = self.default_request_timeout or 120.0
        http = _http_client(self.anthropic_api_url or "", self.connect_timeout, read_s)
        return anthropic.AsyncClient(**{**self._client_params, "http_client": http})


@lru_cache(maxsize=32)
def _http_client(base_url: str, connect_s: float, read_s: float) -> httpx2.AsyncClient:
    """One pool of connections for all models of a provider."""
    return httpx2.AsyncClient(
        base_url=base_url,
        headers={"Accept-Encoding": "identity"},  # so that the cap counts what is read, not what it unpacks to
        timeout=httpx2.Timeout(read_s, connect=connect_s),
        limits=anthropic.DEFAULT_CONNECTION_LIMITS,
        follow_redirects=False,
        trust_env=False,
        event_hooks={"response": [_cap]},
    )


async def _cap(response: httpx2.Response) -> None:
    response.stream = _Capped(response.stream)


class _Capped(httpx2.AsyncByteStream):
    """A body that raises AnswerTooLarge beyond MAX_ANSWER_BYTES, as it comes over the wire."""

    def __init__(self, body: Any) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        async for data in self._body:
            total += len(data)
            if total > MAX_ANSWER_BYTES:
                raise AnswerTooLarge(f"The provider's answer is larger than {MAX_ANSWER_BYTES:,} bytes.")
            yield data

    async def aclose(self) -> None:
        await self._body.aclose()
