"""Every error the product answers with, in one tree: a service raises it, one edge turns it into an answer.

The docstring of a class is its default detail, so it is written for the caller who will read it.
"""

from collections.abc import Iterable
from typing import ClassVar, TypedDict


class Located(TypedDict):
    """One thing wrong in a document: where (``agents.1.LLM_model.provider``, "" for the whole) and what to do."""

    loc: str
    msg: str


class TeamBuilderError(Exception):
    """Something went wrong on our side."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    code: ClassVar[str] = "internal"

    def __init__(self, detail: str = "", *, errors: Iterable[Located] = ()) -> None:
        self.detail: str = detail or type(self).__doc__ or self.title
        self.errors: list[Located] = list(errors)
        super().__init__(self.detail)

    def problem(self) -> dict[str, object]:
        """The body of an ``application/problem+json`` answer (RFC 9457)."""
        return {
            "type": f"urn:agent-team-builder:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "errors": [dict(error) for error in self.errors],
        }


class Invalid(TeamBuilderError):
    """The request is not valid."""

    status = 400
    title = "Invalid request"
    code = "invalid"

    def __str__(self) -> str:
        """The detail and where: logs and terminals show no list of errors beside it."""
        places = "; ".join(f"{error['loc'] or 'config'}: {error['msg']}" for error in self.errors)
        return f"{self.detail} {places}" if places else self.detail


class Unauthenticated(TeamBuilderError):
    """Sign in, or send a valid API key as `Authorization: Bearer <key>`."""

    status = 401
    title = "Not authenticated"
    code = "unauthenticated"


class Forbidden(TeamBuilderError):
    """You may not do this."""

    status = 403
    title = "Forbidden"
    code = "forbidden"


class NotFound(TeamBuilderError):
    """There is no such thing, or it is not yours to see."""

    status = 404
    title = "Not found"
    code = "not-found"


class Conflict(TeamBuilderError):
    """The present state does not allow this."""

    status = 409
    title = "Conflict"
    code = "conflict"


class PreconditionFailed(TeamBuilderError):
    """It has changed since you read it: read it again, then repeat your change."""

    status = 412
    title = "Changed meanwhile"
    code = "precondition-failed"


class TooLarge(TeamBuilderError):
    """The request is larger than this server accepts."""

    status = 413
    title = "Too large"
    code = "too-large"


class TooManyRequests(TeamBuilderError):
    """Too many requests: wait as long as Retry-After says."""

    status = 429
    title = "Too many requests"
    code = "too-many-requests"

    def __init__(self, detail: str = "", retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after  # seconds


class StoredConfigBroken(TeamBuilderError):
    """Stored configuration is invalid."""

    status = 500
    title = "Stored configuration is invalid"
    code = "stored-config-broken"


class Unavailable(TeamBuilderError):
    """Something this needs is not available just now: try again shortly."""

    status = 503
    title = "Unavailable"
    code = "unavailable"
