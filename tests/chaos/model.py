"""The model of a storm: answers after a while, and remembers when it was asked by whom."""

import re
import time
from collections.abc import Mapping
from typing import Any

from tests.fake_rules import Call, Rule
from tests.fakes import FakeLLMServer

_RUN = re.compile(r"chaos-\d+")
_ROLE = re.compile(r"You are the (\w+)")

Asked = tuple[str, str]
"""A run's input and the role that spoke ("A/llm1": after its tools had answered): names one step of one run."""


class WatchedModel(FakeLLMServer):
    """`asked`: for each step the moments (time.time()) at which its question arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[Asked, list[float]] = {}

    def take(self, body: dict[str, Any], headers: Mapping[str, str]) -> tuple[Call, Rule]:
        """Write down the moment as well."""
        now = time.time()
        call, rule = super().take(body, headers)
        run, role = _RUN.search(call.text), _ROLE.search(call.text)
        if run and role:
            used = any(message["role"] == "tool" for message in body["messages"])
            self.asked.setdefault((run[0], f"{role[1]}/llm1" if used else role[1]), []).append(now)
        return call, rule
