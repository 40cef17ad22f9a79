"""A lean client for OpenAI-compatible chat endpoints.

Own code instead of a provider's SDK because the SDK costs several times the CPU of everything else in a run. One
call, no retries: the engine decides about those. Streams when the caller wants tokens as they come.
"""

import time
from contextlib import suppress
from typing import Any

import orjson
import urllib3

from agents.http_limits import Limits
from agents.llm_errors import BadRequest, CutStream, LLMError, ProviderTimeout
from agents.llm_http import chunks, leave, post, sendable_key
from agents.llm_protocol import ChatAnswer, ChatRequest, OnToken, check_parameters
from agents.openai_answer import AnswerParts, decoded, sse_data
from agents.openai_errors import error_for, error_in
from agents.providers import Provider

ERROR_BODY_BYTES = 65_536
# After the last word only a record of token counts may follow, and after [DONE] only the end of the body, which lets
# the connection be kept. Neither is worth a long wait.
USAGE_WAIT_S = 2.0
END_WAIT_S = 0.05
# Quirks are learned for each model name, and names come from tenants: forget all beyond so many.
MAX_LEARNED = 1000


class OpenAICompatible:
    """Chat completions of one provider. Shared by all threads."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._url = f"{provider.base_url.rstrip('/')}/chat/completions"
        self._no_usage: set[str] = set()
        self._new_limit_name: set[str] = set()

    def __repr__(self) -> str:
        return f"OpenAICompatible({self._provider.name!r}, {self._provider.base_url!r})"

    def chat(self, request: ChatRequest, on_token: OnToken | None = None) -> ChatAnswer:
        """Ask once and wait for the whole answer; raises an LLMError."""
        started = time.monotonic()
        # Without a stream nothing comes until the model has finished: only the total can limit the wait.
        read_s = self._provider.read_timeout_s if on_token else request.timeout_s
        limits = Limits(request.timeout_s, connect_s=self._provider.connect_timeout_s, read_s=read_s)
        while True:
            try:
                parts = self._ask(request, limits, on_token)
                break
            except BadRequest as error:
                if not self._learned(request, str(error)):
                    raise
        return parts.answer(request.model, int((time.monotonic() - started) * 1000))

    def _ask(self, request: ChatRequest, limits: Limits, on_token: OnToken | None) -> AnswerParts:
        response = post(self._url, self._body(request, stream=on_token is not None), self._headers(), limits)
        try:
            if response.status != 200:
                raise self._refusal(response)
            if on_token and "event-stream" in response.headers.get("Content-Type", ""):
                return self._streamed(response, limits, on_token)
            parts = AnswerParts.whole(self._checked(b"".join(chunks(response))))
            if on_token and parts.text:
                on_token(parts.text)
            return parts
        finally:
            leave(response)

    def _streamed(self, response: urllib3.BaseHTTPResponse, limits: Limits, on_token: OnToken) -> AnswerParts:
        parts = AnswerParts()
        done = False
        try:
            for data in sse_data(chunks(response)):
                if done:
                    continue
                if data == b"[DONE]":
                    done = True
                    limits.shorten(END_WAIT_S)
                    continue
                token = parts.add(self._checked(data))
                if parts.finish_reason:
                    limits.shorten(USAGE_WAIT_S)
                if token:
                    on_token(token)
        except (CutStream, ProviderTimeout):
            if not (done or parts.finish_reason):
                raise
        if not (done or parts.finish_reason):
            raise CutStream
        return parts

    def _checked(self, data: bytes) -> dict[str, Any]:
        event = decoded(data)
        if event.get("error"):
            raise error_in(event, self._provider.api_key)
        return event

    def _refusal(self, response: urllib3.BaseHTTPResponse) -> LLMError:
        body = b""
        with suppress(LLMError):  # a refusal that cannot be read to its end still has its status
            for chunk in chunks(response, cap=ERROR_BODY_BYTES):
                body += chunk
        return error_for(response.status, response.headers, body, self._provider.api_key)

    def _headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Accept-Encoding": "identity",
            "User-Agent": "agent-team-builder",
        }
        if key := sendable_key(self._provider):
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def _body(self, request: ChatRequest, *, stream: bool) -> bytes:
        check_parameters(self._provider, request)
        body: dict[str, Any] = {
            **self._provider.extra_body,
            **self._provider.facts(request.model).extra_body,
            **{name: value for name, value in request.parameters.items() if value is not None},
            "model": request.model,
            "messages": request.messages,
        }
        if request.model in self._new_limit_name and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")
        if stream:
            body["stream"] = True
            if request.model not in self._no_usage:
                body["stream_options"] = {"include_usage": True}
        try:
            return orjson.dumps(body)
        except TypeError as error:
            raise BadRequest(f"The request cannot be written as JSON: {error}") from error

    def _learned(self, request: ChatRequest, refusal: str) -> bool:
        """Whether the refusal names a field this server wants otherwise; remembered for the next calls."""
        if "stream_options" in refusal and request.model not in self._no_usage:
            return _remember(self._no_usage, request.model)
        if "max_completion_tokens" in refusal and request.model not in self._new_limit_name:
            return _remember(self._new_limit_name, request.model)
        return False


def _remember(models: set[str], model: str) -> bool:
    if len(models) >= MAX_LEARNED:
        models.clear()
    models.add(model)
    return True
