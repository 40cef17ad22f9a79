"""What a storm's runs do: four agents speak, and one of them calls two tools first."""

import json

from tests.chaos.model import WatchedModel
from tests.chaos.receiver import Receiver

TOOL = "Call_Web_API"
ROLES = ("Alpha", "Beta", "Gamma", "Delta")
CALLER = "Beta"
"""The agent that calls two tools before it speaks."""

ONCE = f"r1/{CALLER}/llm0/tool0:{TOOL}"
KEYED = f"r1/{CALLER}/llm0/tool1:{TOOL}"
"""Their steps: at a host that does what it is asked each time, and at one that keeps its keys."""


def script(model: WatchedModel, plain: Receiver, keyed: Receiver, latency_ms: float) -> None:
    """What the agents say: one asks for both tools and speaks when they have answered, the others just speak."""
    calls = [(TOOL, json.dumps({"url": f"http://{each.host}/", "method": "POST"})) for each in (plain, keyed)]
    model.rule(model="caller", after_tools=True, answer="Both are done.", latency_ms=latency_ms)
    model.rule(model="caller", calls=calls, latency_ms=latency_ms)
    model.rule(latency_ms=latency_ms)
