"""An operator's first hour: a team from JSON, mended and changed, and its history."""

import json
from typing import Any

from playwright.sync_api import Page, expect

from tests import factories


def test_a_team_is_written_mended_and_looked_back_at(page: Page, alice: Any, sign_in: Any, shot: Any) -> None:
    sign_in(alice)
    shot("index")
    page.goto("/admin/teams/team/add/")
    config = factories.config("Writer", "Critic", max_turns=0)
    page.locator("#id_name").fill("Bricks")
    page.get_by_label("Why this change").fill("a first try")
    page.get_by_text("Paste JSON", exact=True).first.click()
    page.locator("#id_config").fill(json.dumps(config, indent=2))
    page.get_by_role("button", name="Fill the form").click()
    expect(page.locator("#id_config_error")).to_contain_text("max_turns")
    shot("team_error")

    page.locator("#id_config").fill(json.dumps({**config, "max_turns": 2}, indent=2))
    page.get_by_role("button", name="Fill the form").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("was added successfully")
    expect(page.locator("#result_list")).to_contain_text("Writer → Critic")
    shot("team_list")

    page.get_by_role("link", name="Bricks").last.click()
    shot("team_change")
    page.get_by_label("Rounds").fill("5")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("link", name="History").click()
    expect(page.locator("#change-history")).to_contain_text("a first try")
    expect(page.locator("#change-history")).to_contain_text("from 2 to 5")
    shot("team_history")
    page.get_by_role("link", name="Compare version 1 with the present one").click()
    expect(page.get_by_role("img", name="Version 1")).to_be_visible()
    expect(page.get_by_text("What changed from version 1 to version 2")).to_be_visible()
    shot("team_compare")
    page.go_back()
    page.get_by_role("link", name="Version 1", exact=True).click()
    shot("team_version")
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.locator("body")).to_contain_text("it is now version 3")
    page.get_by_role("link", name="Run now").click()
    shot("run_start")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("body")).to_contain_text("The run is in the queue")
    shot("run")
