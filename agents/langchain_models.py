"""LangChain chat models behind our protocol, for providers that are not OpenAI-compatible.

An entry of the provider table names the class; it is imported on first use. Every call is a stream, so the total time
and the size are limited while the answer comes; LangChain's own retries are off, the engine decides about those.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import closing
from functools import partial
from typing import Any, cast

import orjson
from django.utils.module_loading import import_string
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, convert_to_messages
from langchain_core.runnables import Runnable

from agents.llm_errors import AnswerTooLarge, BadCredentials, BadRequest, CutStream, LLMError, nothing_said
from agents.llm_http import MAX_ANSWER_BYTES, check_allowed, sendable_key
from agents.llm_loop import iterate
from agents.llm_protocol import ChatAnswer, ChatRequest, OnToken, check_parameters
from agents.provider_entries import LangChainClass, Provider
from agents.sdk_errors import translated

# Models are made by name, and names come from tenants: forget all beyond so many.
MAX_MODELS = 200
# Where a model on this machine's loopback asks for no key, its library may still insist on one.
NO_KEY = "none"
FINISH_KEYS = ("finish_reason", "stop_reason", "done_reason", "stopReason")
# In OpenAI's words.
FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "safety": "content_filter",
}


class LangChainChat:
    """Chat completions of one provider through a LangChain class. Shared by all threads."""

    def __init__(self, provider: Provider) -> None:
        if provider.langchain is None:
            raise BadRequest(f"Provider {provider.name} names no LangChain class.")
        self._provider = provider
        self._langchain: LangChainClass = provider.langchain
        self._class = _imported(provider.name, provider.langchain)
        self._models: dict[str, BaseChatModel] = {}

    def __repr__(self) -> str:
        return f"LangChainChat({self._provider.name!r}, {self._langchain.path!r})"

    def chat(self, request: ChatRequest, on_token: OnToken | None = None) -> ChatAnswer:
        """Ask once and wait for the whole answer; raises an LLMError."""
        started = time.monotonic()
        check_parameters(self._provider, request)
        # A class that takes no base URL calls hosts of its own choice: only "all" allows those.
        check_allowed(self._provider.base_url if self._takes("base_url") else "")
        sendable_key(self._provider)
        parts = _Parts()
        stream = partial(self._stream, request)
        with closing(iterate(stream, started + request.timeout_s, partial(self._translated, parts))) as messages:
            for message in messages:
                token = parts.add(message)
                if token and on_token:
                    on_token(token)
        parts.check_end(tells_finish=self._langchain.tells_finish)
        return parts.answer(request.model, int((time.monotonic() - started) * 1000))

    async def _stream(self, request: ChatRequest) -> AsyncGenerator[AIMessage, None]:
        arguments = self._call_arguments(request)
        tools, choice = arguments.pop("tools", None), arguments.pop("tool_choice", None)
        model: Runnable[Any, AIMessage] = self._model(request.model)
        if tools:
            # "none" is no choice LangChain's classes have in common; calls made all the same are not carried out.
            choice = None if choice == "none" else choice
            model = cast(BaseChatModel, model).bind_tools(tools, tool_choice=choice)
        total = 0
        async for message in model.astream(convert_to_messages(request.messages), **arguments):
            total += len(str(message.content).encode("utf-8", "replace"))
            if total > MAX_ANSWER_BYTES:
                raise AnswerTooLarge(f"The provider's answer is larger than {MAX_ANSWER_BYTES:,} bytes.")
            yield message

    def _call_arguments(self, request: ChatRequest) -> dict[str, Any]:
        arguments = {
            **self._provider.extra_body,
            **self._provider.facts(request.model).extra_body,
            **{name: value for name, value in request.parameters.items() if value is not None},
        }
        if isinstance(arguments.get("stop"), str):
            arguments["stop"] = [arguments["stop"]]
        return arguments

    def _translated(self, parts: "_Parts", error: Exception) -> LLMError:
        return translated(error, api_key=self._provider.api_key, begun=parts.begun)

    def _model(self, name: str) -> BaseChatModel:
        model = self._models.get(name)
        if model is None:
            if len(self._models) >= MAX_MODELS:
                self._models.clear()
            model = self._models[name] = self._class(**self._arguments(name))
        return model

    def _arguments(self, model: str) -> dict[str, Any]:
        """Of LangChain's standard arguments those that the class takes, and what its entry adds."""
        provider = self._provider
        standard = {
            "model": model,
            "api_key": provider.api_key or NO_KEY,
            "base_url": provider.base_url,
            "timeout": provider.read_timeout_s,
            "connect_timeout": provider.connect_timeout_s,
            "max_retries": 0,
        }
        return {name: value for name, value in standard.items() if self._takes(name)} | dict(self._langchain.kwargs)

    def _takes(self, argument: str) -> bool:
        fields = self._class.model_fields
        return argument in fields or any(field.alias == argument for field in fields.values())


