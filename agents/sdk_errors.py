"""Turns what a provider's own client library raises into our typed errors.

Told by HTTP status where the error has one, else by the names of its classes: the libraries need not be imported, and
most of them use the same names.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from agents.llm_errors import (
    BadAnswer,
    BadCredentials,
    BadRequest,
    ContextTooLong,
    CutStream,
    LLMError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    nothing_said,
)
from agents.openai_errors import error_for, shown

# What an error object in a stream stands for: the response's own status was 200 long before.
STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

# The first row one of whose names is a class of the error applies: the narrow ones come first.
BY_NAME: tuple[tuple[frozenset[str], type[LLMError]], ...] = (
    (frozenset({"ContextOverflowError"}), ContextTooLong),
    (
        frozenset({"APITimeoutError", "TimeoutException", "TimeoutError", "ModelTimeoutError", "DeadlineExceeded"}),
        ProviderTimeout,
    ),
    (frozenset({"RateLimitError", "ModelRateLimitError", "ResourceExhausted"}), RateLimited),
    (
        frozenset({
            "AuthenticationError", "PermissionDeniedError", "ModelAuthenticationError", "ModelPermissionDeniedError",
            "Unauthenticated", "PermissionDenied", "CredentialsError",
        }),
        BadCredentials,
    ),
    (frozenset({"ModelInvalidRequestError", "ModelNotFoundError", "BadRequestError", "NotFoundError"}), BadRequest),
    (
        frozenset({
            "APIConnectionError", "ModelConnectionError", "TransportError", "OSError", "IncompleteRead",
            "ServiceUnavailable", "InternalServerError", "ModelAPIError",
        }),
        ProviderUnavailable,
    ),
    (
        frozenset({
            "JSONDecodeError", "UnicodeDecodeError", "LookupError", "AttributeError", "APIResponseValidationError",
        }),
        BadAnswer,
    ),
    (frozenset({"ValueError", "TypeError"}), BadRequest),
)  # fmt: skip

# In the words of httpx, h11, aiohttp and http.client: the connection went before the body's end.
BROKEN_OFF = ("complete message body", "incomplete chunked read", "incompleteread")


def translated(error: BaseException, *, api_key: str, begun: bool) -> LLMError:
    """The typed error. `begun`: the answer had begun, so a lost connection has cut it."""
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, LLMError):
            return each
    for each in chain:
        if status := _status(each):
            response = getattr(each, "response", None)
            return error_for(status, getattr(response, "headers", None) or {}, _body(each), api_key)
    if "No generation chunks were returned" in str(error):  # LangChain's word for a stream without a word
        return nothing_said("")
    for each in chain:
        names = {kind.__name__ for kind in type(each).__mro__}
        for known, kind in BY_NAME:
            if names & known:
                return _as(kind, error, chain, api_key, begun=begun)
    return LLMError(f"The client of the provider failed ({type(error).__name__}).", code="client_error")


def _as(
    kind: type[LLMError], error: BaseException, chain: list[BaseException], api_key: str, *, begun: bool
) -> LLMError:
    if kind is ProviderUnavailable and (begun or any(_broke_off(each) for each in chain)):
        return CutStream()
    # What went wrong on the way says no more than our own words for it, and may quote what was sent.
    if kind in (BadRequest, ContextTooLong, RateLimited):
        return kind(shown(f"{type(error).__name__}: {error}", api_key))
    return kind()


def _broke_off(error: BaseException) -> bool:
    text = f"{type(error).__name__} {error}".lower()
    return any(words in text for words in BROKEN_OFF)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, the outermost first."""
    seen: set[int] = set()
    here: BaseException | None = error
    while here is not None and id(here) not in seen:
        seen.add(id(here))
        yield here
        here = here.__cause__ or here.__context__


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    if status is None:
        status = getattr(getattr(error, "response", None), "status_code", None)
    if not isinstance(status, int):
        return None
    if status >= 300:
        return status
    # Inside a stream that began well.
    return STATUS_OF_TYPE.get(_type_said(getattr(error, "body", None)), 500)


def _type_said(body: Any) -> str:
    said = body.get("error") if isinstance(body, dict) else None
    return str(said.get("type")) if isinstance(said, dict) else ""


def _body(error: BaseException) -> bytes:
    body = getattr(error, "body", None)
    if isinstance(body, dict | list):
        return orjson.dumps(body, default=str)
    return str(body or error).encode("utf-8", "replace")
