"""The numbers as tables. A ratio stands beside what it compares with: absolute numbers move with the machine."""

from typing import Any

from rich.table import Table

Result = dict[str, Any]

_LISTS_SHOWN = 40


def zero(found: Result) -> Table:
    """CPU of a run at zero latency."""
    names = {
        "nothing_stored": "LangGraph + ChatOpenAI, nothing stored",
        "postgres_saver": "LangGraph + ChatOpenAI + PostgresSaver",
        "celery": "Celery + LangGraph + ChatOpenAI, nothing stored",
        "ours": "Agent Team Builder, the run",
    }
    title = "CPU ms a run at 32 at once, model at zero latency"
    table = Table("", "process", "PostgreSQL", "together", "x of ours", "runs/s", title=title)
    ours = sum(found["ours"]["cpu"].get(name, 0.0) for name in ("worker", "postgres"))
    for key, name in names.items():
        cpu, rate = found[key]["cpu"], found["runs"] / found[key]["seconds"]
        together = cpu["worker"] + cpu.get("postgres", 0.0)
        database = f"{cpu['postgres']:.1f}" if "postgres" in cpu else "-"
        table.add_row(
            name, f"{cpu['worker']:.1f}", database, f"{together:.1f}", f"{together / ours:.2f}", f"{rate:.0f}"
        )
    submit = found["ours"]["submit_cpu"]
    together = submit["web"] + submit["postgres"]
    table.add_row(
        "its submit over HTTP", f"{submit['web']:.1f}", f"{submit['postgres']:.1f}", f"{together:.1f}", "", ""
    )
    return table


def runs(found: Result) -> Table:
    """Many runs at 500 ms a call."""
    title = "Runs of 4 calls of 500 ms: {workers} worker(s) of {slots} slots, submitted by {clients} HTTP clients"
    return _at_500_ms(title.format(**found), found["runs"], 2)


def _at_500_ms(title: str, rows: Result, ideal: float) -> Table:
    spans = ("first submit to last end", "of it submitting", "all queued to last end", f"x of ideal {ideal:g} s")
    table = Table("", *spans, "submit p50 / p95 ms", "worker MB", "connections", title=title)
    for number, row in rows.items():
        submit = f"{row['submit']['p50']:.0f} / {row['submit']['p95']:.0f}"
        whole, engine = row["seconds"], row["engine_seconds"]
        table.add_row(f"{number} runs", f"{whole:.2f} s", f"{row['submitting']:.2f} s", f"{engine:.2f} s",
                      f"{whole / ideal:.2f} / {engine / ideal:.2f}", submit, f"{row['memory_mb']:.0f}",
                      f"{row['connections']:.0f}")  # fmt: skip
    return table


def submit(found: Result) -> Table:
    """Submits under load."""
    table = Table("", "p50", "p95", title="ms of a submit while 200 runs go, one client")
    table.add_row(f"{found['count']} submits", f"{found['p50']:.1f}", f"{found['p95']:.1f}")
    return table


def streams(found: Result) -> Table:
    """Delay of streamed words. All streams are opened at once, which is the hardest moment; it is told apart."""
    return _late("ms a word is late over the model's own time: p50 / p95 / max; CPU ms a word", found)


def _late(title: str, found: Result) -> Table:
    table = Table("", "words/s", "all words", "once all streams are open", "worker", "web", "redis", title=title)
    for number, row in found.items():
        cpu = [f"{row['cpu'][name]:.2f}" for name in ("worker", "web", "redis")]
        late = [
            " / ".join(f"{row[which][name]:.1f}" for name in ("p50", "p95", "max"))
            for which in ("all", "once_all_are_open")
        ]
        table.add_row(f"{number} streams", f"{row['per_second']:.0f}", *late, *cpu)
    return table


def teams(found: Result) -> Table:
    """CPU of a request for a team, and how long it takes."""
    table = Table("", "web CPU ms", "PostgreSQL CPU ms", "together", "x of bare", "p50 ms", "x of bare",
                  title="A team of 2.8 KB, one client")  # fmt: skip
    for method in ("GET", "POST"):
        bare = found["bare"][method]
        for name, row in (("bare Django REST framework", bare), ("Agent Team Builder", found["ours"][method])):
            cpu = row["cpu"]
            numbers = [cpu["web"], cpu["postgres"], sum(cpu.values()), sum(cpu.values()) / sum(bare["cpu"].values()),
                       row["p50"], row["p50"] / bare["p50"]]  # fmt: skip
            table.add_row(f"{method}, {name}", *(f"{number:.2f}" for number in numbers))
    return table


def tools(found: Result) -> list[Table]:
    """Runs whose agents call tools: CPU beside a run without, many at once, and streams."""
    title = "CPU ms a run at 32 at once, model at zero latency; with tools: 7 model calls and 3 tool calls"
    table = Table("", "worker", "PostgreSQL", "together", "x of without", "runs/s", title=title)
    plain = sum(found["plain"]["cpu"][name] for name in ("worker", "postgres"))
    for key, name in (("plain", "without tools, 4 model calls"), ("tools", "with tools")):
        cpu, rate = found[key]["cpu"], found["runs"] / found[key]["seconds"]
        together = cpu["worker"] + cpu["postgres"]
        table.add_row(name, f"{cpu['worker']:.1f}", f"{cpu['postgres']:.1f}", f"{together:.1f}",
                      f"{together / plain:.2f}", f"{rate:.0f}")  # fmt: skip
    half = found["half"]
    return [
        table,
        _at_500_ms("With tools, 500 ms a model call", {str(half["runs"]): half}, half["ideal"]),
        _late("With tools: ms a word is late: p50 / p95 / max; CPU ms a word", found["streams"]),
    ]


def lists(found: Result) -> Table:
    """The slowest pages; those above the limit are marked."""
    rows, limit = found["rows"], found["limit_ms"]
    above = sum(row["ms"] > limit for row in rows)
    title = f"{len(rows)} pages, {above} above {limit} ms; median of {found['times']}, the slowest first"
    table = Table("", "ms", "web CPU", "SQL", "queries", "kB", "who", "page", title=title)
    for row in rows[: max(_LISTS_SHOWN, above)]:
        mark = "!" if row["ms"] > limit else ""
        numbers = (
            f"{row['ms']:.0f}",
            f"{row['cpu_ms']:.0f}",
            f"{row['sql_ms']:.0f}",
            str(row["queries"]),
            str(row["kb"]),
        )
        table.add_row(mark, *numbers, row["place"], row["address"])
    return table
