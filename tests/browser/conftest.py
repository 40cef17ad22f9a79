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
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

from config.embedded.ports import any_free
from tests import factories
from tests.chromium import CHROMIUM, MISSING, launch, watched
from tests.factories import Person
from tests.fakes import FakeLLMServer

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's browser, one for all tests."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = launch(playwright)
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
    shown, faults = watched(context, server)
    shown.set_default_timeout(15_000)
    yield shown
    context.close()
    assert not faults, "\n".join(faults)


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


@pytest.fixture
def model(monkeypatch: Any) -> Iterator[FakeLLMServer]:
    """A model of this process; runs that it carries ask it."""
    with FakeLLMServer() as server:
        provider = {"openai": {"base_url": server.base_url, "api_key": "test", "models": {}}}
        monkeypatch.setattr(settings, "LLM_PROVIDERS", provider)
        yield server
