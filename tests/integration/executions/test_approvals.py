"""A tool call waits for a person: approved, rejected, decided twice at once, by the wrong one, too late."""

from dataclasses import replace

import pytest

from executions.approvals import approval_decide
from executions.models import Approval, Status
from executions.services import execution_cancel, execution_retry
from teams.errors import Conflict, Forbidden, NotFound
from teams.models import AuditEntry
from teams.tenancy import tenant
from tests.integration.executions import engine_sql as sql
from tests.integration.executions.tool_runs import Notebook, ToolRun, offered
from tests.integration.tenancy.threads import together

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = ("Post_Note", '{"text": "hello"}')
OTHER = ("Post_Note", '{"text": "again"}')
KEY = "r1/Writer/llm0/tool0:Post_Note"


@pytest.fixture
def notebook():
    with offered(Notebook(needs_approval=True)) as notebook:
        yield notebook


@pytest.fixture
def run(alice, fake_model, notebook):
    run = ToolRun(alice, fake_model, NOTE)
    assert run.carry().status == Status.WAITING
    return run


def decide(who, run, *, approve=True, note="", number=0):
    return approval_decide(actor=who.actor, approval_id=run.approvals[number].id, approve=approve, note=note)


def test_nothing_happens_before_a_person_says_yes(run, notebook, bob, alice):
    assert notebook.notes == []
    (asked,) = run.approvals
    assert (asked.tool, asked.role, asked.args, asked.step_key) == ("Post_Note", "Writer", {"text": "hello"}, KEY)
    decide(bob, run, note="fine")
    assert run.row.status == Status.QUEUED
    assert run.carry().status == Status.SUCCEEDED
    assert notebook.notes == ["hello"]
    assert run.steps[f"{KEY}/approval"].display["decided_by"] == bob.actor.label
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(action="approval.approve").reason == "fine"


def test_no_is_told_to_the_agent(run, notebook, bob, fake_model):
    decide(bob, run, approve=False, note="not today")
    assert run.carry().status == Status.SUCCEEDED
    assert notebook.notes == []
    assert "not today" in fake_model.calls[-1].body["messages"][-1]["content"]
    assert run.steps[KEY].error["code"] == "rejected"


def test_all_that_is_asked_must_be_decided(alice, bob, fake_model, notebook):
    run = ToolRun(alice, fake_model, NOTE, OTHER)
    run.carry()
    decide(bob, run)
    assert run.row.status == Status.WAITING
    decide(bob, run, approve=False, number=1)
    assert run.carry().status == Status.SUCCEEDED
    assert notebook.notes == ["hello"]


def test_of_two_at_once_one_wins_and_the_other_learns_the_decision(run, alice):
    def work(number):
        try:
            return decide(alice, run, approve=number % 2 == 0).decision
        except Conflict as error:
            return error.detail

    answers = together(4, work)
    (won,) = [answer for answer in answers if answer in {"approved", "rejected"}]
    assert sum(f"already decided: {won}" in answer for answer in answers) == 3
    assert run.approvals[0].decision == won


def test_after_its_time_it_is_expired_and_the_agent_is_told(run, alice, fake_model, notebook):
    with tenant(alice.tenant.id):
        Approval.objects.update(expires_at="2020-01-01T00:00:00Z")
    with pytest.raises(Conflict, match="expired"):
        decide(alice, run)
    with sql.login() as worker:
        assert sql.reap(worker).undecided == 1
    with pytest.raises(Conflict, match="expired by system:reaper"):
        decide(alice, run)
    assert run.carry().status == Status.SUCCEEDED
    assert "nobody decided in time" in fake_model.calls[-1].body["messages"][-1]["content"]
    assert notebook.notes == []


def test_another_tenant_sees_and_decides_nothing(run, charlie):
    with pytest.raises(NotFound):
        decide(charlie, run)


def test_a_viewer_may_not_decide(run, alice):
    viewer = replace(alice.actor, scopes=alice.actor.scopes - {"approvals:decide"})
    with pytest.raises(Forbidden, match="approvals:decide"):
        approval_decide(actor=viewer, approval_id=run.approvals[0].id, approve=True)


def test_a_cancelled_run_takes_no_decision_and_asks_anew_when_retried(run, alice, notebook):
    execution_cancel(actor=alice.actor, execution_id=run.id)
    with pytest.raises(Conflict):
        decide(alice, run)
    execution_retry(actor=alice.actor, execution_id=run.id)
    assert run.carry().status == Status.WAITING
    decide(alice, run)
    assert run.carry().status == Status.SUCCEEDED
    assert notebook.notes == ["hello"]


def test_an_agent_that_asks_before_writes_asks_for_each_call_with_an_effect(alice, fake_model):
    with offered(Notebook()) as notebook:
        run = ToolRun(alice, fake_model, NOTE, agent_asks_before_writes=True)
        assert run.carry().status == Status.WAITING
        assert notebook.notes == []
