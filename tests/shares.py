"""Pytest plugin (`-p tests.shares`): in which order tests run, and under `-n` which of them share a process.

The tests of a file stay together, for they share what their module builds. All of tests/acceptance stay together, too:
each of them keeps several processes busy, and two of them side by side would wait for each other. They come first,
since they take longest, and everything else runs beside them.
"""

from collections import Counter
from typing import Any

import pytest
from _pytest.nodeid import coerce_node_id
from xdist.scheduler import LoadScopeScheduling

_TOGETHER = "tests/acceptance/"


class Shares(LoadScopeScheduling):
    """Files in the order in which they were collected, each to the worker that is ready for the next."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return _TOGETHER if nodeid.startswith(_TOGETHER) else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares | None:
    """`--dist loadfile` is ours."""
    return Shares(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's tests last: Playwright leaves an event loop running in this thread, and under it no
    `asyncio.run` and no `async_to_sync` of another test works. Files are handed out in this order, so they are last in
    each process."""
    items.sort(key=lambda item: "browser" in item.path.parts)
    _name_apart(items)


def _name_apart(items: list[pytest.Item]) -> None:
    """Number the tests that carry one name (Schemathesis gives all operations that of their function).

    Tests are told to the other processes by name: of those with the same one, a single one would be run.
    """
    seen: Counter[str] = Counter()
    for item in items:
        seen[item.nodeid] += 1
        if seen[item.nodeid] > 1:
            item._id = coerce_node_id(f"{item.nodeid}[{seen[item.nodeid]}]")  # there is no public way
