"""What the Team Builder proposes waits for a person, belongs to one version, and is told of where it matters."""

from typing import Any

import pytest

from agents.models import TenantTool
from executions.services import execution_start
from teams.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from teams.models import AuditEntry, Team
from teams.proposals import UnfilledRoles, proposal_approve, proposal_get, proposal_reject, team_recommend
from teams.services import team_create, team_delete, team_get, team_rollback, team_update
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

ASKS = {
    "allow_TBA_to_recommend_agents": True,
    "allow_TBA_how_many_more": 2,
    "should_TBA_ask_caller_approval": True,
}


def team(who: Any, *roles: str, **changes: Any) -> Team:
    return team_create(actor=who.actor, config=factories.config(*roles or ("Writer",), **{**ASKS, **changes})).team


def roles(of: Team) -> list[str]:
    return [agent["agent_role"] for agent in of.config["agents"]]


def proposed(of: Team) -> list[str]:
    return [addition["role"] for addition in of.pending_proposal["additions"]] if of.pending_proposal else []


def audit(who: Any, action: str) -> AuditEntry:
    with tenant(who.tenant.id):
        return AuditEntry.objects.filter(action=action).get()


# --- made -------------------------------------------------------------------------------------------------------------


def test_recommended_agents_wait_and_the_version_has_what_was_written(alice, tba_model, written):
    tba_model.writes(written("Poet", place=1))
    made = team(alice)
    assert (roles(made), made.version) == (["Writer"], 1)
    assert (proposed(made), made.pending_proposal["model"]) == (["Poet"], "openai:fake")
    assert made.pending_proposal["asked_by"] == "user:alice"
    with tenant(alice.tenant.id):
        assert made.history.get().additions == []


