"""What can go wrong between us and a model, as types.

Every error says whether trying again can help (`retryable`), has a stable machine word (`code`) and, where the
provider asked for a pause, its length in seconds (`retry_after`). The texts are safe to store and to show: they are
cut, free of control characters and never hold the API key.
"""

MESSAGE_CHARS = 500


class LLMError(Exception):
    """The model did not answer."""

    code = "llm_error"
    retryable = False

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message or self.__doc__)
        self.retry_after = retry_after
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable


class RateLimited(LLMError):
    """The provider asks us to slow down."""

    code = "rate_limited"
    retryable = True


class ProviderUnavailable(LLMError):
    """The provider cannot be reached or failed by itself."""

    code = "provider_unavailable"
    retryable = True


class ProviderTimeout(LLMError):
    """The provider took longer than it may."""

    code = "provider_timeout"
    retryable = True


class CutStream(LLMError):
    """The answer broke off before its end."""

    code = "cut_stream"
    retryable = True


class BadAnswer(LLMError):
    """The provider's answer cannot be read."""

    code = "bad_answer"
    retryable = True


class AnswerTooLarge(LLMError):
    """The provider's answer is larger than we take."""

    code = "answer_too_large"


class ContextTooLong(LLMError):
    """The prompt does not fit the model's context."""

    code = "context_too_long"


class BadCredentials(LLMError):
    """The provider does not accept our credentials."""

    code = "bad_credentials"


class BadRequest(LLMError):
    """The provider does not accept this request."""

    code = "bad_request"


class RequestsForbidden(LLMError):
    """This installation may not call that host (setting ALLOW_MODEL_REQUESTS)."""

    code = "requests_forbidden"


def nothing_said(finish_reason: str) -> BadAnswer:
    """The error for an answer without text and without tool calls."""
    if finish_reason == "content_filter":
        return BadAnswer("The provider's filter withheld the answer.", code="content_filter", retryable=False)
    if finish_reason == "length":
        text = "The model used up max_tokens before it said anything."
        return BadAnswer(text, code="empty_answer", retryable=False)
    return BadAnswer("The model's answer is empty.", code="empty_answer")
