"""What this process counts for Prometheus. The names are promised in docs/operations.md.

Counting is always on, it costs about a microsecond; whether anybody may read it is a setting. Labels are few: a
model's name comes from tenants, so only the first names met get a series of their own.
"""

import logging
import threading
from collections.abc import Iterator
from typing import get_args
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from agents import breaker, build_cache

logger = logging.getLogger(__name__)

# A second series for each counter, with the time it began: Prometheus sees a restart by itself.
disable_created_metrics()  # type: ignore[no-untyped-call]

MOST_NAMES = 200
LONGEST_NAME = 80
OTHER = "other"

_MODEL_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
_TOOL_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_RUN_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

MODEL_CALLS = Counter(
    "atb_model_calls", "Model calls by how they ended: ok, an error's code, stopped", ["provider", "model", "outcome"]
)
MODEL_SECONDS = Histogram(
    "atb_model_call_seconds", "Duration of answered model calls", ["provider", "model"], buckets=_MODEL_SECONDS
)
MODEL_TOKENS = Counter("atb_model_tokens", "Tokens read (in) and written (out)", ["provider", "model", "direction"])
MODEL_COST = Counter("atb_model_cost_usd", "Cost of answers whose price is known, in USD", ["provider", "model"])
MODEL_UNPRICED = Counter("atb_model_calls_unpriced", "Answered calls whose price is unknown", ["provider", "model"])

TOOL_CALLS = Counter(
    "atb_tool_calls", "Tool calls by how they ended: ok, an error's code, stopped", ["tool", "outcome"]
)
TOOL_SECONDS = Histogram("atb_tool_call_seconds", "Duration of tool calls", ["tool"], buckets=_TOOL_SECONDS)

RUNS_CARRIED = Counter(
    "atb_runs_carried", "Times a run left this worker, by the status it got; fenced: it was no longer ours", ["status"]
)
RUN_SECONDS = Histogram("atb_run_carried_seconds", "How long this worker carried a run", buckets=_RUN_SECONDS)
RUNS_IN_HAND = Gauge("atb_runs_in_hand", "Runs this worker carries now")

SLOTS = Gauge("atb_worker_slots", "Runs this worker may carry at once")

SSE_STREAMS = Gauge("atb_sse_streams", "Live event streams this process serves now")

REAPED = Counter(
    "atb_reaped", "What the reaper of this worker found: expired leases, due retries, runs it ended", ["what"]
)
RINGS = Counter("atb_rings", "Permits sent to workers, and dropped because the broker was away", ["outcome"])

_names: set[str] = set()
_lock = threading.Lock()


def name_label(name: str) -> str:
    """The name as a label's value, or "other" when this process has met enough of them."""
    short = name[:LONGEST_NAME]
    if short in _names:
        return short
    with _lock:
        if len(_names) >= MOST_NAMES:
            return OTHER
        _names.add(short)
    return short


class _BuildCache(Collector):
    """What the build cache counts by itself."""

    def collect(self) -> Iterator[Metric]:
        """Its counters as they are now."""
        found = build_cache.stats()
        yield CounterMetricFamily("atb_build_cache_hits", "Values found in the build cache", value=found.hits)
        yield CounterMetricFamily("atb_build_cache_misses", "Values that had to be made", value=found.misses)
        yield CounterMetricFamily("atb_build_cache_evictions", "Values dropped for others", value=found.evictions)
        yield GaugeMetricFamily("atb_build_cache_entries", "Values kept now", value=found.entries)


class _Breakers(Collector):
    """How the breakers of providers stand. Accounts are tenants' own, so a provider's are counted together."""

    def collect(self) -> Iterator[Metric]:
        """Breakers by state, and how often they opened."""
        stand = GaugeMetricFamily("atb_breakers", "Breakers of a provider by state", labels=["provider", "state"])
        opened = CounterMetricFamily("atb_breaker_openings", "Times a breaker opened", labels=["provider"])
        found = breaker.breaker_states()
        for provider in sorted({each.provider for each in found}):
            of = [each for each in found if each.provider == provider]
            for state in get_args(breaker.State):
                stand.add_metric([provider, state], sum(each.state == state for each in of))
            opened.add_metric([provider], sum(each.openings for each in of))
        yield from (stand, opened)


REGISTRY.register(_BuildCache())
REGISTRY.register(_Breakers())


def serve(port: int, host: str) -> WSGIServer | None:
    """Answer Prometheus on a port of this process's own; 0: not at all. A worker without its port still works."""
    if not port:
        return None
    try:
        server, _thread = start_http_server(port, host)
    except OSError as error:
        logger.error("METRICS_WORKER_PORT %s: %s; give each worker of this machine its own", port, error)
        return None
    logger.info("metrics of this worker: http://%s:%s/metrics", host, port)
    return server
