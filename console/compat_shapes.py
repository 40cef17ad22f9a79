"""What the routes of the first version take and give, with the examples their documentation shows."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from executions.api_shapes import LogEntry
from teams.api_shapes import CONFIG_EXAMPLE, SUMMARIES_EXAMPLE, TEAM_ID, AgentSummary, ReasonQuery
from teams.shapes import Answer, Query


def _team_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ValueError("must be a team's id, a UUID such as " + TEAM_ID) from error


TeamId = Annotated[UUID, BeforeValidator(_team_id)]


class SaveQuery(Query):
    """Which team to save to."""

    team_id: TeamId | None = Field(None, description="Left out: a new team; else the team gets a new version.")


class TeamQuery(Query):
    """Which team."""

    team_id: TeamId


class DeleteQuery(ReasonQuery):
    """Which team, and why."""

    team_id: TeamId


class RollbackQuery(TeamQuery):
    """Which team, and which of its versions."""

    target_version: int


class Saved(Answer):
    """A stored config."""

    team_id: UUID
    message: Literal["Team config saved"]
    version: int


class Built(Answer):
    """A team that was built and stored."""

    team_id: UUID
    agent_team: list[AgentSummary]
    version: int


class Executed(Answer):
    """A run that has ended well."""

    team_id: UUID
    execution_id: UUID
    agent_team: list[AgentSummary]
    conversation_log: list[LogEntry]
    final_answer: str


class Pending(Answer):
    """A run that goes on."""

    execution_id: UUID
    status: str
    status_url: str


class Updated(Answer):
    """A new version."""

    team_id: UUID
    new_version: int
    updated_at: datetime


class RolledBack(Answer):
    """An old version as the new one."""

    team_id: UUID
    restored_version: int
    new_version: int
    restored_at: datetime


class Deleted(Answer):
    """A deleted team."""

    team_id: UUID
    deleted: Literal[True]


_RUN_ID = "d3f0b8a2-5f0c-4c07-8b3b-6a3d0b6f2f10"
_AT = "2026-11-21T09:30:00Z"

CONFIG: dict[str, Any] = CONFIG_EXAMPLE
SAVED_EXAMPLE: dict[str, Any] = {"team_id": TEAM_ID, "message": "Team config saved", "version": 1}
BUILT_EXAMPLE: dict[str, Any] = {"team_id": TEAM_ID, "agent_team": SUMMARIES_EXAMPLE, "version": 1}
EXECUTED_EXAMPLE: dict[str, Any] = {
    "team_id": TEAM_ID,
    "execution_id": _RUN_ID,
    "agent_team": SUMMARIES_EXAMPLE,
    "conversation_log": [
        {
            "turn": 1,
            "round": 1,
            "role": "Writer",
            "name": "Writer",
            "message": "Version 2.0 is here.",
            "tool_calls": [],
            "tokens": 212,
            "ms": 840,
        }
    ],
    "final_answer": "Version 2.0 is here.",
}
PENDING_EXAMPLE: dict[str, Any] = {
    "execution_id": _RUN_ID,
    "status": "running",
    "status_url": f"/api/v1/executions/{_RUN_ID}",
}
UPDATED_EXAMPLE: dict[str, Any] = {"team_id": TEAM_ID, "new_version": 2, "updated_at": _AT}
ROLLED_BACK_EXAMPLE: dict[str, Any] = {
    "team_id": TEAM_ID,
    "restored_version": 1,
    "new_version": 3,
    "restored_at": _AT,
}
DELETED_EXAMPLE: dict[str, Any] = {"team_id": TEAM_ID, "deleted": True}
