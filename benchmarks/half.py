"""Parts `runs` and `submit`: many runs at once of four calls of 500 ms each (ideal: 2 s), and submits beside them."""

import time
from typing import Any

from benchmarks import load
from benchmarks.processes import p50_p95
from benchmarks.product import OPEN_RUNS, Product

PATH = "/ms=500,words=60/v1"
CLIENTS = 8

Result = dict[str, Any]


def measure(model: str, sizes: list[int], workers: int) -> Result:
    """So many runs at once, each number on the same installation."""
    slots = max(sizes) // workers
    with Product(model + PATH, slots=slots, workers=workers) as product:
        submitted_and_carried(product, 20)
        found: Result = {"slots": slots, "workers": workers, "clients": CLIENTS, "runs": {}}
        for runs in sizes:
            found["runs"][str(runs)] = {**submitted_and_carried(product, runs), **carried_from_the_queue(product, runs)}
        return found


def submits(model: str, runs: int = 200, probes: int = 60) -> Result:
    """Single submits of one client while so many runs are in flight."""
    with Product(model + PATH, slots=512) as product:
        submitted_and_carried(product, 20)
        product.submit(runs, CLIENTS)
        probe = [("POST", "/api/v1/executions", {"team_id": product.team_id})] * probes
        times = load.repeat(product.address, product.key, probe, pause=0.01)
        found = {**p50_p95(times), "open_after": product.query(OPEN_RUNS)}
        product.wait()
        return found


def submitted_and_carried(product: Product, runs: int) -> Result:
    """From the first submit to the last end, with the worker at work all the time."""
    began = time.time()
    times = product.submit(runs, CLIENTS)
    submitted = time.time()
    ended = product.wait()
    return {
        "seconds": ended["last_end"] - began,
        "submitting": submitted - began,
        "submit": p50_p95(times),
        "memory_mb": ended["memory_mb"],
        "connections": ended["connections"],
    }


def carried_from_the_queue(product: Product, runs: int) -> Result:
    """From the moment all are queued and the worker may begin to the last end: the engine alone."""
    with product.workers_stopped():
        product.submit(runs, CLIENTS)
        began = time.time()
    return {"engine_seconds": product.wait()["last_end"] - began}
