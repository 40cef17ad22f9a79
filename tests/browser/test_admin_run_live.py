"""A run's page follows the run: words as they come, a call approved from the page, and the same without a stream."""

import re
import threading
from typing import Any

from playwright.sync_api import Page, expect

from executions import runtime
from executions.approvals import approval_decide
from executions.worker import Worker
from tests.fakes import FakeLLMServer
from tests.integration.executions.tool_runs import Notebook, ToolRun, offered

NOTE = ("Post_Note", '{"text": "<b>hello</b>"}')
SLOW_MS = 3000


def carried() -> threading.Thread:
    """A worker that carries a run beside the test, as far as it goes."""
    worker = threading.Thread(target=runtime.run_next, args=(Worker(slots=1),))
    worker.start()
    return worker


def test_words_come_and_a_call_is_approved_from_the_page(
    page: Page, alice: Any, sign_in: Any, model: FakeLLMServer, shot: Any
) -> None:
    sign_in(alice)
    answer = "FINAL_ANSWER: <b>Bricks</b> make fine bookends, and much else besides."
    model.rule(model="caller", after_tools=True, answer=answer, latency_ms=SLOW_MS)
    with offered(Notebook(needs_approval=True)) as notebook:
        run = ToolRun(alice, model, NOTE)
        with page.expect_response(lambda answer: answer.url.partition("?")[0].endswith("/events")):
            page.goto(f"/admin/executions/execution/{run.id}/change/")
        expect(page.locator("#run-head")).to_contain_text("Queued")
        expect(page.locator("#run-mode")).to_have_text("live")
        shot("run_queued")
        run.carry()

        expect(page).to_have_title(re.compile(r"^\(!\) Waiting"))
        ask = page.locator("#run-asks section")
        expect(ask).to_contain_text("This run waits for you")
        expect(ask).to_contain_text("<b>hello</b>")
        expect(page.locator(".run-step.is-waiting")).to_contain_text("wants to call Post_Note")
        ask.get_by_label("Note").fill("as agreed")
        shot("run_waiting")
        ask.get_by_role("button", name="Approve").click()
        expect(page.locator("#run-asks section")).to_have_count(0)
        expect(page.locator("#run-mode")).to_have_text("live")  # words are told to those who listen

        worker = carried()
        expect(page.locator("#run-words")).to_contain_text("Writer is speaking")
        expect(page.locator("#run-words")).to_contain_text("<b>Bricks</b> make")
        expect(page.locator("#run-picture desc").first).to_contain_text("speaking now")
        shot("run_speaking")
        worker.join()
    expect(page.locator("#run-head")).to_contain_text("Succeeded")
    expect(page.locator("#run-mode")).to_have_text("ended")
    expect(page.locator("#run-words")).to_be_hidden()
    expect(page.locator("#run-outcome")).to_contain_text("<b>Bricks</b> make fine bookends")
    assert notebook.notes == ["<b>hello</b>"]
    assert run.approvals[0].note == "as agreed"
    shot("run_succeeded")
    shown = page.locator("#run-steps").inner_text()
    page.reload()
    assert page.locator("#run-steps").inner_text() == shown


def test_without_a_stream_the_page_asks_again_and_keeps_what_is_typed(
    page: Page, alice: Any, sign_in: Any, model: FakeLLMServer, shot: Any
) -> None:
    sign_in(alice)
    with offered(Notebook(needs_approval=True)):
        run = ToolRun(alice, model, NOTE, NOTE)
        page.goto(f"/admin/executions/execution/{run.id}/change/?live=poll")
        expect(page.locator("#run-mode")).to_have_text("updated every 3 s")
        run.carry()
        notes = page.locator("#run-asks textarea")
        expect(notes).to_have_count(2)
        notes.first.fill("half a sent")
        notes.first.blur()
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        shot("run_waiting_390px")
        approval_decide(actor=alice.actor, approval_id=run.approvals[1].id, approve=False)
        expect(page.locator("#run-asks section")).to_have_count(1)
        expect(page.locator("#run-asks textarea")).to_have_value("half a sent")
