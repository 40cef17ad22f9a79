"""In a world of hostile texts a real browser runs none of them: not on the pages, not as a model's words stream in."""

from typing import Any

from playwright.sync_api import Dialog, Page, expect

from teams.tenancy import tenant
from tests import xss
from tests.admin_world import build
from tests.browser.test_admin_run_live import SLOW_MS, carried
from tests.fakes import FakeLLMServer
from tests.integration.admin.test_hostile_texts import hostile
from tests.integration.executions.tool_runs import Notebook, ToolRun, offered


def nothing_ran(page: Page) -> None:
    """No text became an element or an attribute, and none of them was run. The page fixture sees to the rest."""
    assert page.evaluate("typeof window.xss") == "undefined", page.url
    found = page.evaluate(
        """mark => [...document.querySelectorAll("*")].filter(e => e.localName.includes(mark)
      || [...e.attributes].some(a => a.name.includes(mark))).map(e => e.outerHTML.slice(0, 200))""",
        xss.MARK,
    )
    assert found == [], page.url


def test_nothing_hostile_runs_in_a_browser(page: Page, alice: Any, sign_in: Any, model: FakeLLMServer) -> None:
    dialogs: list[str] = []

    def told(dialog: Dialog) -> None:
        if dialog.type == "beforeunload":  # the editor's own, about what is typed below
            dialog.accept()
        else:
            dialogs.append(dialog.message)
            dialog.dismiss()

    page.on("dialog", told)
    rows = build(alice, hostile)
    sign_in(alice)
    team, run = rows["team"].pk, rows["execution"].pk
    for path in (
        "", "teams/team/", f"teams/team/{team}/change/", f"teams/team/{team}/history/",
        f"teams/team/{team}/compare/?a=2&b=3", f"teams/team/{team}/proposal/", "executions/execution/",
        f"executions/execution/{run}/change/", f"executions/execution/start/{team}/", "executions/approval/",
        f"executions/approval/{rows['approval'].pk}/change/", "teams/auditentry/",
        f"teams/auditentry/{rows['auditentry'].pk}/change/", f"executions/delivery/{rows['delivery'].pk}/change/",
        "executions/schedule/add/", f"agents/roletemplate/{rows['roletemplate'].pk}/change/",
    ):  # fmt: skip
        answer = page.goto(f"/admin/{path}")
        assert answer is not None
        assert answer.status == 200, path
        assert xss.MARK in page.content(), path
        nothing_ran(page)

    # The editor draws what is typed.
    page.goto(f"/admin/teams/team/{team}/change/")
    second = page.locator("[data-te-card]").nth(1)
    second.locator("details").first.evaluate("details => { details.open = true }")
    with page.expect_response(lambda answer: answer.url.endswith("/preview/")):
        second.locator("[name$='-agent_role']").fill(xss.TEXTS[1])
    expect(page.locator("[data-te-drawing]")).to_contain_text("><img src=x")
    nothing_ran(page)

    # A run's page takes in arguments and words while it stands open.
    said = xss.ALL.replace("\n", " ")
    model.rule(model="caller", after_tools=True, answer=f"FINAL_ANSWER: {said}", latency_ms=SLOW_MS)
    with tenant(alice.tenant.id):
        rows["provideraccount"].delete()  # with its address, and with a limit in USD, no team of a fake model runs
        rows["tenantlimits"].usd_per_day = None
        rows["tenantlimits"].save()
    call = ("Post_Note", '{"text": "<img src=x xssmark onerror=window.xss=1>"}')
    with offered(Notebook(needs_approval=True)):
        live = ToolRun(alice, model, call)
        page.goto(f"/admin/executions/execution/{live.id}/change/")
        live.carry()
        ask = page.locator("#run-asks section")
        expect(ask).to_contain_text("<img src=x xssmark")
        nothing_ran(page)
        ask.get_by_role("button", name="Approve").click()
        expect(page.locator("#run-asks section")).to_have_count(0)
        expect(page.locator("#run-mode")).to_have_text("live")  # words are told to those who listen
        worker = carried()
        expect(page.locator("#run-words")).to_contain_text(f"<{xss.MARK}")
        nothing_ran(page)
        worker.join()
    expect(page.locator("#run-outcome")).to_contain_text("</textarea><")
    nothing_ran(page)
    assert dialogs == []
