"""The documentation page of the API: offline, under its policy, with every operation."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow


def test_the_page_shows_the_operations(page: Page) -> None:
    page.goto("/api/docs/")
    expect(page.get_by_text("AI Team Builder Agent Service").first).to_be_visible()
    expect(page.get_by_text("List teams").first).to_be_visible()


def test_an_operation_opens_with_its_example(page: Page) -> None:
    page.goto("/api/docs/")
    page.get_by_text("Create a team").first.click()
    expect(page.get_by_text("agent_team_main_goal").first).to_be_visible()
    expect(page.get_by_text("Release notes").first).to_be_visible()
