"""What the APIs of provider accounts and of tool credentials have in common.

Secrets are written and never read: answers hold their last four characters at most.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from agents.secret_rows import MAX_NOTE, MAX_SECRET
from teams.api_shapes import Reason
from teams.shapes import Answer, Body

Secret = Annotated[str, Field(min_length=1, max_length=MAX_SECRET, repr=False)]
Note = Annotated[str, Field(max_length=MAX_NOTE)]

EXAMPLE_ID, EXAMPLE_AT = "5b0f7c52-9f0e-4f39-8c33-0a3c3f2f7d11", "2026-11-21T09:30:00Z"
ENDS = "The last four characters of a long one, to tell it from others; never more."
SCOPES = {"GET": "secrets:write", "POST": "secrets:write", "PATCH": "secrets:write", "DELETE": "secrets:write"}


class Removed(Answer):
    """What is left to say of it."""

    id: UUID
    removed: Literal[True]


REMOVED = {"id": EXAMPLE_ID, "removed": True}


class Change(Body):
    """What is to change; the rest stays, the secret always."""

    reason: Reason = ""

    def changes(self) -> dict[str, Any]:
        """What a caller wrote, but for the reason; null is as if it were left out."""
        return self.model_dump(exclude={"reason"}, exclude_none=True)
