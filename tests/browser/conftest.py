"""A real browser against a real server process. Console errors, policy violations and foreign requests fail the test.

Needs the system's Chromium (`apt-get install chromium`); without it the tests are skipped on a laptop and fail in CI.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from config.embedded.ports import any_free
from tests import factories
from tests.factories import Person

CHROMIUM = Path("/usr/bin/chromium")
_ROOT = Path(__file__).resolve().parents[2]
_FLAGS = [
    "--no-sandbox",  # root in a container has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Chromium's own traffic is not the page's, but a test should reach nothing at all beside the server.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", e => tellViolation(e.violatedDirective + " " + e.blockedURI));
"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's browser, one for all tests."""
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is missing: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: Any) -> Iterator[str]:
    """The web process as it is run in production, on the test session's services; the address it answers at."""
    port = any_free()
    address, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("web") / "web.log"
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_for(f"{address}/admin/login/", process, log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"the web process did not answer:\n{log.read_text()[-4000:]}")


@pytest.fixture
def page(chromium: Browser, server: str, transactional_db: None) -> Iterator[Page]:
    """A fresh window. At the end: no console error, no exception, no policy violation, no request off the host."""
    context = chromium.new_context(base_url=server, viewport={"width": 1400, "height": 900})
    faults: list[str] = []
    context.expose_function("tellViolation", lambda found: faults.append(f"policy: {found}"))
    context.add_init_script(_VIOLATIONS)
    shown = context.new_page()

    def console(message: ConsoleMessage) -> None:
        # Chromium logs each answer of 4xx as an error; those a test asks for are the test's own matter.
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(f"console: {message.text}")

    def request(asked: Request) -> None:
        if not asked.url.startswith((server, "data:", "blob:")):
            faults.append(f"request off the host: {asked.url}")

    shown.on("console", console)
    shown.on("pageerror", lambda error: faults.append(f"exception: {error}"))
    shown.on("request", request)
    shown.on("response", lambda answer: _static_faults(answer, faults))
    shown.set_default_timeout(15_000)
    yield shown
    context.close()
    assert not faults, "\n".join(faults)


def _static_faults(answer: Any, faults: list[str]) -> None:
    """A page whose style or icon is missing is broken, whatever its own status."""
    if answer.status >= 400 and answer.request.resource_type != "document":
        faults.append(f"{answer.status} for {answer.url}")


@pytest.fixture
def sign_in(page: Page) -> Any:
    """`sign_in(alice)`: by the login page."""

    def through_the_form(who: Person) -> None:
        page.goto("/admin/")
        page.get_by_label("Username").fill(who.user.username)
        page.get_by_label("Password").fill(factories.PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")

    return through_the_form


@pytest.fixture
def shot(page: Page) -> Any:
    """`shot("name")` writes a picture when SHOTS names a folder."""

    def take(name: str) -> None:
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take
