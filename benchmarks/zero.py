"""Part `zero`: CPU of a run when the model takes no time, 32 at once. Ours durable and isolated, theirs with less."""

import json
import subprocess
import time
from contextlib import ExitStack
from typing import Any

import psutil
from celery import Celery

from benchmarks import load
from benchmarks.peer_celery import QUEUE
from benchmarks.processes import Child, Clock, module, wait_until
from benchmarks.product import Product

SLOTS = 32
PATH = "/ms=0,words=60/v1"
WARM_UP = 40

Result = dict[str, Any]


def measure(model: str, runs: int) -> Result:
    """All variants, one after the other."""
    url = model + PATH
    with Product(url, slots=SLOTS) as product:
        queued_and_carried(product, WARM_UP)
        ours = queued_and_carried(product, runs)
        bare = peer("nothing-stored", url, str(runs))
        saved = peer("postgres-saver", url, str(runs), product.admin_url, str(product.pids["postgres"]))
        return {"nothing_stored": bare, "postgres_saver": saved, "celery": celery(product, model, runs), "ours": ours}


def queued_and_carried(product: Product, runs: int) -> Result:
    """Submit while the worker stands still, then let it carry all: what a run costs, apart from what a submit costs."""
    with ExitStack() as stopped:
        stopped.enter_context(product.workers_stopped())
        with product.clock() as submitting:
            product.submit(runs)
        with product.clock() as running:
            resumed = time.time()
            stopped.close()
            ended = product.wait()
    return {
        "seconds": ended["last_end"] - resumed,
        "cpu": per_run(running, runs),
        "submit_cpu": per_run(submitting, runs),
    }


def per_run(clock: Clock, runs: int) -> dict[str, float]:
    """Milliseconds of each process for one run."""
    return {name: used / runs for name, used in clock.cpu.items()}


def peer(*words: str) -> Result:
    """One variant of benchmarks.peers, in a process of its own."""
    command = module("benchmarks.peers", *words)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own module
    result: Result = json.loads(output.splitlines()[-1])
    return result


def celery(product: Product, model: str, runs: int) -> Result:
    """Plain Celery with LangGraph and ChatOpenAI, on the product's Redis."""
    broker = product.environment["REDIS_URL"]
    words = ("-A", "benchmarks.peer_celery", "worker", "--pool", "threads", "--concurrency", str(SLOTS))
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    env = {"PEER_BROKER": broker, "PEER_MODEL": model + PATH}
    with Child(module("celery", *words, *quiet), speaks=False, **env) as worker:
        carried_by_celery(worker.pid, broker, model, WARM_UP)
        return carried_by_celery(worker.pid, broker, model, runs)


def carried_by_celery(worker: int, broker: str, model: str, runs: int) -> Result:
    """Queue runs while the worker stands still, then let it carry them; done when the model answered for each."""

    def calls() -> int:
        return int(load.ask(model, "", "GET", "/_stats")["calls"])

    before, process, sender = calls(), psutil.Process(worker), Celery("sender", broker=broker)
    process.suspend()
    for number in range(runs):
        sender.send_task("carry", [number], queue=QUEUE)
    with Clock(worker=worker) as clock:
        process.resume()
        wait_until(lambda: calls() >= before + 4 * runs, "the runs of Celery's worker")
        time.sleep(0.1)  # the last run ends
    return {"seconds": clock.seconds - 0.1, "cpu": per_run(clock, runs)}
