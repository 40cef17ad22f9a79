"""What the Team Builder would add, until a person says yes or no.

A proposal belongs to the one version it was made for. It is kept with the team; saving anything else makes it stale,
and then it can only be thrown away or asked for again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from teams import audit
from teams.access import Actor
from teams.building import Asking, Prepared, checked, prepare
from teams.errors import Conflict, Located, NotFound
from teams.joining import joined, without
from teams.models import Team
from teams.refusing import refuse
from teams.services import stored_spec, team_get, team_past
from teams.spec import MAX_AGENTS, AgentSpec, TeamSpec, config_hash, dump, flow_roles, unfilled_roles
from teams.storing import (
    Saved,
    audited_proposal,
    checked_texts,
    expect,
    locked,
    new_proposal,
    store,
    store_version,
)


class UnfilledRoles(Conflict):
    """The team cannot run: its flow names roles that no agent has."""

    code = "unfilled-roles"

    def __init__(self, roles: Sequence[str], proposal: Mapping[str, Any] | None = None) -> None:
        self.roles, self.proposal = list(roles), proposal
        then = (
            "approve the pending proposal, or add an agent" if proposal else "add an agent, or ask for recommendations"
        )
        super().__init__(f"no agent has the role {', '.join(roles)}, which the flow names: {then}")

    def problem(self) -> dict[str, object]:
        """The usual members, and the proposal that waits for approval (null: none does)."""
        return {**super().problem(), "proposal": self.proposal}


@dataclass(frozen=True)
class Recommended:
    """What came of asking: the proposal that waits now, or None, and why there is none or less than hoped."""

    team: Team
    proposal: dict[str, Any] | None
    warnings: list[Located] = field(default_factory=list)


@dataclass(frozen=True)
class _Joining:
    agent: AgentSpec
    place: int


def is_stale(team: Team) -> bool:
    """Whether the team has moved on since its proposal was made."""
    return team.pending_proposal is not None and team.pending_proposal["version"] != team.version


def shown_proposal(team: Team) -> dict[str, Any] | None:
    """The team's proposal as answers show it, or None."""
    proposal = team.pending_proposal
    return None if proposal is None else {**proposal, "is_stale": is_stale(team)}


def proposal_get(*, actor: Actor, team_id: UUID) -> dict[str, Any]:
    """Return the proposal that waits, stale or not. Raises `NotFound` for the team, or when there is none."""
    actor.require("teams:read")
    proposal = shown_proposal(team_get(actor=actor, team_id=team_id))
    if proposal is None:
        raise NotFound("no proposal is waiting; ask for recommendations to have one made")
    return proposal


def team_recommend(*, actor: Actor, team_id: UUID, reason: str = "", prepared: Prepared | None = None) -> Recommended:
    """Let the Team Builder propose agents: for roles of the flow that nobody has, and further ones for the goal.

    The team itself stays as it is. A model is asked, so call outside every scope, or hand in `recommend_prepare`'s
    answer. Raises `NotFound`, and `Conflict` when the team allows no more agents or moved meanwhile.
    """
    actor.require("teams:write")
    checked_texts("", reason)
    prepared = prepared or recommend_prepare(actor=actor, team_id=team_id)
    with locked(actor, team_id) as team:
        if not prepared.proposed:
            return Recommended(team, shown_proposal(team), _nobody(prepared))
        if team.version != prepared.version:
            raise Conflict(f"the team moved to version {team.version} meanwhile: ask again")
        before, team.pending_proposal = audited_proposal(team.pending_proposal), new_proposal(team, actor, prepared)
        _keep(team, actor, "proposal.make", before, reason)
    return Recommended(team, shown_proposal(team), prepared.warnings)


def recommend_prepare(*, actor: Actor, team_id: UUID) -> Prepared:
    """Ask for recommendations, storing nothing. Raises as `team_recommend`."""
    actor.require("teams:write")
    team = team_get(actor=actor, team_id=team_id)
    spec, past = stored_spec(team.config), team_past(team)
    left = spec.allow_TBA_how_many_more - past.used_by(spec)
    if not spec.allow_TBA_to_recommend_agents or left <= 0:
        changes = [] if spec.allow_TBA_to_recommend_agents else ["allow_TBA_to_recommend_agents to true"]
        changes += [] if left > 0 else [f"allow_TBA_how_many_more to at least {past.used_by(spec) + 1}"]
        raise Conflict(f"the Team Builder may add no more agents to this team: set {' and '.join(changes)}")
    if len(spec.agents) >= MAX_AGENTS:
        raise Conflict(f"the team has {len(spec.agents)} agents, and a team has at most {MAX_AGENTS}: remove one first")
    return prepare(actor, {**team.config, "tenant_id": actor.tenant_slug}, past, Asking.ON_REQUEST)


