"""The documentation page of the API: offline, under its policy, with every operation."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow

LOADED_MS = 30_000
"""The page draws every operation of a large document at once, which takes a busy machine its time."""


def open_page(page: Page) -> None:
    page.goto("/api/docs/")
    expect(page.get_by_text("List teams").first).to_be_visible(timeout=LOADED_MS)


def test_the_page_shows_the_operations(page: Page) -> None:
    open_page(page)
    expect(page.get_by_text("AI Team Builder Agent Service").first).to_be_visible()


def test_every_operation_is_listed(page: Page) -> None:
    open_page(page)
    document = page.request.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    wanted = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    shown = page.locator(".opblock-summary").evaluate_all(
        "all => all.map(one => [one.querySelector('.opblock-summary-method').textContent.trim(),"
        " one.querySelector('[data-path]').dataset.path])"
    )
    assert {(method, path) for method, path in shown} == wanted
    assert len(wanted) > 40


def test_a_refusal_is_explained(page: Page) -> None:
    open_page(page)
    page.get_by_text("Create a team").first.click()
    for status in ("400", "401", "415", "429"):
        expect(page.locator(f"tr.response[data-code='{status}']").first).to_be_visible()
    expect(page.locator("tr.response[data-code='429']").first).to_contain_text("Retry-After")


def test_an_operation_opens_with_its_example(page: Page) -> None:
    open_page(page)
    page.get_by_text("Create a team").first.click()
    expect(page.get_by_text("agent_team_main_goal").first).to_be_visible()
    expect(page.get_by_text("Release notes").first).to_be_visible()
