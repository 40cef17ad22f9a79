"""Part `tools`: the same four agents, of which three call a tool before they answer. Seven model calls and three tool
calls a run, the tool a real one that costs little (Chunk_Text), so what is measured is what a call costs the engine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import half, streams, zero
from benchmarks.product import TEAM, Product

TOOL = "Chunk_Text"
CALLS = 3
TEAM_WITH_TOOLS = {
    **TEAM,
    "agents": [{**agent, "agent_tools": [TOOL] if place < CALLS else []} for place, agent in enumerate(TEAM["agents"])],
}
IDEAL_S = (len(TEAM["agents"]) + CALLS) * 0.5
AT_ONCE = 200
WATCHED = 50

DONE = "select count(*) from executions_step where kind = 'tool' and state = 'done'"

Result = dict[str, Any]


def measure(model: str, runs: int) -> Result:
    """CPU beside a run without tools, many runs at once, and streams; each on an installation of its own."""
    with offering(model, zero.PATH, zero.SLOTS) as product:
        plain = [zero.queued_and_carried(product, number) for number in (zero.WARM_UP, runs)][1]
        use_tools(product)
        zero.queued_and_carried(product, zero.WARM_UP)
        with all_called(product, runs):
            found: Result = {"runs": runs, "plain": plain, "tools": zero.queued_and_carried(product, runs)}
    with offering(model, half.PATH, AT_ONCE) as product:
        use_tools(product)
        half.submitted_and_carried(product, 20)
        with all_called(product, 2 * AT_ONCE):
            there = half.submitted_and_carried(product, AT_ONCE)
            found["half"] = {
                "runs": AT_ONCE,
                "ideal": IDEAL_S,
                **there,
                **half.carried_from_the_queue(product, AT_ONCE),
            }
    with offering(model, streams.PATH, 128) as product:
        use_tools(product)
        streams.watch(product, 2)
        with all_called(product, WATCHED):
            found["streams"] = {str(WATCHED): streams.watched(product, WATCHED)}
    return found


def offering(model: str, path: str, slots: int) -> Product:
    """An installation whose model calls the tool wherever it is offered one."""
    return Product(model + path.replace("/v1", f",tool={TOOL}/v1"), slots=slots)


def use_tools(product: Product) -> None:
    """From now on submit the team whose agents have the tool."""
    product.team_id = product.ask("POST", "/api/v1/teams", {"config": TEAM_WITH_TOOLS})["id"]


@contextmanager
def all_called(product: Product, runs: int) -> Iterator[None]:
    """Raises when the runs carried meanwhile did not make all their tool calls: then something else was measured."""
    before = product.query(DONE)
    yield
    product.wait()
    if (made := product.query(DONE) - before) != CALLS * runs:
        raise RuntimeError(f"{runs} runs made {made} tool calls, not {CALLS * runs}")
