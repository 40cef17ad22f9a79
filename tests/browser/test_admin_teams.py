"""An operator's first hour: a team from JSON with a mistake in it, its history, a key that is shown once."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from teams import keys
from tests import factories


@pytest.fixture
def shot(page: Page) -> Any:
    """`shot("name")` writes a picture when SHOTS names a folder."""

    def take(name: str) -> None:
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take


def test_a_team_is_written_mended_and_looked_back_at(page: Page, alice: Any, sign_in: Any, shot: Any) -> None:
    sign_in(alice)
    shot("index")
    page.goto("/admin/teams/team/add/")
    config = factories.config("Writer", "Critic", max_turns=0)
    page.get_by_label("Name").fill("Bricks")
    page.get_by_label("Config").fill(json.dumps(config, indent=2))
    page.get_by_label("Why this change").fill("a first try")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".field-config .errorlist")).to_contain_text("max_turns")
    shot("team_error")

    page.get_by_label("Config").fill(json.dumps({**config, "max_turns": 2}, indent=2))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Bricks")
    expect(page.locator("#result_list")).to_contain_text("Writer → Critic")
    shot("team_list")

    page.get_by_role("link", name="Bricks").last.click()
    shot("team_change")
    page.get_by_label("Config").fill(json.dumps({**config, "max_turns": 5}, indent=2))
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("link", name="History").click()
    expect(page.locator("#change-history")).to_contain_text("a first try")
    expect(page.locator("#change-history")).to_contain_text("from 2 to 5")
    shot("team_history")
    page.get_by_role("link", name="Version 1").click()
    shot("team_version")
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.locator(".messagelist")).to_contain_text("it is now version 3")
    page.get_by_role("link", name="Run now").click()
    shot("run_start")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".messagelist")).to_contain_text("queued")
    shot("run")


def test_a_key_is_shown_once(page: Page, alice: Any, sign_in: Any, shot: Any) -> None:
    sign_in(alice)
    page.goto("/admin/teams/apikey/add/")
    page.get_by_label("Name").fill("CI")
    page.get_by_role("checkbox", name=re.compile("teams:read")).check()
    shot("key_add")
    page.get_by_role("button", name="Save", exact=True).click()
    key = page.get_by_label("Key for CI").input_value()
    shot("key_once")
    assert keys.authenticate(key).tenant_id == alice.tenant.id
    page.get_by_role("link", name="I have copied it").click()
    expect(page.locator("#result_list")).to_contain_text("active")
    assert key not in page.content()
    shot("key_list")
    page.get_by_role("link", name="CI").click()
    page.get_by_role("link", name="Revoke").click()
    shot("key_revoke")
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#result_list")).to_contain_text("revoked")
