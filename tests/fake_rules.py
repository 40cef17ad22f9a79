"""How a fake server of models behaves: rules, set by a test or read from the model's name."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any


def words_of(text: str) -> list[str]:
    """The text cut after each blank, so that joining the words gives it back."""
    words = text.split(" ")
    return [f"{word} " for word in words[:-1]] + words[-1:]


# Besides every HTTP status.
FAULTS = {"timeout", "drip", "cut", "hangup", "reset", "broken", "huge", "empty", "context", "no-usage"}
FAULTS |= {"old-server", "new-limit", "tool", "late-error"}


TOOL_CALL = ("search", '{"q": "x y"}')  # name and arguments of what the fault `tool` asks for


@dataclass
class Rule:
    """How to answer a call: the first rule whose `match` occurs in the messages and `model` in the name applies."""

    match: str = ""
    model: str = ""
    answer: str | None = None
    fault: str = ""
    latency_ms: float = 0.0
    retry_after: str = ""
    calls: list[tuple[str, str]] | None = None  # tools to ask for: name and arguments of each
    after_tools: bool = False  # only where the conversation holds a tool's answer
    times: int | None = None  # applies to so many calls of each conversation position; None: always
    used: Counter[str] = field(default_factory=Counter)

    @property
    def tool_calls(self) -> list[tuple[str, str]]:
        """What the answer asks for instead of saying something."""
        return self.calls or ([TOOL_CALL] if self.fault == "tool" else [])

    def applies(self, call: "Call") -> bool:
        if self.match not in call.text or self.model not in call.model:
            return False
        if self.after_tools and not any(message["role"] == "tool" for message in call.body["messages"]):
            return False
        if self.times is not None and self.used[call.position] >= self.times:
            return False
        self.used[call.position] += 1
        return True


@dataclass(frozen=True)
class Call:
    """One request to the server. `position` names the place in a conversation: same model and messages, same name."""

    n: int
    model: str
    position: str
    text: str
    stream: bool
    body: dict[str, Any]
    headers: dict[str, str]


def rule_in_name(model: str) -> Rule:
    """`fake+429=2+latency=50+times=1` -> the rule it stands for."""
    rule = Rule()
    for part in model.split("+")[1:]:
        name, _, value = part.partition("=")
        if name in FAULTS or name.isdigit():
            rule = replace(rule, fault=name, retry_after=value)
        elif name == "latency":
            rule = replace(rule, latency_ms=float(value))
        elif name == "times":
            rule = replace(rule, times=int(value))
        elif name == "answer":
            rule = replace(rule, answer=value)
    return rule
