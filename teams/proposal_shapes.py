"""What the API says of the Team Builder's additions and proposals."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from teams.shapes import Answer, Body
from teams.spec import AgentSpec

Kind = Literal["default", "flow", "recommended", "model"]


class Addition(Answer):
    """Something the Team Builder did to a team: an agent it added or, of the kind `model`, a model it replaced."""

    kind: Kind = Field(
        description="default: the config named no agents; flow: the flow named a role that nobody had; "
        "recommended: for the goal; model: the agent's model cannot be called, so the one of `source` speaks."
    )
    role: str
    agent_id: UUID
    added_by: str = Field(description='Always "team-builder".')
    approved_by: str | None = Field(description="Who approved it; null: nobody had to.")
    reason: str = Field(description="Why, for people.")
    source: str = Field(description='"template:ROLE", or "model:PROVIDER:MODEL" for what that model wrote.')
    place: int | None = Field(description="Where it speaks, 1 for first; null: it was there already, or never speaks.")

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_stored(cls, row: Any) -> Any:
        # Only what waited has an approver, and the first versions were stored with fewer words.
        return {"kind": "flow", "place": None, "approved_by": None, **row} if isinstance(row, dict) else row


class ProposedAgent(Answer):
    """An agent that waits for approval."""

    kind: Kind
    role: str
    agent_id: UUID
    added_by: str
    reason: str
    source: str
    place: int | None = Field(description="Where it would speak, 1 for first.")
    agent: AgentSpec


class ProposalAnswer(Answer):
    """What the Team Builder would add to one version of a team."""

    id: UUID
    version: int = Field(description="The version it was made for.")
    is_stale: bool = Field(description="The team has a newer version: it can be rejected, but not approved.")
    made_by: str
    asked_by: str = Field(description="Whose request made the Team Builder propose it.")
    model: str | None = Field(description="The model that was asked; null: all of it is from templates.")
    created_at: datetime
    additions: list[ProposedAgent]


class ProposalPlace(Answer):
    """Something worth knowing about what was asked for."""

    loc: str
    msg: str


class RecommendAnswer(Answer):
    """What came of asking for recommendations."""

    team_id: UUID
    proposal: ProposalAnswer | None = Field(description="What waits for approval now; null: nothing does.")
    warnings: list[ProposalPlace] = Field(description="Why there is no proposal, or what was left out of it.")


class ProposalRejected(Answer):
    """What holds after a proposal was thrown away."""

    team_id: UUID
    rejected: Literal[True]


Reason = Annotated[str, Field(max_length=2000, description="Why; kept with the version and in the audit trail.")]
ProposalId = Annotated[
    UUID | None,
    Field(strict=False, description="The proposal that was looked at; another one pending by now is a 409. Null: any."),
]


class ApproveBody(Body):
    """Which of the proposed agents to take."""

    roles: Annotated[list[str], Field(max_length=50)] | None = Field(
        None, description="Their roles; null or left out: all of them. The others are dropped."
    )
    proposal_id: ProposalId = None
    reason: Reason = ""


class RejectBody(Body):
    """Why nobody is taken."""

    proposal_id: ProposalId = None
    reason: Reason = ""


# --- examples ---------------------------------------------------------------------------------------------------------

_AGENT_ID = "2b0c4c6e-8f43-4d0e-8c55-5e9f0f3e7a11"
PROPOSAL_ID = "0d4c9f5e-61f1-4d3c-9a37-0f3a5b1c2d10"

ADDITION_EXAMPLE: dict[str, Any] = {
    "kind": "flow",
    "role": "Critic",
    "agent_id": _AGENT_ID,
    "added_by": "team-builder",
    "approved_by": None,
    "reason": "the flow names this role and no agent had it",
    "source": "template:Critic",
    "place": 2,
}
PROPOSAL_EXAMPLE: dict[str, Any] = {
    "id": PROPOSAL_ID,
    "version": 3,
    "is_stale": False,
    "made_by": "team-builder",
    "asked_by": "user:alice",
    "model": "openai:gpt-4o-mini",
    "created_at": "2026-11-21T09:30:00Z",
    "additions": [
        {
            "kind": "recommended",
            "role": "Fact Checker",
            "agent_id": _AGENT_ID,
            "added_by": "team-builder",
            "reason": "A release note must not promise what the version lacks.",
            "source": "model:openai:gpt-4o-mini",
            "place": 2,
            "agent": {
                "agent_id": _AGENT_ID,
                "agent_role": "Fact Checker",
                "agent_name": "Fact Checker",
                "agent_personality": "You are exact and never guess.",
                "agent_goal_based_prompt": "Compare each sentence of the note with the list of changes.",
                "LLM_model": None,
                "fallback_model": None,
                "LLM_configuration": None,
                "allow_team_builder_to_override_model": True,
                "agent_tools": [],
                "agent_asks_before_writes": False,
                "metadata": {},
            },
        }
    ],
}
