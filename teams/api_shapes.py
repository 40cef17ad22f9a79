"""What the API of teams takes and gives, with the examples its documentation shows."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from teams.errors import Invalid, Located
from teams.proposal_shapes import ADDITION_EXAMPLE, Addition, ProposalAnswer
from teams.shapes import Answer, Body, Moment, PageQuery, Query, Text
from teams.spec import TeamSpec


class _TeamConfigSchema:
    """Documented as the config it is, but read by TeamSpec.load, which knows old shapes and says more."""

    def __get_pydantic_json_schema__(self, _core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(TeamSpec.__pydantic_core_schema__)


Config = Annotated[Any, _TeamConfigSchema()]


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of visible characters")
    return text


NameText = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Reason = Annotated[str, Field(max_length=2000, description="Why; kept with the version and in the audit trail.")]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""PostgreSQL's integers end there."""


class TeamListQuery(PageQuery):
    """Which teams to list."""

    name: Text | None = Field(None, description="Teams whose name contains this, in any case.")
    deleted: bool = Field(False, description="List the deleted teams instead, to restore one; needs teams:write.")
    updated_after: Moment | None = Field(None, description="Changed at or after this moment, with its offset.")
    updated_before: Moment | None = Field(None, description="Changed before this moment, with its offset.")


class ReasonQuery(Query):
    """Why something is done, where there is no body to say it in."""

    reason: Annotated[Text, Field(max_length=2000)] = Field("", description="Why; kept in the history.")


class CompareQuery(Query):
    """Which two versions to compare."""

    a: Version = Field(description="The earlier version.")
    b: Version = Field(description="The later version.")


class _WithConfig(Body):
    """A body with a config in it, not the config itself, as the compatibility routes take it."""

    @classmethod
    def read(cls, values: object, saying: str = "The request") -> Self:
        """As always, but for the fields of a config sent bare, which are not to be removed."""
        try:
            return super().read(values, saying)
        except Invalid as error:
            raise Invalid(error.detail, errors=[cls._led_inside(place) for place in error.errors]) from error

    @classmethod
    def _led_inside(cls, place: Located) -> Located:
        if place["loc"] in TeamSpec.model_fields and place["loc"] not in cls.model_fields:
            return Located(loc=place["loc"], msg='is a field of the config: send it inside, {"config": { … }}')
        return place


class TeamCreate(_WithConfig):
    """A new team."""

    config: Config
    name: NameText = Field("", description="Shown in lists; empty: the goal's first words.")
    reason: Reason = ""


class TeamReplace(_WithConfig):
    """A new version of a team."""

    config: Config
    name: NameText | None = Field(None, description="Left out: the name stays.")
    reason: Reason = ""


class TeamChange(_WithConfig):
    """A new config (makes a version), a new name (makes none), or both."""

    config: Config = Field(None, description="The whole config; left out: it stays.")
    name: NameText | None = Field(None, description="Left out: the name stays.")
    reason: Reason = ""


class TeamValidate(_WithConfig):
    """A config to be checked."""

    config: Config


class WhyBody(Body):
    """Why something is done."""

    reason: Reason = ""


class RollbackBody(Body):
    """Which version to go back to."""

    target_version: Version
    reason: Reason = ""


class Place(Answer):
    """Something worth knowing about a place in the config."""

    loc: str
    msg: str


class AgentSummary(Answer):
    """An agent in few words."""

    name: str
    role: str
    personality: str
    model: str | None = Field(description="`provider:model`; null: the tenant's default.")
    tools: list[str]


class TeamRow(Answer):
    """A team in a list."""

    id: UUID
    name: str
    version: int
    goal: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class TeamDetail(Answer):
    """A team as it is now."""

    id: UUID
    name: str
    version: int
    goal: str
    flow: list[str] = Field(description="Roles in speaking order.")
    agents: list[AgentSummary]
    config: Config
    config_hash: str = Field(description="SHA-256 of the canonical config: equal for equal configs.")
    pending_proposal: ProposalAnswer | None = Field(description="What waits for approval; null: nothing does.")
    created_at: datetime
    updated_at: datetime


class TeamSaved(TeamDetail):
    """A team as it was just stored. The last two are told once: additions stay with the version, warnings do not."""

    additions: list[Addition]
    warnings: list[Place]


class TeamDeleted(Answer):
    """What is left to say of a deleted team."""

    team_id: UUID
    deleted: Literal[True]


