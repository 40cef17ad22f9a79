"""`make bench`: the product and what people would use instead, side by side in one run. Read ratios, not times.

python -m benchmarks [--runs 200] [--large 0]
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.processes import Child, percentile
from benchmarks.product import Product


def peer(*words: str) -> dict[str, float]:
    """One variant of benchmarks.peers, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.peers", *words]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own module
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def owner_url(product: Product) -> str:
    """The database's address for a login that may create the saver's tables."""
    lines = (product.folder / "run" / "env").read_text().splitlines()
    return next(line.partition("=")[2].strip("'\"") for line in lines if line.startswith("DATABASE_OWNER_URL"))


def zero_latency(model: str, runs: int, table: Table) -> None:
    """CPU of a run when the model takes no time: ours durable and isolated, theirs with and without a saver."""
    url = f"{model}/ms=0,words=60/v1"
    with Product(url, slots=32) as product:
        product.carry(40)
        ours = product.carry(runs)
        bare = peer("nothing-stored", url, str(runs))
        saved = peer("postgres-saver", url, str(runs), owner_url(product))
    row(table, "LangGraph + ChatOpenAI, nothing stored", bare["cpu_ms"], None, None, runs / bare["seconds"])
    row(table, "LangGraph + ChatOpenAI + PostgresSaver", saved["cpu_ms"], None, None, runs / saved["seconds"])
    cpu = ours["cpu"]
    row(table, "Agent Team Builder over HTTP", cpu["worker"], cpu["web"], cpu["postgres"], ours["per_second"])


def row(table: Table, name: str, worker: float, web: float | None, database: float | None, rate: float) -> None:
    """One line of the first table."""
    shown = ["-" if value is None else f"{value:.1f}" for value in (worker, web, database)]
    table.add_row(name, *shown, f"{rate:.0f}")


def at_half_a_second(model: str, sizes: list[int], out: Console) -> None:
    """Many runs at once of four calls of 500 ms each (ideal: 2 s), submits under load, delay of streamed words."""
    with Product(f"{model}/ms=500,words=60/v1", slots=512) as product:
        product.carry(20)
        for runs in sizes:
            result: dict[str, Any] = product.carry(runs)
            out.print(f"{runs} runs at 500 ms a call: {result['seconds']:.1f} s, worker {result['memory_mb']:.0f} MB")
        p50, p95 = product.submit_under_load(200, 60)
        out.print(f"submit while 200 runs go: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
        for streams in (1, 50):
            delays = product.stream_delays(streams)
            shown = [f"{percentile(delays, share):.1f}" for share in (0.5, 0.95)]
            out.print(f"{streams} streams: {len(delays)} words, delay p50 {shown[0]} ms, p95 {shown[1]} ms")


def main() -> None:
    """Run all of it and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="runs of the zero-latency part")
    parser.add_argument("--large", type=int, default=1000, help="runs of the large part; 0: leave it out")
    given = parser.parse_args()
    out = Console()
    table = Table("CPU ms a run at 32 at once", "worker", "web", "PostgreSQL", "runs/s")
    with Child("benchmarks.fake_llm") as model:
        zero_latency(model.line, given.runs, table)
        out.print(table)
        at_half_a_second(model.line, [200, *([given.large] if given.large else [])], out)


if __name__ == "__main__":
    main()