def proposal_approve(
    *, actor: Actor, team_id: UUID, roles: Sequence[str] | None = None, proposal_id: UUID | None = None,
    reason: str = "", expected_version: int | None = None,
) -> Saved:  # fmt: skip
    """Store the proposed agents, or those of `roles`, as the team's next version; the others are dropped.

    Raises `NotFound`, `Invalid` (a role that was not proposed, or an agent that may no longer be added),
    `PreconditionFailed`, and `Conflict` when nothing is pending or the team has moved on.
    """
    actor.require("teams:write")
    checked_texts("", reason)
    seen = team_get(actor=actor, team_id=team_id)
    prepared = _approved(actor, seen, _current(seen, proposal_id), roles)
    with locked(actor, team_id) as team:
        expect(team, expected_version)
        proposal = _current(team, proposal_id)
        if proposal["id"] != _current(seen, proposal_id)["id"]:
            raise Conflict("another proposal took its place just now: look at it first")
        team.pending_proposal = None
        reason = reason or "approved what the Team Builder proposed"
        before = {"version": team.version, "proposal": audited_proposal(proposal)}
        store_version(team, actor, prepared, reason, "proposal.approve", before=before)
    return Saved(team, prepared.additions, prepared.warnings)


def proposal_reject(*, actor: Actor, team_id: UUID, proposal_id: UUID | None = None, reason: str = "") -> Team:
    """Throw the proposal away, stale or not. Raises `NotFound`, and `Conflict` when nothing is pending."""
    actor.require("teams:write")
    checked_texts("", reason)
    with locked(actor, team_id) as team:
        before = audited_proposal(_pending(team, proposal_id))
        team.pending_proposal = None
        _keep(team, actor, "proposal.reject", before, reason)
    return team


# --- inside -----------------------------------------------------------------------------------------------------------


def _pending(team: Team, proposal_id: UUID | None) -> dict[str, Any]:
    proposal: dict[str, Any] | None = team.pending_proposal
    if proposal is None:
        raise Conflict("no proposal is waiting for approval")
    if proposal_id is not None and proposal["id"] != str(proposal_id):
        raise Conflict(f"that proposal is not pending any more; {proposal['id']} is: look at it first")
    return proposal


def _current(team: Team, proposal_id: UUID | None) -> dict[str, Any]:
    proposal = _pending(team, proposal_id)
    if is_stale(team):
        raise Conflict(
            f"the proposal was made for version {proposal['version']} and the team is at version {team.version}: "
            "reject it, or ask for recommendations again"
        )
    return proposal


def _approved(actor: Actor, team: Team, proposal: Mapping[str, Any], roles: Sequence[str] | None) -> Prepared:
    """The team with the chosen agents, checked as if somebody had written them."""
    proposed = {addition["role"]: addition for addition in proposal["additions"]}
    chosen = list(proposed) if roles is None else list(roles)
    _refuse_strangers(chosen, proposed)
    before = stored_spec(team.config)
    everybody = [_Joining(AgentSpec.model_validate(one["agent"]), one["place"]) for one in proposed.values()]
    spec = without(joined(before, everybody), proposed.keys() - set(chosen), flow_roles(before))
    spec = TeamSpec.load(dump(spec.model_copy(update={"tenant_id": actor.tenant_slug})))
    warnings = checked(actor, spec)
    warnings += [Located(loc="agent_team_flow", msg=f"{role} still has no agent") for role in unfilled_roles(spec)]
    config = dump(spec)
    order = flow_roles(spec)
    rows = [
        {
            **{key: value for key, value in proposed[role].items() if key != "agent"},
            "place": order.index(role)
            + 1,  # where it came to be: without those left out, not always where it was to be
            "approved_by": actor.label,
        }
        for role in proposed
        if role in chosen
    ]
    return Prepared(config, config_hash(config), spec, rows, warnings)


def _refuse_strangers(chosen: Sequence[str], proposed: Mapping[str, Any]) -> None:
    errors = [
        Located(loc=f"roles.{index}", msg=f"is not proposed; there are {', '.join(proposed)}")
        for index, role in enumerate(chosen)
        if role not in proposed
    ]
    if not chosen:
        errors = [Located(loc="roles", msg="must name at least one; reject the proposal to take nobody")]
    refuse(errors)


def _keep(team: Team, actor: Actor, action: str, before: dict[str, Any] | None, reason: str) -> None:
    store(team, actor, reason)
    after = audited_proposal(team.pending_proposal)
    audit.record(actor, action, team, before=before, after=after, reason=reason)


def _nobody(prepared: Prepared) -> list[Located]:
    if prepared.warnings:
        return prepared.warnings
    return [Located(loc="", msg=f"{prepared.model or 'the Team Builder'} sees nobody to add")]
