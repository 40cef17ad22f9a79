"""Runs that wait for a person, in the admin: decide approvals, say what became of a lost call, release."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from executions.models import Execution, Status
from teams.tenancy import tenant
from tests.fakes import FakeLLMServer
from tests.integration.executions.tool_runs import Notebook, ToolRun, WorkerLost, offered

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = ("Post_Note", '{"text": "hello"}')
KEY = "r1/Writer/llm0/tool0:Post_Note"


@pytest.fixture
def model(settings: Any) -> Iterator[FakeLLMServer]:
    with FakeLLMServer() as server:
        settings.LLM_PROVIDERS = {"openai": {"base_url": server.base_url, "api_key": "test", "models": {}}}
        yield server


def page(name: str, pk: object) -> str:
    return reverse(f"admin:executions_{name}", args=[pk])


def test_an_empty_list_says_that_nothing_waits(bob: Any, signed_in: Any) -> None:
    page = signed_in(bob).get(reverse("admin:executions_approval_changelist") + "?state=waiting").content.decode()
    assert "Nothing waits for you" in page


def test_the_answer_leads_back_to_the_run_it_was_given_on(alice: Any, bob: Any, signed_in: Any, model: Any) -> None:
    with offered(Notebook(needs_approval=True)):
        run = ToolRun(alice, model, NOTE)
        run.carry()
    (approval,) = run.approvals
    client, address = signed_in(bob), page("approval_approve", approval.pk)
    shown = client.get(page("approval_change", approval.pk)).content.decode()
    assert approval.args_hash in shown
    assert "hello" in shown
    given = {"reason": "", "back": "run"}
    assert client.submit(address, given).url == page("execution_change", run.id)


@pytest.mark.parametrize(("name", "decision"), [("approve", "approved"), ("reject", "rejected")])
def test_an_approval_is_decided_from_the_runs_page(
    alice: Any, bob: Any, signed_in: Any, model: Any, name: str, decision: str
) -> None:
    with offered(Notebook(needs_approval=True)):
        run = ToolRun(alice, model, NOTE)
        run.carry()
    (approval,) = run.approvals
    client = signed_in(bob)
    address = page(f"approval_{name}", approval.pk)
    assert address in client.get(page("execution_change", run.id)).content.decode()
    assert (
        str(approval.pk)
        in client.get(reverse("admin:executions_approval_changelist") + "?state=waiting").content.decode()
    )
    assert "hello" in client.get(address).content.decode()
    client.submit(address, {"reason": "as agreed"})
    (decided,) = run.approvals
    assert (decided.decision, decided.decided_by, decided.note) == (decision, bob.actor.label, "as agreed")
    assert run.row.status == Status.QUEUED


def test_a_lost_call_is_resolved(alice: Any, bob: Any, signed_in: Any, model: Any) -> None:
    with offered(Notebook()) as notebook:
        run = ToolRun(alice, model, NOTE)
        notebook.raises = WorkerLost()
        run.lose_worker()
        run.carry()
    client = signed_in(bob)
    assert page("execution_resolve", run.id) in client.get(page("execution_change", run.id)).content.decode()
    client.submit(page("execution_resolve", run.id), {"step": KEY, "outcome": "happened", "note": "it is there"})
    assert run.steps[KEY].state == "done"
    assert run.row.status == Status.QUEUED


def test_a_quarantined_run_is_released(alice: Any, bob: Any, signed_in: Any, model: Any) -> None:
    run = ToolRun(alice, model, agent_tools=[])
    with tenant(alice.tenant.id):
        Execution.objects.filter(id=run.id).update(status=Status.QUARANTINED)
    client = signed_in(bob)
    assert page("execution_release", run.id) in client.get(page("execution_change", run.id)).content.decode()
    client.submit(page("execution_release", run.id), {"reason": "mended"})
    assert run.row.status == Status.QUEUED