class TeamChecked(Answer):
    """What saving a config would do."""

    valid: bool
    errors: list[Place] = Field(description="Empty when valid.")
    warnings: list[Place]
    additions: list[Addition]
    config: Config | None = Field(description="The config as it would be stored; null when it is not valid.")


class VersionRow(Answer):
    """A version in a list."""

    version: int
    created_at: datetime
    actor: str = Field(description='Who made it: "user:alice", "key:PREFIX", "system:…".')
    reason: str
    additions: list[Addition]
    config_hash: str
    is_current: bool


class VersionDetail(VersionRow):
    """A version with its config."""

    team_id: UUID
    config: Config


class Piece(Answer):
    """A stretch of a text: in both, only in the later, or only in the earlier."""

    op: Literal["same", "ins", "del"]
    text: str


class ChangeAnswer(Answer):
    """One difference between two versions."""

    kind: Literal["added", "removed", "changed", "moved"]
    path: str
    agent_id: UUID | None
    sentence: str = Field(description="For people.")
    before: Any
    after: Any
    words: list[Piece] = Field(description="What changed in a long text, in reading order; else empty.")


class Comparison(Answer):
    """How two versions differ."""

    team_id: UUID
    a: int
    b: int
    changes: list[ChangeAnswer]


# --- examples ---------------------------------------------------------------------------------------------------------

TEAM_ID = "6f1e2b1c-6c57-4ad5-9a3a-0f6b3f0f4b7e"
_AT = "2026-11-21T09:30:00Z"

CONFIG_EXAMPLE: dict[str, Any] = {
    "agent_team_main_goal": "Write a release note for version 2.0 in five sentences.",
    "agent_team_flow": "Writer->Critic",
    "max_turns": 2,
    "agents": [
        {
            "agent_role": "Writer",
            "agent_personality": "Clear and brief.",
            "agent_goal_based_prompt": "Draft the note; improve it when the critic has spoken.",
            "LLM_model": {"provider": "openai", "model": "gpt-4o-mini"},
            "LLM_configuration": {"temperature": 0.4, "max_tokens": 400},
        },
        {
            "agent_role": "Critic",
            "agent_goal_based_prompt": "Name what is missing. When nothing is, answer FINAL_ANSWER: and the note.",
        },
    ],
}
SUMMARIES_EXAMPLE: list[dict[str, Any]] = [
    {
        "name": "Writer",
        "role": "Writer",
        "personality": "Clear and brief.",
        "model": "openai:gpt-4o-mini",
        "tools": [],
    },
    {"name": "Critic", "role": "Critic", "personality": "", "model": None, "tools": []},
]
ROW_EXAMPLE: dict[str, Any] = {
    "id": TEAM_ID,
    "name": "Release notes",
    "version": 3,
    "goal": CONFIG_EXAMPLE["agent_team_main_goal"],
    "created_at": "2026-11-20T16:02:11Z",
    "updated_at": _AT,
    "deleted_at": None,
}
DETAIL_EXAMPLE: dict[str, Any] = {
    **{key: value for key, value in ROW_EXAMPLE.items() if key != "deleted_at"},
    "flow": ["Writer", "Critic"],
    "agents": SUMMARIES_EXAMPLE,
    "config": CONFIG_EXAMPLE,
    "config_hash": "9d6f0c" + "0" * 58,
    "pending_proposal": None,
}
SAVED_EXAMPLE: dict[str, Any] = {**DETAIL_EXAMPLE, "additions": [], "warnings": []}
CHECKED_EXAMPLE: dict[str, Any] = {
    "valid": False,
    "errors": [{"loc": "max_turns", "msg": "must be 1 or more; got 0"}],
    "warnings": [],
    "additions": [],
    "config": None,
}
VERSION_EXAMPLE: dict[str, Any] = {
    "version": 3,
    "created_at": _AT,
    "actor": "user:alice",
    "reason": "the critic was too kind",
    "additions": [ADDITION_EXAMPLE],
    "config_hash": DETAIL_EXAMPLE["config_hash"],
    "is_current": True,
}
COMPARISON_EXAMPLE: dict[str, Any] = {
    "team_id": TEAM_ID,
    "a": 2,
    "b": 3,
    "changes": [
        {
            "kind": "changed",
            "path": "max_turns",
            "agent_id": None,
            "sentence": "The most rounds (max_turns) changed from 5 to 2.",
            "before": 5,
            "after": 2,
            "words": [],
        }
    ],
}


def page_example(row: dict[str, Any]) -> dict[str, Any]:
    """A page that holds one row."""
    return {"results": [row], "next": None, "previous": None}
