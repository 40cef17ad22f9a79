"""Runs in the admin: started, looked at, cancelled and tried again."""

from typing import Any

import pytest

from executions.models import Execution, Status, Step, StepKind, StepState
from teams.models import AuditEntry
from teams.services import team_delete
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/executions/execution/"


@pytest.fixture
def team(alice: Any) -> Any:
    return factories.team(alice)


@pytest.fixture
def run(alice: Any, team: Any) -> Any:
    with tenant(alice.tenant.id):
        made = Execution.objects.create(
            team=team, version=1, resolved_spec={}, actor="user:alice", result={"final_answer": "RESULT-ONLY"},
            display={"final_answer": "a doorstop"}, error={"code": "model", "message": "no answer"},
            status=Status.FAILED,
        )  # fmt: skip
        Step.objects.create(
            execution=made, seq=1, event_seq=1, key="r1/Writer/llm0", kind=StepKind.LLM, state=StepState.DONE,
            role="Writer", fence=1, request={"prompt": "REQUEST-ONLY"}, result={"message": "RESULT-ONLY"},
            display={"message": "<b>a paperweight</b>"},
        )  # fmt: skip
    return made


def test_run_now_queues_a_run_from_the_admin(team: Any, bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    address = f"{LIST}start/{team.id}/"
    assert address in browser.get(f"/admin/teams/team/{team.id}/change/").content.decode()
    answer = browser.submit(address, {"input": "only red ones"})
    with tenant(bob.tenant.id):
        made = Execution.objects.get()
    assert answer.url == f"{LIST}{made.id}/change/"
    assert (made.input, made.source, made.actor, made.version) == ("only red ones", "admin", "user:bob", 1)


def test_the_same_page_sent_twice_starts_one_run(team: Any, bob: Any, signed_in: Any) -> None:
    browser, address = signed_in(bob), f"{LIST}start/{team.id}/"
    page = {"input": "only red ones", "tokens": "5000", "once": str(browser.get(address).context["once"])}
    first, second = (browser.submit(address, page).url for _click in range(2))
    assert first == second
    assert browser.submit(address, page | {"input": "only blue ones"}).url != first
    assert browser.submit(address, page | {"once": str(browser.get(address).context["once"])}).url != first
    with tenant(bob.tenant.id):
        assert Execution.objects.count() == 3


@pytest.mark.parametrize(("typed", "given"), [("", None), ('{"a": 1}', {"a": 1}), ("{not json", "{not json")])
def test_input_is_text_an_object_or_nothing(typed: str, given: Any, team: Any, bob: Any, signed_in: Any) -> None:
    signed_in(bob).submit(f"{LIST}start/{team.id}/", {"input": typed})
    with tenant(bob.tenant.id):
        assert Execution.objects.get().input == given


def test_a_deleted_team_cannot_be_run(team: Any, bob: Any, signed_in: Any) -> None:
    team_delete(actor=bob.actor, team_id=team.id)
    browser = signed_in(bob)
    assert browser.get(f"{LIST}start/{team.id}/").status_code == 404
    assert "Run now" not in browser.get(f"/admin/teams/team/{team.id}/change/").content.decode()


def test_a_run_shows_what_people_may_read_and_escapes_it(run: Any, vera: Any, signed_in: Any) -> None:
    page = signed_in(vera).get(f"{LIST}{run.id}/change/").content.decode()
    assert "a doorstop" in page
    assert "no answer" in page
    assert "&lt;b&gt;a paperweight&lt;/b&gt;" in page
    assert "RESULT-ONLY" not in page
    assert "REQUEST-ONLY" not in page
    assert "<textarea" not in page


def test_the_list_is_filtered_by_status(run: Any, vera: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    assert str(run.id) in browser.get(f"{LIST}?status__exact=failed").content.decode()
    assert str(run.id) not in browser.get(f"{LIST}?status__exact=queued").content.decode()


def test_resume_then_cancel(run: Any, bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    assert b"not paid twice" in browser.get(f"{LIST}{run.id}/retry/").content
    assert browser.submit(f"{LIST}{run.id}/retry/", {"reason": "again"}).status_code == 302
    assert browser.submit(f"{LIST}{run.id}/cancel/", {"reason": "enough"}).status_code == 302
    with tenant(bob.tenant.id):
        assert Execution.objects.get().status == Status.CANCELLED
        entry = AuditEntry.objects.filter(object_type="execution").first()
    assert entry is not None
    assert (entry.action, entry.reason) == ("execution.cancel", "enough")


def test_what_does_not_fit_the_state_is_a_message(run: Any, bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(f"{LIST}{run.id}/cancel/", {"reason": ""})
    assert answer.status_code == 302
    assert "the run is failed" in str(next(iter(answer.wsgi_request._messages)))


def test_viewers_start_and_end_nothing(run: Any, team: Any, vera: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    for address in (f"{LIST}start/{team.id}/", f"{LIST}{run.id}/retry/", f"{LIST}{run.id}/cancel/"):
        assert browser.get(address).status_code == 403


def test_runs_cannot_be_edited_or_deleted(run: Any, alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    token = browser.get(LIST).context["tenant_token"]
    for address in ("add/", f"{run.id}/change/", f"{run.id}/delete/"):
        assert browser.post(f"{LIST}{address}", {"_tenant": token, "status": "succeeded"}).status_code == 403
