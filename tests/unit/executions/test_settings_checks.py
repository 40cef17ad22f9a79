"""A wrong setting is named before anything is served."""

import pytest
from django.core.checks import run_checks

from executions import settings_checks
from executions.settings_checks import (
    leases_are_renewed_in_time,
    log_format_is_known,
    overflow_is_known,
    tracing_can_start,
)


@pytest.mark.parametrize("value", ["cut", "summary"])
def test_what_there_is(settings, value):
    settings.CONTEXT_OVERFLOW = value

    assert overflow_is_known() == []


def test_what_there_is_not(settings):
    settings.CONTEXT_OVERFLOW = "sumary"
    (found,) = [message for message in run_checks() if message.id == "ATB.E020"]

    assert "'sumary'" in found.msg
    assert "cut or summary" in found.hint


def test_a_log_format_there_is_not(settings):
    settings.LOG_FORMAT = "yaml"
    (found,) = log_format_is_known()

    assert (found.id, found.hint) == ("ATB.E021", "set it to line or json")


@pytest.mark.parametrize("value", ["line", "json"])
def test_a_log_format_there_is(settings, value):
    settings.LOG_FORMAT = value

    assert log_format_is_known() == []


@pytest.mark.parametrize(("lease", "heartbeat"), [(15, 5), (3, 1.5), (60, 7.5)])
def test_a_heartbeat_in_time(settings, lease, heartbeat):
    settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS = lease, heartbeat

    assert leases_are_renewed_in_time() == []


@pytest.mark.parametrize(("lease", "heartbeat"), [(15, 15), (3, 5), (60, 20), (15, 0), (0, 5), (15, -1)])
def test_a_heartbeat_that_would_lose_runs(settings, lease, heartbeat):
    settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS = lease, heartbeat
    (found,) = leases_are_renewed_in_time()

    assert found.id == "ATB.E023"
    assert "half of LEASE_SECONDS and 7.5" in found.hint


def test_tracing_without_its_packages(settings, monkeypatch):
    monkeypatch.setattr(settings_checks, "find_spec", lambda name: None)
    settings.OTEL_ENABLED = False
    assert tracing_can_start() == []

    settings.OTEL_ENABLED = True
    (found,) = tracing_can_start()
    assert "[otel]" in found.hint
