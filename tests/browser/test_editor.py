"""The team editor in a browser: cards, keyboard, the picture that follows, mistakes at their fields, pasted JSON."""

import json
from typing import Any

from playwright.sync_api import Locator, Page, expect

from teams.models import Team
from teams.tenancy import tenant
from tests import factories

EVIL = '"><img src=x onerror=alert(1)>'


def card(page: Page, place: int) -> Locator:
    """The card at a place, among those that are not removed."""
    return page.locator("[data-te-card]:has(> details:not([hidden]))").nth(place - 1)


def field(where: Locator, name: str) -> Locator:
    return where.locator(f"[name$='-{name}']")


def titles(page: Page) -> list[str]:
    return [title.inner_text() for title in page.locator("[data-te-card] > details [data-te-title]:visible").all()]


def stored(who: Any) -> Any:
    with tenant(who.tenant.id):
        return Team.objects.order_by("-created_at").first()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_load_state()


def test_a_team_is_made_without_a_mouse_on_json(page: Page, bob: Any, sign_in: Any) -> None:
    sign_in(bob)
    page.goto("/admin/teams/team/add/")
    drawing, said = page.locator("[data-te-drawing]"), page.locator("[data-te-said]")
    expect(page.locator("[data-te-empty]")).to_contain_text("DecisionMaker, Retriever, Critic, Refiner")

    # Four agents from templates; a copy, a place, and a way back.
    page.locator("#id_name").fill("Bricks")
    page.get_by_role("button", name="Add these four now").click()
    assert titles(page) == ["DecisionMaker", "Retriever", "Critic", "Refiner"]
    card(page, 3).get_by_role("button", name="Copy").click()
    expect(field(card(page, 4), "agent_role")).to_be_focused()
    page.keyboard.type("Checker")
    expect(said).to_contain_text("Critic copied as agent 4")
    page.keyboard.press("Alt+ArrowUp")
    expect(said).to_contain_text("Checker is now agent 3 of 5")
    expect(field(card(page, 3), "agent_role")).to_be_focused()
    card(page, 3).get_by_role("button", name="Move down").press("Enter")
    expect(card(page, 4).get_by_role("button", name="Move down")).to_be_focused()
    assert titles(page) == ["DecisionMaker", "Retriever", "Critic", "Checker", "Refiner"]
    card(page, 1).get_by_role("button", name="Remove").click()
    expect(said).to_contain_text("DecisionMaker is removed when you save")
    page.keyboard.press("Enter")  # on Undo
    assert titles(page)[0] == "DecisionMaker"
    card(page, 1).get_by_role("button", name="Remove").click()

    # The picture follows, and marks who is missing.
    page.get_by_label("Flow").fill("Retriever->Poet->Checker")
    expect(drawing.locator(".is-unknown").first).to_be_attached()
    expect(drawing).to_contain_text("No agent has the role Poet")

    # One of each kind of mistake; the first field has the focus.
    page.get_by_label("Rounds").fill("0")
    field(card(page, 3), "temperature").fill("5")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved yet")
    expect(page.locator("#id_agent_team_main_goal")).to_be_focused()
    bad = page.locator("[name$='-temperature'][aria-invalid='true']")
    expect(bad).to_be_visible()
    expect(bad).to_have_accessible_description("must be 2 or less; got 5.0")
    expect(page.locator("[data-te-faults]")).to_have_text("1 to fix")
    page.get_by_role("alert").get_by_role("link", name="Temperature").click()
    expect(bad).to_be_focused()

    bad.fill("0.5")
    page.get_by_label("Goal", exact=True).fill("Name uses of a brick.")
    page.get_by_label("Rounds").fill("2")
    page.get_by_label("Why this change").fill("a first try")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("Poet")
    expect(page.get_by_label("Flow")).to_be_focused()
    page.get_by_label("Flow").fill("Retriever->Critic->Checker->Refiner")
    expect(drawing.locator(".is-unknown")).to_have_count(0)
    save(page)
    page.wait_for_url("**/change/")
    team = stored(bob)
    assert [agent["agent_role"] for agent in team.config["agents"]] == ["Retriever", "Critic", "Checker", "Refiner"]
    assert team.config["agents"][2]["LLM_configuration"] == {"temperature": 0.5}

    # A whole config, pasted; names that are markup stay text.
    config = {**factories.config("Writer"), "agent_team_flow": EVIL}
    config["agents"][0] |= {"agent_role": EVIL, "agent_name": EVIL}
    page.get_by_text("Paste JSON", exact=True).first.click()
    page.locator("#id_config").fill(json.dumps(config))
    page.get_by_role("button", name="Fill the form").click()
    expect(page.get_by_role("status").first).to_contain_text("Nothing is saved until you press Save")
    assert titles(page) == [EVIL]
    card(page, 1).get_by_role("button", name="Copy").click()
    expect(page.locator("[data-te-said]")).to_contain_text(EVIL)
    expect(page.locator("[data-te-drawing]")).to_contain_text("copy is not in the flow")
    assert page.locator("#team_form img").count() == 0
    card(page, 2).get_by_role("button", name="Remove").click()
    save(page)
    page.wait_for_url("**/change/")
    assert stored(bob).config["agents"][0]["agent_role"] == EVIL

    # A narrow screen: nothing to scroll sideways.
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_what_is_not_saved_is_not_left_by_mistake(page: Page, bob: Any, sign_in: Any) -> None:
    team, asked = factories.team(bob, "Writer"), []
    sign_in(bob)
    page.goto(f"/admin/teams/team/{team.id}/change/")
    goal, elsewhere = page.get_by_label("Goal", exact=True), page.get_by_role("link", name="Agent teams")
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))

    was = goal.input_value()
    goal.fill("Name uses of a door.")
    elsewhere.click()
    expect(goal).to_have_value("Name uses of a door.")
    assert asked == ["beforeunload"]

    # A mistake that came back is not saved either.
    page.get_by_label("Rounds").fill("0")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved yet")
    goal.click()
    elsewhere.click()
    expect(goal).to_have_value("Name uses of a door.")
    assert asked == ["beforeunload"] * 2

    # What is saved, or written back as it was, holds nobody.
    page.get_by_label("Rounds").fill("2")
    save(page)
    page.wait_for_url("**/change/")
    expect(page.get_by_role("alert")).to_have_count(0)
    goal.fill(was)
    goal.fill("Name uses of a door.")
    elsewhere.click()
    page.wait_for_url("**/teams/team/")
    assert asked == ["beforeunload"] * 2


def test_an_impatient_hand_saves_once(page: Page, bob: Any, sign_in: Any) -> None:
    sign_in(bob)
    page.goto("/admin/teams/team/add/")
    page.get_by_label("Goal", exact=True).fill("Name uses of a brick.")
    button = page.locator("[name='_save']").bounding_box()
    assert button
    for _click in range(3):
        page.mouse.click(button["x"] + 9, button["y"] + 9)
        page.wait_for_timeout(20)
    page.wait_for_url("**/teams/team/")
    with tenant(bob.tenant.id):
        assert Team.objects.count() == 1
