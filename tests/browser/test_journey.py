"""An operator's day: a team is made, run by a real worker, changed, compared, rolled back, deleted and had back.

Details of the editor and of a run's page have tests of their own; here it is shown that one leads to the next.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from teams.models import Membership, Role
from teams.services import team_get
from teams.tenancy import tenant
from tests import factories
from tests.chromium import sideways
from tests.fakes import FakeLLMServer
from tests.processes import WorkerProcess


@pytest.fixture
def worker(transactional_db: None) -> Iterator[FakeLLMServer]:
    """A Celery worker as it is run in production, on the queue the web server rings, and the model it asks."""
    with FakeLLMServer() as model:
        env = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "test", "REAP_SECONDS": "0.2"}
        with WorkerProcess(slots=2, **env):
            yield model


def done(page: Page, words: str) -> None:
    """The page says what was done."""
    expect(page.get_by_text(words).first).to_be_visible()


def test_from_a_goal_to_an_answer_and_back_to_an_older_version(
    page: Page, bob: Any, sign_in: Any, worker: FakeLLMServer
) -> None:
    worker.rule(match="Say what a brick", answer="A brick holds the door.")
    worker.rule(match="Say it in verse", answer="The door stands wide, a brick beside.", latency_ms=1500)
    sign_in(bob)
    _make(page)
    _run(page)
    _change_and_go_back(page)
    _delete_and_restore(page)


def _make(page: Page) -> None:
    page.get_by_role("link", name="Agent teams").click()
    page.get_by_role("link", name=re.compile("^Add team")).first.click()
    page.get_by_label("Name", exact=True).first.fill("Bricks")
    page.get_by_label("Goal", exact=True).fill("Name one use of a brick.")
    page.get_by_label("Rounds").fill("1")
    for place, (role, prompt) in enumerate((("Thinker", "Say what a brick does."), ("Poet", "Say it in verse."))):
        page.get_by_role("button", name="Add agent").click()
        card = page.locator("[data-te-card]:has(> details:not([hidden]))").nth(place)
        card.locator("[name$='-agent_role']").fill(role)
        card.locator("[name$='-agent_goal_based_prompt']").fill(prompt)
    page.get_by_label("Why this change").fill("a first try")
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url("**/change/")
    expect(page.locator("[data-te-drawing] desc").first).to_contain_text("Poet")


def _run(page: Page) -> None:
    page.get_by_role("link", name="Run now").click()
    page.get_by_label("Input").fill("For a windy day.")
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url("**/executions/execution/**")
    # The page itself follows: nothing here loads it again.
    expect(page.locator("#run-outcome")).to_contain_text("The door stands wide, a brick beside.")
    expect(page.locator("#run-head")).to_contain_text("Succeeded")
    expect(page.locator("#run-steps")).to_contain_text("A brick holds the door.")
    expect(page.locator("#run-mode")).to_have_text("ended")


def _change_and_go_back(page: Page) -> None:
    page.get_by_role("link", name="Agent teams").click()
    page.get_by_role("link", name="Bricks").first.click()
    page.get_by_label("Rounds").fill("3")
    page.get_by_label("Why this change").fill("more rounds")
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_load_state()
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Compare").first.click()
    done(page, "The most rounds (max_turns) changed from 1 to 3.")
    page.get_by_role("link", name="Roll back").first.click()
    page.get_by_label("Why").fill("one was enough")
    page.get_by_role("button", name=re.compile("Roll back to version 1")).click()
    done(page, "it is now version 3")


def _delete_and_restore(page: Page) -> None:
    page.get_by_role("link", name="Agent teams").click()
    page.get_by_role("link", name="Bricks").first.click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("link", name="Deleted", exact=True).click()
    page.get_by_role("link", name="Bricks").first.click()
    page.get_by_role("link", name="Restore").click()
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("link", name="Agent teams").click()
    expect(page.locator("#result_list")).to_contain_text("Bricks")


def test_a_proposal_is_taken_in_and_a_key_made_and_revoked(page: Page, alice: Any, sign_in: Any) -> None:
    team = factories.team(alice, "Writer")
    with tenant(alice.tenant.id):
        team.pending_proposal = factories.proposal(team, "Checker")
        team.save(update_fields=["pending_proposal"])
    sign_in(alice)
    # From what waits on the overview to the proposal, without knowing its address.
    page.get_by_role("link", name="1 team").click()
    page.get_by_role("link", name="proposal").first.click()
    expect(page.get_by_label("Take Checker into the team")).to_be_checked()
    page.get_by_role("button", name="Approve").click()
    page.wait_for_load_state()
    assert [agent["agent_role"] for agent in team_get(actor=alice.actor, team_id=team.id).config["agents"]] == [
        "Writer",
        "Checker",
    ]

    page.get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="Add API key").first.click()
    page.get_by_label("Name").fill("CI")
    page.get_by_role("checkbox", name=re.compile("teams:read")).check()
    page.get_by_role("button", name="Save", exact=True).click()
    asked = {"Authorization": f"Bearer {page.get_by_label('Key for CI').input_value()}"}
    assert page.request.get("/api/v1/teams", headers=asked).status == 200
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="CI", exact=True).click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#result_list")).to_contain_text("revoked")
    assert page.request.get("/api/v1/teams", headers=asked).status == 401


def test_menus_filters_and_the_tenant_by_keyboard(page: Page, alice: Any, globex: Any, sign_in: Any) -> None:
    factories.team(alice, "Writer")
    with tenant(globex.id):
        Membership.objects.create(user=alice.user, role=Role.VIEWER)
    sign_in(alice)

    # The menu can be left out.
    expect(page.get_by_role("button", name="alice")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_role("link", name="Skip to the content").click(trial=True)  # nothing covers it
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#content :focus")).to_have_count(1)

    # The account's menu, and the dark in it, which the next page keeps.
    press(page.get_by_role("button", name="alice"))
    press(page.get_by_role("button", name="Dark"))
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    press(page.get_by_role("link", name="Runs", exact=True))
    expect(page.locator("html")).to_have_class(re.compile("dark"))

    # Filters open, take a choice, and stay in the address.
    press(page.get_by_role("button", name="Filters"))
    expect(page.locator("#changelist-filter")).to_be_visible()
    press(page.locator("#changelist-filter").get_by_role("link", name="Failed"))
    page.wait_for_url("**failed**")
    expect(page.get_by_text("Nothing fits")).to_be_visible()

    # Another tenant: nothing of the first one is left on the page.
    page.goto("/admin/teams/team/")
    expect(page.locator("#result_list")).to_contain_text("Writer")
    page.get_by_label("Tenant").focus()
    page.keyboard.type("Glob")
    press(page.get_by_role("button", name="Switch"))
    page.wait_for_load_state()
    expect(page.get_by_label("Tenant")).to_contain_text("Globex")
    expect(page.get_by_text("Writer")).to_have_count(0)

    # A phone: the menu opens and leads on.
    page.set_viewport_size({"width": 390, "height": 844})
    press(page.get_by_role("button", name="Show or hide the menu").filter(visible=True))
    press(page.get_by_role("link", name="Schedules"))
    page.wait_for_url("**/schedule/")
    assert sideways(page) == []


def press(where: Locator) -> None:
    """Go there and press Enter, as somebody without a mouse does."""
    where.focus()
    expect(where).to_be_focused()
    where.press("Enter")
