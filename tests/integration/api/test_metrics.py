"""`/metrics`: not there unless switched on, for whoever has the token; counts of this process and of the database."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from executions.services import execution_start
from tests import factories

pytestmark = pytest.mark.django_db

TOKEN = "scrape-me-0123456789"


@pytest.fixture
def scrape(client: Client, settings: Any) -> Any:
    """Scrapes with the token; returns value by (name, labels...)."""
    settings.METRICS_TOKEN = TOKEN

    def scraped() -> dict[tuple[str, ...], float]:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"].startswith("text/plain")
        families = text_string_to_metric_families(answer.content.decode())
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }

    return scraped


def test_off_means_there_is_nothing(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer ü"])
def test_without_the_token_nothing_is_told(client: Client, settings: Any, header: str) -> None:
    settings.METRICS_TOKEN, settings.METRICS_ENABLED = TOKEN, True
    answer = client.get("/metrics", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert b"atb_" not in answer.content


def test_enabled_without_a_token_is_open(client: Client, settings: Any) -> None:
    settings.METRICS_ENABLED = True
    assert b"atb_database_up 1.0" in client.get("/metrics").content


def test_open_runs_are_counted(scrape: Any, alice: Any, charlie: Any) -> None:
    assert scrape()["atb_runs", "queued"] == 0
    for who in (alice, alice, charlie):
        execution_start(actor=who.actor, team_id=factories.team(who).id)
    found = scrape()
    assert found["atb_runs", "queued"] == 3
    assert found["atb_runs", "running"] == 0
    assert found["atb_oldest_run_seconds", "queued"] > 0


def test_tenants_are_named_only_when_asked_for(scrape: Any, alice: Any, charlie: Any, settings: Any) -> None:
    for who in (alice, alice, charlie):
        execution_start(actor=who.actor, team_id=factories.team(who).id)
    assert not any({"acme", "globex"} & set(labels) for labels in scrape())
    settings.METRICS_TENANTS = True
    found = scrape()
    assert found["atb_runs", "acme", "queued"] == 2
    assert found["atb_runs", "globex", "queued"] == 1


def test_requests_are_counted_by_route(scrape: Any, api: Any, alice: Any) -> None:
    team = factories.team(alice)
    before = scrape()
    api(alice).get(f"/api/v1/teams/{team.id}")
    api(alice).get("/api/v1/nothing/here")
    found = scrape()
    risen = {key[1:] for key in found if key[0] == "atb_http_requests_total" and found[key] > before.get(key, 0)}
    assert risen == {("200", "GET", "api-team"), ("404", "GET", "none"), ("200", "GET", "metrics")}
    assert not any(str(team.id) in label for key in found for label in key), "no ids as labels"


def test_the_build_cache_is_counted(scrape: Any, alice: Any) -> None:
    before = scrape()["atb_build_cache_misses_total",]
    factories.team(alice)
    assert scrape()["atb_build_cache_misses_total",] > before


def test_a_database_that_is_away_is_a_number(scrape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("console.metrics._open_runs", away)
    found = scrape()
    assert found["atb_database_up",] == 0
    assert ("atb_runs", "queued") not in found
    assert ("atb_build_cache_entries",) in found


def test_workers_that_report_are_counted(scrape: Any, alice: Any) -> None:
    from executions.models import Worker

    Worker.objects.create(id="w1", host="h", pid=1, slots=8, running=3)
    Worker.objects.create(id="w2", host="h", pid=2, slots=4, running=1, draining=True)
    found = scrape()
    assert (found["atb_workers",], found["atb_workers_draining",]) == (2, 1)
    assert (found["atb_slots",], found["atb_slots_busy",]) == (12, 4)
