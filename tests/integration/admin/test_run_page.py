"""A run's page: its timeline, who of the flow is marked, what it asks of whom, and the part that renews itself."""

import re
from typing import Any

import pytest

from executions.models import Execution, Status, Step, StepKind, StepState
from executions.runspec import AgentRun, RunSpec, ToolSchema
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/executions/execution/"
TOOL = ToolSchema("Post_Note", "Posts.", {}, "external")
SPEC = RunSpec.of(
    goal="Name three uses of a brick.",
    roles=["Writer", "Critic", "Writer"],
    max_turns=2,
    agents=[AgentRun("Writer", "openai", "gpt", tools=(TOOL,)), AgentRun("Critic", "openai", "gpt")],
).to_dict()


def said(seq: int, key: str, text: str, **more: Any) -> dict[str, Any]:
    role = key.split("/")[1].partition("#")[0]
    return {
        "seq": seq, "event_seq": seq, "key": key, "kind": StepKind.LLM, "state": StepState.DONE, "role": role,
        "fence": 1, "display": {"message": text}, "turn": seq, "tokens_in": 600, "tokens_out": 12, "cost": "0.0021",
        "ms": 900, **more,
    }  # fmt: skip


def run_of(who: Any, *steps: dict[str, Any], **fields: Any) -> Any:
    team = factories.team(who)
    with tenant(who.tenant.id):
        given: Any = {"resolved_spec": SPEC, "actor": "user:alice", "step_seq": len(steps), "event_seq": len(steps)}
        run = Execution.objects.create(team=team, version=1, **{**given, **fields})
        for step in steps:
            Step.objects.create(execution=run, **step)
    return run


