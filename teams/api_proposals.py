"""/api/v1/teams/ID/proposal and /recommend: what the Team Builder would add, and a person's word on it."""

from uuid import UUID

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from teams.api import team_saved
from teams.api_base import ApiView, etag, expected_version, has_body
from teams.api_schema import ETAG, IF_MATCH, describe
from teams.api_shapes import SAVED_EXAMPLE, TEAM_ID, TeamSaved, WhyBody
from teams.proposal_shapes import (
    ADDITION_EXAMPLE,
    PROPOSAL_EXAMPLE,
    PROPOSAL_ID,
    ApproveBody,
    ProposalAnswer,
    ProposalPlace,
    ProposalRejected,
    RecommendAnswer,
    RejectBody,
)
from teams.proposals import proposal_approve, proposal_get, proposal_reject, team_recommend

_NOTHING = {409: "no proposal is waiting for approval"}
_STALE = {409: "the proposal was made for version 3 and the team is at version 4: reject it, or ask again"}
_MOVED = {412: "the team is at version 4, not 3: somebody changed it meanwhile"}
_RECOMMENDED = ADDITION_EXAMPLE | {
    "kind": "recommended",
    "role": "Fact Checker",
    "reason": "A release note must not promise what the version lacks.",
    "source": "model:openai:gpt-4o-mini",
    "approved_by": "user:alice",
}


class ProposalView(ApiView):
    """What waits for approval."""

    scopes = {"GET": "teams:read"}

    @describe("Get a proposal", answer=ProposalAnswer, example=PROPOSAL_EXAMPLE)
    def get(self, _request: Request, team_id: UUID) -> Response:
        """The agents the Team Builder would add, each with its reason and its place. 404 when nothing is waiting."""
        return self.answer(ProposalAnswer(**proposal_get(actor=self.actor, team_id=team_id)))


class ApproveView(ApiView):
    """A yes."""

    scopes = {"POST": "teams:write"}

    @describe(
        "Approve a proposal",
        answer=TeamSaved,
        example=SAVED_EXAMPLE | {"version": 4, "additions": [_RECOMMENDED]},
        body=ApproveBody,
        body_example={"roles": ["Fact Checker"], "proposal_id": PROPOSAL_ID, "reason": "worth a try"},
        problems=_STALE | _MOVED,
        headers=(IF_MATCH, ETAG),
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Add the proposed agents, or some of them, as the team's next version; who approved is kept with it.

        The body may be left out. 409: nothing is waiting, or the team has moved on since.
        """
        body = self.body(ApproveBody) if has_body(request) else ApproveBody()
        saved = proposal_approve(
            actor=self.actor,
            team_id=team_id,
            roles=body.roles,
            proposal_id=body.proposal_id,
            reason=body.reason,
            expected_version=expected_version(request),
        )
        return self.answer(team_saved(saved), ETag=etag(saved.team.version))


class RejectView(ApiView):
    """A no."""

    scopes = {"POST": "teams:write"}

    @describe(
        "Reject a proposal",
        answer=ProposalRejected,
        example={"team_id": TEAM_ID, "rejected": True},
        body=RejectBody,
        body_example={"reason": "two critics are enough"},
        problems=_NOTHING,
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Throw the proposal away; the team stays as it is. The body may be left out."""
        body = self.body(RejectBody) if has_body(request) else RejectBody()
        proposal_reject(actor=self.actor, team_id=team_id, proposal_id=body.proposal_id, reason=body.reason)
        return self.answer(ProposalRejected(team_id=team_id, rejected=True))


class RecommendView(ApiView):
    """A question to the Team Builder."""

    may_wait = frozenset({"POST"})
    scopes = {"POST": "teams:write"}

    @describe(
        "Recommend agents",
        answer=RecommendAnswer,
        example={"team_id": TEAM_ID, "proposal": PROPOSAL_EXAMPLE, "warnings": []},
        body=WhyBody,
        body_example={"reason": "the notes were wrong twice"},
        problems={
            409: "the Team Builder may add no more agents to this team: set allow_TBA_how_many_more to at least 1"
        },
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Let the Team Builder propose agents for roles that nobody has and for the goal, as many as the team allows.

        The team stays as it is until the proposal is approved; a proposal that was waiting is replaced by a new one.
        The answer takes as long as the model, at most some seconds; when that fails, `warnings` says why.
        """
        reason = self.body(WhyBody).reason if has_body(request) else ""
        found = team_recommend(actor=self.actor, team_id=team_id, reason=reason)
        answer = RecommendAnswer(
            team_id=team_id,
            proposal=ProposalAnswer(**found.proposal) if found.proposal else None,
            warnings=[ProposalPlace(**warning) for warning in found.warnings],
        )
        return self.answer(answer)


urlpatterns = [
    path("teams/<id:team_id>/proposal", ProposalView.as_view(), name="api-proposal"),
    path("teams/<id:team_id>/proposal/approve", ApproveView.as_view(), name="api-proposal-approve"),
    path("teams/<id:team_id>/proposal/reject", RejectView.as_view(), name="api-proposal-reject"),
    path("teams/<id:team_id>/recommend", RecommendView.as_view(), name="api-recommend"),
]
