"""`make shots`: see the package. Exit status 1 when a page has a fault."""

import argparse
import os
import signal
import sys
from pathlib import Path

import django
from django.core.management import call_command
from playwright.sync_api import sync_playwright

import tests.shots
from tests.chaos.services import Services, clean_environment
from tests.chromium import CHROMIUM, MISSING, launch
from tests.fakes import FakeLLMServer
from tests.processes import WebProcess, WorkerProcess

LATENCY_MS = 350.0


def main() -> int:
    """Make the world, look at it, and say what is wrong."""
    given = _arguments()
    if not CHROMIUM.exists():
        sys.stderr.write(f"{MISSING}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything started here is stopped
    clean_environment()
    with Services() as services, FakeLLMServer() as model:
        os.environ |= services.environment() | {
            "DJANGO_SETTINGS_MODULE": "config.settings", "DEFAULT_MODEL": "openai:gpt-4o-mini",
            "OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "shots",
            "LLM_TIMEOUT_SECONDS": "900", "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        }  # fmt: skip
        django.setup()
        call_command("migrate", verbosity=0)
        faults = _look(given, services, model)
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{len(faults)} faults\n")
    return 1 if faults else 0


def _look(given: argparse.Namespace, services: Services, model: FakeLLMServer) -> list[str]:
    from tests.shots import cast, pages, world  # need Django to be set up
    from tests.shots.camera import Camera

    cast.teach(model, LATENCY_MS)
    made = world.build()
    world.cancelled(made)
    with WorkerProcess(slots=8), WebProcess() as web, sync_playwright() as playwright:
        world.run_all(made, services, model)
        browser = launch(playwright)
        with Camera(browser, web.address, given.folder) as camera:
            chosen = [shot for shot in pages.shots(made) if given.only in shot.name]
            camera.take(chosen)
        browser.close()
    return camera.faults


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=tests.shots.__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs/shots"), help="where the pictures go (docs/shots)")
    parser.add_argument("--only", default="", help="only pictures whose name holds this")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
