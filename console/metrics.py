"""`GET /metrics` for Prometheus: what this web process counted, and what the database says about open runs and workers.

Switched on by METRICS_TOKEN (asked for as a bearer token) or METRICS_ENABLED (open to whoever reaches the port); else
the address does not exist. A worker's own counters are on its METRICS_WORKER_PORT. docs/operations.md lists them all.
"""

import hmac
import logging
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import Error, connection
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from executions.models import Worker
from teams.errors import NotFound, Unauthenticated
from teams.problems import problem_response

logger = logging.getLogger(__name__)

STATUSES = ("queued", "running", "retry_wait", "waiting")
"""Of open runs; each has its series even while there are none."""

SILENT = timedelta(seconds=15)
"""A worker that has not reported for so long is taken for dead, as in /health."""


@require_safe
def metrics(request: HttpRequest) -> HttpResponseBase:
    """The text form, which every Prometheus reads."""
    if not (settings.METRICS_ENABLED or settings.METRICS_TOKEN):
        return problem_response(NotFound())
    if settings.METRICS_TOKEN and not _has_token(request):
        response = problem_response(Unauthenticated("send METRICS_TOKEN: `Authorization: Bearer <token>`"))
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    return HttpResponse(generate_latest(REGISTRY) + generate_latest(_DATABASE), content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    # Compared as bytes: compare_digest takes no other characters than ASCII in text.
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())


class _Database(Collector):
    """Gauges read at each scrape. A database that is away is a gauge too, never a failed scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The open runs and the workers, or only that the database is away."""
        try:
            found = [*_open_runs(), *_workers()]
        except Error as error:
            logger.warning("metrics: the database did not answer: %s", error)
            found = []
        yield GaugeMetricFamily("atb_database_up", "Whether the database answered this scrape", value=bool(found))
        yield from found


def _open_runs() -> list[GaugeMetricFamily]:
    by_tenant = settings.METRICS_TENANTS
    labels = ["status", "tenant"] if by_tenant else ["status"]
    runs = GaugeMetricFamily("atb_runs", "Open runs by status", labels=labels)
    oldest = GaugeMetricFamily("atb_oldest_run_seconds", "Age of the oldest open run, by status", labels=labels)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant, status, runs, oldest_seconds FROM metrics_v1(%s)", [by_tenant])
        rows = {(status, tenant): (count, age) for tenant, status, count, age in cursor.fetchall()}
    if not by_tenant:
        rows = {(status, ""): (0, 0.0) for status in STATUSES} | rows
    for (status, tenant), (count, age) in rows.items():
        values = [status, tenant] if by_tenant else [status]
        runs.add_metric(values, count)
        oldest.add_metric(values, age)
    return [runs, oldest]


def _workers() -> list[GaugeMetricFamily]:
    found = Worker.objects.filter(beat_at__gt=timezone.now() - SILENT).aggregate(
        workers=Count("id"), draining=Count("id", filter=Q(draining=True)), slots=Sum("slots"), busy=Sum("running")
    )
    texts = {
        "workers": "Workers that have reported lately",
        "draining": "Of these, how many take no more runs",
        "slots": "Runs all workers may carry at once",
        "busy": "Runs all workers carried when they last reported",
    }
    names = {
        "workers": "atb_workers",
        "draining": "atb_workers_draining",
        "slots": "atb_slots",
        "busy": "atb_slots_busy",
    }
    return [GaugeMetricFamily(names[key], text, value=found[key] or 0) for key, text in texts.items()]


_DATABASE = CollectorRegistry()
_DATABASE.register(_Database())