def test_templates_wait_too_and_no_model_is_asked(alice, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic")
    assert (roles(made), proposed(made)) == (["Writer"], ["Critic"])
    assert made.pending_proposal["model"] is None
    assert tba_model.calls == []


def test_a_role_the_model_could_not_write_is_saved_unfilled_with_a_warning(alice, tba_model):
    tba_model.says("no")
    saved = team_create(actor=alice.actor, config=factories.config("Writer", agent_team_flow="Writer->Poet", **ASKS))
    assert saved.team.pending_proposal is None
    assert any(warning["loc"] == "agent_team_flow" for warning in saved.warnings)


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_run_is_refused_with_the_proposal_while_a_role_is_unfilled(alice, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic")
    with pytest.raises(UnfilledRoles) as refused:
        execution_start(actor=alice.actor, team_id=made.id)
    problem = refused.value.problem()
    assert (problem["status"], problem["proposal"]["id"]) == (409, made.pending_proposal["id"])
    proposal_approve(actor=alice.actor, team_id=made.id)
    assert execution_start(actor=alice.actor, team_id=made.id).execution.version == 2
    with pytest.raises(UnfilledRoles) as refused:
        execution_start(actor=alice.actor, team_id=made.id, version=1)
    assert refused.value.proposal is None


def test_a_complete_team_runs_while_further_agents_wait(alice, tba_model, written):
    tba_model.writes(written("Poet"))
    made = team(alice)
    assert list(execution_start(actor=alice.actor, team_id=made.id).execution.resolved_spec["agents"]) == ["Writer"]


# --- approved ---------------------------------------------------------------------------------------------------------


def test_approved_agents_join_at_their_place_as_a_new_version_of_who_approved(alice, bob, tba_model, written):
    tba_model.writes(written("Poet", place=1), written("Editor"))
    made = team(alice)
    saved = proposal_approve(actor=bob.actor, team_id=made.id, reason="worth a try")
    assert (roles(saved.team), saved.team.version, saved.team.pending_proposal) == (
        ["Poet", "Writer", "Editor"],
        2,
        None,
    )
    assert [row["approved_by"] for row in saved.additions] == ["user:bob", "user:bob"]
    assert [row["reason"] for row in saved.additions] == ["The goal needs a Poet.", "The goal needs a Editor."]
    with tenant(alice.tenant.id):
        row = Team.history.get(id=made.id, version=2)
    assert (row.actor, row.history_change_reason, row.additions) == ("user:bob", "worth a try", saved.additions)
    assert audit(alice, "proposal.approve").before["proposal"]["id"] == made.pending_proposal["id"]


def test_their_places_are_those_they_have_without_the_others(alice, tba_model, written):
    tba_model.writes(written("First", place=1), written("Last", place=3))
    saved = proposal_approve(actor=alice.actor, team_id=team(alice).id, roles=["Last"])
    assert roles(saved.team) == ["Writer", "Last"]
    assert [(row["role"], row["place"]) for row in saved.additions] == [("Last", 2)]


def test_some_of_them(alice, tba_model, written):
    tba_model.writes(written("Poet", place=1), written("Editor"))
    saved = proposal_approve(actor=alice.actor, team_id=team(alice).id, roles=["Editor"])
    assert (roles(saved.team), saved.team.pending_proposal) == (["Writer", "Editor"], None)


def test_a_role_left_out_of_the_flow_stays_open_and_is_told(alice, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic->Refiner")
    saved = proposal_approve(actor=alice.actor, team_id=made.id, roles=["Critic"])
    assert (roles(saved.team), saved.team.flow) == (["Writer", "Critic"], ["Writer", "Critic", "Refiner"])
    assert "Refiner still has no agent" in [warning["msg"] for warning in saved.warnings]


@pytest.mark.parametrize(("chosen", "loc"), [(["Nobody"], "roles.0"), ([], "roles")])
def test_only_what_was_proposed(chosen, loc, alice, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic")
    with pytest.raises(Invalid) as refused:
        proposal_approve(actor=alice.actor, team_id=made.id, roles=chosen)
    assert refused.value.errors[0]["loc"] == loc
    assert team_get(actor=alice.actor, team_id=made.id).version == 1


def test_what_may_no_longer_be_used_is_refused(alice, tba_model, written):
    tba_model.writes(written("Poet", tools=["Chunk_Text"]))
    made = team(alice)
    with tenant(alice.tenant.id):
        TenantTool.objects.create(name="Chunk_Text", enabled=False)
    with pytest.raises(Invalid, match="switched off"):
        proposal_approve(actor=alice.actor, team_id=made.id)


# --- rejected and stale -----------------------------------------------------------------------------------------------


def test_a_rejected_proposal_is_gone_and_told_in_the_audit_trail(alice, bob, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic")
    left = proposal_reject(actor=bob.actor, team_id=made.id, reason="no")
    assert (left.pending_proposal, left.version) == (None, 1)
    entry = audit(alice, "proposal.reject")
    assert (entry.actor, entry.reason, entry.before["additions"][0]["role"]) == ("user:bob", "no", "Critic")
    for act in (proposal_approve, proposal_reject):
        with pytest.raises(Conflict, match="no proposal is waiting"):
            act(actor=bob.actor, team_id=made.id)
    with pytest.raises(NotFound, match="no proposal is waiting"):
        proposal_get(actor=bob.actor, team_id=made.id)


def test_a_newer_version_makes_it_stale(alice, tba_model, written):
    tba_model.writes(written("Poet"))
    made = team(alice)
    team_update(actor=alice.actor, team_id=made.id, config={**made.config, "max_turns": 3})
    assert proposal_get(actor=alice.actor, team_id=made.id)["is_stale"] is True
    with pytest.raises(Conflict, match="made for version 1 and the team is at version 2"):
        proposal_approve(actor=alice.actor, team_id=made.id)
    assert proposal_reject(actor=alice.actor, team_id=made.id).pending_proposal is None


def test_a_role_of_the_flow_is_proposed_again_as_it_was_written(alice, tba_model, written):
    tba_model.writes(written("Poet"))
    made = team(alice, agent_team_flow="Writer->Poet")
    saved = team_update(actor=alice.actor, team_id=made.id, config={**made.config, "max_turns": 3})
    assert saved.team.pending_proposal["version"] == 2
    assert saved.team.pending_proposal["additions"][0]["agent"] == made.pending_proposal["additions"][0]["agent"]
    assert len(tba_model.calls) == 1


def test_the_proposal_that_was_looked_at_or_none(alice, tba_model, written):
    tba_model.writes(written("Poet"))
    seen = team(alice).pending_proposal
    made = team(alice)
    for act in (proposal_approve, proposal_reject):
        with pytest.raises(Conflict, match="not pending any more"):
            act(actor=alice.actor, team_id=made.id, proposal_id=seen["id"])


def test_if_match_holds_here_too(alice, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic")
    with pytest.raises(PreconditionFailed):
        proposal_approve(actor=alice.actor, team_id=made.id, expected_version=7)


def test_a_version_with_an_open_role_can_be_gone_back_to(alice, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic")
    proposal_approve(actor=alice.actor, team_id=made.id)
    saved = team_rollback(actor=alice.actor, team_id=made.id, target_version=1)
    assert (roles(saved.team), saved.team.version) == (["Writer"], 3)


# --- asked for --------------------------------------------------------------------------------------------------------


def test_recommending_makes_a_proposal_and_never_changes_the_team(alice, tba_model, written):
    made = team(alice, "Writer", "Critic", agent_team_flow="Writer->Critic", should_TBA_ask_caller_approval=False)
    tba_model.writes(written("Poet", place=2))
    found = team_recommend(actor=alice.actor, team_id=made.id, reason="dull")
    now = team_get(actor=alice.actor, team_id=made.id)
    assert (now.version, now.config) == (1, made.config)
    assert (proposed(now), found.proposal["id"]) == (["Poet"], now.pending_proposal["id"])
    assert audit(alice, "proposal.make").reason == "dull"
    saved = proposal_approve(actor=alice.actor, team_id=made.id)
    assert saved.team.flow == ["Writer", "Poet", "Critic"]


def test_recommending_fills_open_roles_first(alice, tba_model, written):
    tba_model.says("no")
    made = team(alice, agent_team_flow="Writer->Poet")
    tba_model.writes(written("Poet"), written("Editor"))
    assert [one["role"] for one in team_recommend(actor=alice.actor, team_id=made.id).proposal["additions"]] == [
        "Poet",
        "Editor",
    ]


def test_nobody_to_add_keeps_what_was_waiting(alice, tba_model, written):
    tba_model.writes(written("Poet"))
    made = team(alice)
    tba_model.writes()
    found = team_recommend(actor=alice.actor, team_id=made.id)
    assert found.proposal["id"] == made.pending_proposal["id"]
    assert found.warnings == [{"loc": "", "msg": "openai:fake sees nobody to add"}]


def test_without_a_model_it_says_why(alice, settings, tba_model):
    settings.DEFAULT_MODEL = "keyless:any"
    made = team(alice)
    found = team_recommend(actor=alice.actor, team_id=made.id)
    assert found.proposal is None
    assert "KEYLESS_API_KEY is not set" in found.warnings[0]["msg"]


def test_no_slot_left_is_a_conflict_and_no_model_is_asked(alice, tba_model, written):
    tba_model.writes(written("Poet"), written("Editor"))
    made = team(alice)
    proposal_approve(actor=alice.actor, team_id=made.id)
    asked = len(tba_model.calls)
    with pytest.raises(Conflict, match="allow_TBA_how_many_more to at least 3"):
        team_recommend(actor=alice.actor, team_id=made.id)
    assert len(tba_model.calls) == asked


# --- who may ----------------------------------------------------------------------------------------------------------


def test_strangers_and_deleted_teams_answer_alike(alice, charlie, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic")
    for act in (proposal_get, proposal_approve, proposal_reject, team_recommend):
        with pytest.raises(NotFound, match="not found or is deleted"):
            act(actor=charlie.actor, team_id=made.id)
    team_delete(actor=alice.actor, team_id=made.id)
    for act in (proposal_get, proposal_approve, proposal_reject, team_recommend):
        with pytest.raises(NotFound, match="not found or is deleted"):
            act(actor=alice.actor, team_id=made.id)


def test_a_viewer_may_look_only(alice, acme, tba_model):
    made = team(alice, agent_team_flow="Writer->Critic")
    vera = factories.person("vera", acme, "viewer").actor
    assert proposal_get(actor=vera, team_id=made.id)["additions"]
    for act in (proposal_approve, proposal_reject, team_recommend):
        with pytest.raises(Forbidden):
            act(actor=vera, team_id=made.id)
