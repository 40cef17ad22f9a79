"""`make bench`: the product and what people would use instead, side by side in one run. Read ratios, not times.

python -m benchmarks [--only zero,runs,submit,streams,teams,tools,lists] [--json FILE] [--runs 200] [--large 1000]
                     [--workers 1]
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console, Group, RenderableType

from benchmarks import half, lists, report, streams, teams, tool_runs, zero
from benchmarks.processes import Child, module

PARTS = ("zero", "runs", "submit", "streams", "teams", "tools", "lists")


def measured(part: str, model: str, given: argparse.Namespace, found: dict[str, Any]) -> RenderableType:
    """Measure one part, keep its numbers, and return them as tables."""
    match part:
        case "zero":
            found[part] = {"runs": given.runs, **zero.measure(model, given.runs)}
            return report.zero(found[part])
        case "runs":
            found[part] = half.measure(model, [200, *([given.large] if given.large else [])], given.workers)
            return report.runs(found[part])
        case "submit":
            found[part] = half.submits(model)
            return report.submit(found[part])
        case "streams":
            found[part] = streams.measure(model, [1, 50])
            return report.streams(found[part])
        case "teams":
            found[part] = teams.measure(model, 300)
            return report.teams(found[part])
        case "lists":
            found[part] = lists.measure(model, 5)
            return report.lists(found[part])
        case _:
            found[part] = tool_runs.measure(model, given.runs)
            return Group(*report.tools(found[part]))


def main() -> None:
    """Measure what is asked for and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    parser.add_argument("--runs", type=int, default=200, help="runs of part zero, and of part tools at zero latency")
    parser.add_argument("--large", type=int, default=1000, help="the larger number of part runs; 0: leave it out")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of part runs")
    given = parser.parse_args()
    chosen = given.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"--only has no part {', '.join(sorted(unknown))}: {', '.join(PARTS)}")
    out, found = Console(width=None if os.isatty(1) else 140), {}
    out.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything started here is stopped
    with Child(module("benchmarks.fake_llm")) as model:
        for part in chosen:
            out.print(measured(part, model.line, given, found))
    if given.json:
        given.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
