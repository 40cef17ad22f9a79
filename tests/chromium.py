"""The system's Chromium for tests and pictures: it reaches the one server, and what is wrong in a page is kept."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, Response

CHROMIUM = Path("/usr/bin/chromium")
MISSING = f"{CHROMIUM} is missing: apt-get install chromium"

_FLAGS = [
    "--no-sandbox",  # root in a container has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    # Chromium's own traffic is not the page's, but a test should reach nothing at all beside the server.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", e => tellViolation(e.violatedDirective + " " + e.blockedURI));
"""


def launch(playwright: Playwright) -> Browser:
    """Start the browser."""
    return playwright.chromium.launch(executable_path=str(CHROMIUM), args=_FLAGS)


def watched(context: BrowserContext, server: str) -> tuple[Page, list[str]]:
    """A page, and the list its faults go to: console errors, exceptions, policy violations, foreign requests, and
    styles, scripts and pictures that are not there."""
    faults: list[str] = []
    context.expose_function("tellViolation", lambda found: faults.append(f"policy: {found}"))
    context.add_init_script(_VIOLATIONS)
    page = context.new_page()

    def console(message: ConsoleMessage) -> None:
        # Chromium logs each answer of 4xx as an error; those a test asks for are the test's own matter.
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(f"console: {message.text}")

    def request(asked: Request) -> None:
        if not asked.url.startswith((server, "data:", "blob:")):
            faults.append(f"request off the host: {asked.url}")

    def response(answer: Response) -> None:
        if answer.status >= 400 and answer.request.resource_type != "document":
            faults.append(f"{answer.status} for {answer.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
    page.on("request", request)
    page.on("response", response)
    return page, faults


_TOO_WIDE = """
() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide && document.body.scrollWidth <= wide) return [];
  const clipped = e => { for (let up = e.parentElement; up && up !== document.body; up = up.parentElement)
    if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(up).overflowX)) return true; return false; };
  return [...document.body.querySelectorAll("*")]
    .filter(e => e.getBoundingClientRect().right > wide + 1 && e.checkVisibility() && !clipped(e))
    .slice(0, 5).map(e => e.tagName.toLowerCase() + "." + e.className);
}
"""


def sideways(page: Page) -> list[str]:
    """What makes the page scroll sideways: the first few elements that reach beyond the window."""
    found: list[Any] = page.evaluate(_TOO_WIDE)
    return [str(element) for element in found]
