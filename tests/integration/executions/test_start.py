"""What a run is pinned to when it is accepted, and what keeps it from being accepted."""

import pytest

from executions import runtime
from executions.models import Execution, Step
from executions.services import execution_start
from executions.worker import Worker
from teams.errors import Conflict, Forbidden, Invalid, NotFound
from teams.models import Tenant
from teams.services import team_delete, team_update
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def start(who, team, **given):
    return execution_start(actor=who.actor, team_id=team.id, **given)


def test_a_run_keeps_the_version_it_started_with(alice, fake_model):
    team = factories.team(alice, "Old")
    execution = start(alice, team).execution
    team_update(actor=alice.actor, team_id=team.id, config=factories.config("New"))
    runtime.run_next(Worker(slots=1))
    with tenant(alice.tenant.id):
        assert [step.role for step in Step.objects.filter(execution=execution)] == ["Old"]


def test_what_a_run_starts_from_is_asked_in_one_question(alice, django_assert_num_queries):
    team = factories.team(alice)
    start(alice, team)
    with django_assert_num_queries(5):  # BEGIN, the tenant, the question, the insert, COMMIT
        start(alice, team)


def test_an_older_version_can_be_run(alice):
    team = factories.team(alice, "Old")
    team_update(actor=alice.actor, team_id=team.id, config=factories.config("New"))
    execution = start(alice, team, version=1).execution
    assert execution.version == 1
    assert list(execution.resolved_spec["agents"]) == ["Old"]


def test_an_unknown_version(alice):
    with pytest.raises(NotFound, match="Version 7 not found"):
        start(alice, factories.team(alice), version=7)


def test_a_deleted_team(alice):
    team = factories.team(alice)
    team_delete(actor=alice.actor, team_id=team.id)
    with pytest.raises(NotFound, match="not found or is deleted"):
        start(alice, team)


def test_a_strangers_team(alice, charlie):
    with pytest.raises(NotFound):
        start(charlie, factories.team(alice))


def test_a_tenant_that_is_switched_off(alice):
    team = factories.team(alice)
    Tenant.objects.filter(id=alice.tenant.id).update(is_active=False)
    with pytest.raises(Forbidden):
        start(alice, team)


def test_a_provider_without_credentials(alice, settings):
    settings.LLM_PROVIDERS = {"openai": {"base_url": "https://example.invalid/v1", "key_variable": "OPENAI_API_KEY"}}
    with pytest.raises(Conflict, match="OPENAI_API_KEY"):
        start(alice, factories.team(alice))


@pytest.mark.parametrize("given", [["a", "list"], 7, True, "nul\0", {"deep\0": 1}, "x" * 1_000_001])
def test_bad_input(alice, given):
    team = factories.team(alice)
    with pytest.raises(Invalid) as refused:
        start(alice, team, input=given)
    assert refused.value.errors[0]["loc"].startswith("input")
    with tenant(alice.tenant.id):
        assert not Execution.objects.exists()


def test_tools_that_cannot_be_called_are_noted(alice, fake_model):
    agents = [{"agent_role": "Finder", "agent_tools": ["Search_Vector_DB"]}]
    execution = start(alice, factories.team(alice, agents=agents)).execution
    runtime.run_next(Worker(slots=1))
    with tenant(alice.tenant.id):
        first = Step.objects.filter(execution=execution).first()
    assert first.kind == "note"
    assert "Finder runs without Search_Vector_DB" in first.display["note"]


def test_a_swapped_model_is_noted(alice, settings, fake_model):
    settings.LLM_PROVIDERS = {
        **settings.LLM_PROVIDERS,
        "elsewhere": {"base_url": "https://example.invalid/v1", "key_variable": "ELSEWHERE_API_KEY"},
    }
    agents = [{"agent_role": "Writer", "LLM_model": {"provider": "elsewhere", "model": "big"}}]
    execution = start(alice, factories.team(alice, agents=agents)).execution
    assert execution.resolved_spec["agents"]["Writer"]["provider"] == "openai"
    assert any("elsewhere:big is not available" in note for note in execution.resolved_spec["notes"])
