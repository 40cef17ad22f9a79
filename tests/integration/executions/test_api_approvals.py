"""/api/v1/approvals, steps/{key}/resolve and release."""

from urllib.parse import quote

import pytest

from executions.models import Execution, Status
from teams.tenancy import tenant
from tests.integration.executions.tool_runs import Notebook, ToolRun, WorkerLost, offered

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = ("Post_Note", '{"text": "hello"}')
KEY = "r1/Writer/llm0/tool0:Post_Note"


@pytest.fixture
def asked(alice, fake_model):
    """A run that waits for an approval."""
    with offered(Notebook(needs_approval=True)) as notebook:
        run = ToolRun(alice, fake_model, NOTE)
        run.carry()
        run.notebook = notebook
        yield run


@pytest.fixture
def lost(alice, fake_model):
    """A run whose worker was lost in the middle of a call with an effect."""
    with offered(Notebook()) as notebook:
        run = ToolRun(alice, fake_model, NOTE)
        notebook.raises = WorkerLost()
        run.lose_worker()
        assert run.carry().status == Status.WAITING
        run.notebook = notebook
        yield run


def resolve(client, run, **body):
    return client.post(f"/api/v1/executions/{run.id}/steps/{quote(KEY, safe='')}/resolve", body)


def test_what_waits_is_listed_and_decided(api, bob, asked):
    (row,) = api(bob).get(f"/api/v1/approvals?state=waiting&execution_id={asked.id}").json()["results"]
    assert (row["tool"], row["arguments"], row["decision"]) == ("Post_Note", {"text": "hello"}, None)
    answer = api(bob).post(f"/api/v1/approvals/{row['id']}/approve", {"note": "fine"})
    assert (answer.status_code, answer.json()["decision"]) == (200, "approved")
    assert api(bob).get("/api/v1/approvals?state=waiting").json()["results"] == []
    assert api(bob).get(f"/api/v1/approvals/{row['id']}").json()["decided_by"].startswith("key:")
    again = api(bob).post(f"/api/v1/approvals/{row['id']}/reject", {})
    assert again.status_code == 409
    assert "approved by" in again.json()["detail"]


def test_another_tenant_finds_nothing(api, charlie, asked):
    (approval,) = asked.approvals
    assert api(charlie).get("/api/v1/approvals").json()["results"] == []
    assert api(charlie).post(f"/api/v1/approvals/{approval.id}/approve", {}).status_code == 404


def test_it_did_not_happen_so_it_is_made_again_under_a_new_key(api, bob, lost):
    assert resolve(api(bob), lost, outcome="did_not").json()["status"] == "queued"
    assert lost.carry().status == Status.SUCCEEDED
    assert lost.notebook.keys == [f"{lost.id}:{KEY}:0", f"{lost.id}:{KEY}:1"]


def test_it_happened_so_it_is_not_made_again(api, bob, lost, fake_model):
    assert resolve(api(bob), lost, outcome="happened", result="note 7").status_code == 200
    assert lost.carry().status == Status.SUCCEEDED
    assert lost.notebook.notes == ["hello"]
    assert fake_model.calls[-1].body["messages"][-1]["content"] == "note 7"


def test_fail_ends_the_run_and_a_retry_asks_first(api, bob, lost):
    assert resolve(api(bob), lost, outcome="fail", note="stop").json()["error"]["code"] == "effect_unknown"
    answer = api(bob).post(f"/api/v1/executions/{lost.id}/retry", {})
    assert answer.status_code == 409
    assert KEY in answer.json()["detail"]
    assert resolve(api(bob), lost, outcome="happened").status_code == 200
    assert api(bob).post(f"/api/v1/executions/{lost.id}/retry", {}).status_code == 202
    assert lost.carry().status == Status.SUCCEEDED
    assert lost.notebook.notes == ["hello"]


def test_a_known_step_is_not_resolved_and_a_missing_one_is_not_found(api, bob, charlie, lost):
    resolve(api(bob), lost, outcome="happened")
    assert resolve(api(bob), lost, outcome="did_not").status_code == 409
    assert resolve(api(charlie), lost, outcome="did_not").status_code == 404
    assert api(bob).post(f"/api/v1/executions/{lost.id}/steps/nothing/resolve", {"outcome": "fail"}).status_code == 404
    assert resolve(api(bob), lost, outcome="perhaps").status_code == 400


def test_a_quarantined_run_is_released(api, bob, lost):
    url = f"/api/v1/executions/{lost.id}/release"
    assert api(bob).post(url, {}).status_code == 409
    with tenant(bob.tenant.id):
        Execution.objects.filter(id=lost.id).update(status=Status.QUARANTINED, recovery_count=3)
    assert api(bob).post(url, {"reason": "more memory"}).json()["status"] == "queued"
    assert lost.row.recovery_count == 0
