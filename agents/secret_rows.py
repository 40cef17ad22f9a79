"""What the writers of provider accounts and of tool credentials share.

A secret comes in and never goes out again: rows hold it sealed, history and audit not at all, people see its last four
characters.
"""

from typing import Any, Final, TypeVar
from uuid import UUID

from agents.models import ProviderAccount, ToolCredential
from teams.errors import Located, NotFound
from teams.secrets import seal_into

MAX_SECRET: Final = 2000
MAX_NOTE: Final = 200
MAX_ROWS: Final = 100
"""Of a tenant's own, of each kind: they are listed all at once."""
SHOWN: Final = 4
"""Characters of a secret that people see, and only of one at least three times as long."""

Row = TypeVar("Row", ProviderAccount, ToolCredential)


def take(row: Row, column: str, secret: str) -> None:
    """Seal a secret for this row, and keep what people may see of it."""
    seal_into(row, column, secret)
    row.ends_with = secret[-SHOWN:] if len(secret) >= 3 * SHOWN else ""


def found(row: Row | None, what: str, row_id: UUID) -> Row:
    """The row; `NotFound` when there is none, alike for foreign and missing ones."""
    if row is None:
        raise NotFound(f"{what} {row_id} not found")
    return row


def secret_problems(loc: str, secret: str) -> list[Located]:
    """What keeps a text from being sent in a header. The message never quotes it."""
    if not secret:
        return [Located(loc=loc, msg="must not be empty")]
    if len(secret) > MAX_SECRET:
        return [Located(loc=loc, msg=f"has {len(secret)} characters, at most {MAX_SECRET} are allowed")]
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        return [Located(loc=loc, msg="has characters that no key has: printable ASCII without blanks is wanted")]
    return []


def fields_of(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    """What the audit trail tells of a row: never its secret."""
    return {name: getattr(row, name) for name in names}
