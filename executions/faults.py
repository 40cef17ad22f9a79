"""Named places where a test ends this process, as a power cut would. Nothing happens there otherwise.

FAULTPOINTS in the environment of a test's worker: `kill:before_record@3` ends the process as it comes to that place for
the third time, `raise:` breaks there with an error nobody expects, `count:FILE` writes down each place it passes.
tests/acceptance/test_faultpoints.py goes through all of them; it finds them by reading the source, so a name is given
as plain text.
"""

import logging
import os
import signal
import threading
from collections import Counter
from pathlib import Path

logger = logging.getLogger(__name__)


class _Plan:
    def __init__(self, text: str) -> None:
        self.action, _, what = text.partition(":")
        self.file = Path(what)
        self.name, _, time = what.partition("@")
        self.time = int(time or 1) if self.action != "count" else 0
        self.passed: Counter[str] = Counter()
        self.lock = threading.Lock()

    def come_to(self, name: str) -> None:
        with self.lock:
            self.passed[name] += 1
            if self.action == "count":
                with self.file.open("a") as file:
                    file.write(f"{name}\n")
                return
            if name != self.name or self.passed[name] != self.time:
                return
        if self.action == "raise":
            raise RuntimeError(f"made to break at {name}")
        os.kill(os.getpid(), signal.SIGKILL)


_plan: _Plan | None = None


def arm(text: str) -> None:
    """Take a plan; an empty text is none."""
    global _plan  # noqa: PLW0603 - one for the whole process is the point
    if text:
        logger.warning("this process is made to fail: FAULTPOINTS=%s", text)
    _plan = _Plan(text) if text else None


def faultpoint(name: str) -> None:
    """A place where this process may be made to end."""
    if _plan is not None:
        _plan.come_to(name)


arm(os.environ.get("FAULTPOINTS", ""))