class _Parts:
    """An answer put together from the messages of a stream, or from the one of a model that does not stream."""

    def __init__(self) -> None:
        self._messages: list[AIMessage] = []
        self._texts: list[str] = []

    @property
    def begun(self) -> bool:
        return bool(self._messages)

    def add(self, message: AIMessage) -> str:
        """Take one in; returns the text it adds. NUL bytes are dropped: PostgreSQL stores none."""
        self._messages.append(message)
        text = str(message.text).replace("\x00", "")
        if text:
            self._texts.append(text)
        return text

    def check_end(self, *, tells_finish: bool) -> None:
        """Raise CutStream when the reason for the end is missing that this model always tells."""
        if tells_finish and not self._finish_reason():
            raise CutStream

    def answer(self, model: str, raw_ms: int) -> ChatAnswer:
        """The finished answer; BadAnswer when it says nothing."""
        text, whole = "".join(self._texts), self._whole()
        finish_reason = self._finish_reason() or "stop"
        calls = _tool_calls(whole)
        if not text.strip() and not calls:
            raise nothing_said(finish_reason)
        usage = whole.usage_metadata
        told = whole.response_metadata.get("model_name") or whole.response_metadata.get("model")
        return ChatAnswer(
            text=text,
            finish_reason=finish_reason,
            tokens_in=usage["input_tokens"] if usage else None,
            tokens_out=usage["output_tokens"] if usage else None,
            model=str(told or model),
            tool_calls=calls,
            raw_ms=raw_ms,
        )

    def _finish_reason(self) -> str:
        for message in reversed(self._messages):
            for key in FINISH_KEYS:
                if reason := message.response_metadata.get(key):
                    word = str(reason).lower()
                    return FINISH_REASONS.get(word, word)
        return ""

    def _whole(self) -> AIMessage:
        chunks = [message for message in self._messages if isinstance(message, AIMessageChunk)]
        if not chunks:
            return self._messages[-1] if self._messages else AIMessage("")
        return chunks[0] + chunks[1:]


def _tool_calls(message: AIMessage) -> list[dict[str, Any]]:
    """In OpenAI's shape. Arguments that are no JSON stay the text they were, as they do there."""
    read = [(call, orjson.dumps(call["args"]).decode()) for call in message.tool_calls]
    unread = [(call, call["args"] or "") for call in message.invalid_tool_calls]
    return [
        {
            "id": call["id"] or f"call_{index}",
            "type": "function",
            "function": {"name": call["name"] or "", "arguments": arguments.replace("\\u0000", "")},
        }
        for index, (call, arguments) in enumerate([*read, *unread])
    ]


def _imported(provider: str, langchain: LangChainClass) -> type[BaseChatModel]:
    if langchain.missing:
        raise BadCredentials(f"Provider {provider} is not set up: {langchain.missing}.")
    try:
        found = import_string(langchain.path)
    except ImportError as error:
        raise BadCredentials(f"Provider {provider} is not set up: {langchain.path}: {error}") from None
    if not (isinstance(found, type) and issubclass(found, BaseChatModel)):
        raise BadRequest(f"Provider {provider}: {langchain.path} is no LangChain chat model.")
    return found
