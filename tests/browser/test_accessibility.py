"""axe-core on every page of the admin, light and dark: no violation of WCAG 2, levels A and AA.

The pages come from the site's registry, so a new model's are looked at too. The theme's own parts are held to it as
ours are: what they do wrong is mended in teams/static/teams (admin.css, keyboard.js).
"""

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page

from tests.contracts.world import build

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN = "only => axe.run(document, {runOnly: only, resultTypes: ['violations']})"
_OWN = ["index", "account", "password_change", "teams_team_import"]
_OF_A_TEAM = ["history", "proposal", "delete"]


@pytest.fixture
def rows(transactional_db: None) -> Any:
    """A tenant with a row of everything, and its admin made a superuser: all pages open."""
    made = build("acme", "told")
    made.who.user.is_superuser = True
    made.who.user.save(update_fields=["is_superuser"])
    return made


def addresses(rows: Any) -> list[str]:
    """Every page that people look at, each once."""
    found = ["/admin/login/", *(reverse(f"admin:{name}") for name in _OWN)]
    for model in admin.site._registry:
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        row = rows.by_model[model._meta.label_lower]
        found += [reverse(f"admin:{label}_changelist"), reverse(f"admin:{label}_change", args=[row])]
        found += [reverse(f"admin:{label}_add")]
    team = rows.by_model["teams.team"]
    found += [reverse(f"admin:teams_team_{name}", args=[team]) for name in _OF_A_TEAM]
    found += [f"{reverse('admin:teams_team_compare', args=[team])}?a=1&b=2"]
    found += [reverse("admin:teams_team_version", args=[team, 1])]
    found += [reverse("admin:executions_execution_start", args=[team])]
    return found


def violations(page: Page, only: dict[str, Any]) -> set[tuple[str, str, str]]:
    """(rule, element, its HTML and what is wrong) in the page as it is shown now."""
    return {
        (rule["id"], str(node["target"][-1]), f"{node['html'][:160]} | {node['failureSummary'][:160]}")
        for rule in page.evaluate(_RUN, only)["violations"]
        for node in rule["nodes"]
    }


def both_ways(page: Page) -> set[tuple[str, str, str]]:
    """Everything in the light, and the colours again in the dark: nothing else differs."""
    page.add_style_tag(content="*, *::before, *::after { transition: none !important; animation: none !important }")
    page.evaluate(AXE_SCRIPT)  # through the debugger, which the page's policy does not bind
    found = violations(page, {"type": "tag", "values": _TAGS})
    page.evaluate("document.documentElement.classList.add('dark')")  # what the theme's switch does
    dark = violations(page, {"type": "rule", "values": ["color-contrast"]})
    return found | {(f"{rule} (dark)", element, told) for rule, element, told in dark}


def test_no_page_is_closed_to_anybody(page: Page, rows: Any, sign_in: Any) -> None:
    # High enough that the bar which sticks to the window's lower edge covers nothing.
    page.set_viewport_size({"width": 1400, "height": 3000})
    found: dict[tuple[str, str], str] = {}
    for address in addresses(rows):
        if address == "/admin/":
            sign_in(rows.who)
        answer = page.goto(address)
        # What nobody makes by hand has no page to add it; the page that says so is looked at as well.
        assert answer
        assert answer.status in ({200, 403} if address.endswith("/add/") else {200}), address
        for rule, element, told in both_ways(page):
            found.setdefault((rule, element), f"{address}\n    {told}")
    assert not found, "\n".join(f"{rule} {element}: {told}" for (rule, element), told in sorted(found.items()))