def page_of(browser: Any, run: Any) -> str:
    answer = browser.get(f"{LIST}{run.id}/change/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def marked(page: str) -> list[str]:
    """The marks of the flow as the picture says them in words."""
    found = re.search(r"<desc[^>]*>(.*?)</desc>", page, re.DOTALL)
    assert found
    return found[1].splitlines() or [found[1]]


CALL = {"function": {"name": "Post_Note", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("status", "steps", "word"),
    [
        (Status.RUNNING, [said(1, "r1/Writer/llm0", "a wall")], "speaking now"),
        (Status.WAITING, [
            said(1, "r1/Writer/llm0", "", display={"message": "", "tool_calls": [CALL]}),
            said(2, "r1/Writer/llm0/tool0:Post_Note/approval", "", kind=StepKind.APPROVAL, state=StepState.STARTED,
                 display={"tool": "Post_Note", "arguments": {"text": "hello"}}),
        ], "waits for a person"),
        (Status.FAILED, [said(1, "r1/Writer/llm0", "", state=StepState.FAILED, error={"message": "no"})], "failed"),
    ],
)  # fmt: skip
def test_the_picture_says_who_is_at_it(
    alice: Any, vera: Any, signed_in: Any, status: str, steps: Any, word: str
) -> None:
    page = page_of(signed_in(vera), run_of(alice, *steps, status=status))
    assert word in " ".join(marked(page))


def test_the_timeline_says_who_said_and_called_what(alice: Any, vera: Any, signed_in: Any) -> None:
    run = run_of(
        alice,
        said(1, "r1/Writer/llm0", "<b>a wall</b>"),
        said(2, "r1/Critic/llm0", "x" * 2000),
        said(3, "r1/Critic/llm0/tool0:Post_Note", "", kind=StepKind.TOOL, state=StepState.FAILED,
             display={"tool": "Post_Note", "arguments": {"text": "hi <i>"}, "error": "timeout"},
             error={"code": "timeout", "message": "timeout after 5 s"}),
        status=Status.SUCCEEDED, tokens_in=1800, tokens_out=36, cost="0.0063",
        display={"final_answer": "a doorstop"},
    )  # fmt: skip
    page = page_of(signed_in(vera), run)
    assert 'id="step-1"' in page
    assert "612 tokens · $0.0021 · 900 ms" in page
    assert "&lt;b&gt;a wall&lt;/b&gt;" in page
    assert "All 2,000 characters" in page
    assert "timeout after 5 s (timeout)" in page
    assert "hi &lt;i&gt;" in page
    assert "1,800 / 36" in page
    assert "a doorstop" in page
    assert 'data-mode="ended"' in page


def test_the_part_that_renews_itself_is_the_same_and_empty_when_nothing_is_new(
    alice: Any, vera: Any, charlie: Any, signed_in: Any
) -> None:
    run = run_of(alice, said(1, "r1/Writer/llm0", "a wall"), status=Status.RUNNING)
    browser, address = signed_in(vera), f"{LIST}{run.id}/live/"
    part = browser.get(address).content.decode()
    state = re.search(r'data-state="([^"]+)"', part)
    assert state
    assert part.strip() in page_of(browser, run)
    assert browser.get(address, {"seen": state[1]}).status_code == 204
    assert browser.get(address, {"seen": "old"}).status_code == 200
    assert signed_in(charlie).get(address).status_code == 404


def test_another_tenants_run_is_not_found(alice: Any, charlie: Any, signed_in: Any) -> None:
    run = run_of(alice)
    browser = signed_in(charlie)
    token = browser.get(LIST).context["tenant_token"]
    assert browser.get(f"{LIST}{run.id}/change/").status_code == 404
    for name in ("cancel", "retry", "release", "budget", "resolve"):
        assert browser.post(f"{LIST}{run.id}/{name}/", {"_tenant": token}).status_code == 404


@pytest.mark.parametrize("status", [Status.QUARANTINED, Status.BUDGET_EXCEEDED, Status.FAILED, Status.RUNNING])
def test_a_viewer_has_no_buttons_and_is_refused(alice: Any, bob: Any, vera: Any, signed_in: Any, status: str) -> None:
    run = run_of(alice, status=status)
    seen, operated = page_of(signed_in(vera), run), page_of(signed_in(bob), run)
    buttons = ("Cancel run</a>", "Resume</a>", "Run again</a>", '<form method="post" action="/admin/executions')
    assert not [each for each in buttons if each in seen]
    assert "Run again</a>" in operated
    browser = signed_in(vera)
    token = browser.get(LIST).context["tenant_token"]
    for name in ("cancel", "retry", "release", "budget", "resolve"):
        assert browser.post(f"{LIST}{run.id}/{name}/", {"_tenant": token}).status_code == 403


def test_who_is_needed_is_said_in_the_title(alice: Any, vera: Any, signed_in: Any) -> None:
    run = run_of(alice, status=Status.QUARANTINED)
    assert "<title> (!) Quarantined" in " ".join(page_of(signed_in(vera), run).split())


def test_run_again_brings_what_the_run_was_given(alice: Any, bob: Any, signed_in: Any) -> None:
    run = run_of(alice, status=Status.SUCCEEDED, input={"day": 1}, budget={"tokens": 400})
    page = signed_in(bob).get(f"{LIST}start/{run.team_id}/?again={run.id}").content.decode()
    assert "&quot;day&quot;: 1" in page
    assert 'value="400"' in page


def test_what_keeps_a_team_from_running_is_said_before(bob: Any, signed_in: Any, settings: Any) -> None:
    team = factories.team(bob)
    browser, address = signed_in(bob), f"{LIST}start/{team.id}/"
    assert b"cannot run now" not in browser.get(address).content
    settings.LLM_PROVIDERS = {}
    assert b"cannot run now" in browser.get(address).content


def test_the_page_asks_the_same_number_of_questions_for_any_number_of_steps(
    alice: Any, vera: Any, signed_in: Any, django_assert_max_num_queries: Any
) -> None:
    run = run_of(alice, *[said(n, f"r{n}/Writer/llm0", "text") for n in range(1, 40)], status=Status.RUNNING)
    browser = signed_in(vera)
    page_of(browser, run)
    with django_assert_max_num_queries(16):
        page_of(browser, run)


def test_cancelling_is_asked_for_once_and_in_words_of_its_own(alice: Any, bob: Any, signed_in: Any) -> None:
    browser, run = signed_in(bob), run_of(alice, status=Status.RUNNING)
    asked = browser.get(f"{LIST}{run.id}/cancel/").content.decode()
    assert re.search(r"<button[^>]*is-danger[^>]*>Cancel run</button>", asked)
    assert "Cancel run</a>" in page_of(browser, run)
    browser.submit(f"{LIST}{run.id}/cancel/", {"reason": ""})
    page = page_of(browser, run)
    assert "is being cancelled" in page
    assert "Cancel run</a>" not in page
