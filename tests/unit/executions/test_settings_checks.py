"""A wrong setting is named before anything is served."""

import pytest
from django.core.checks import run_checks

from executions import settings_checks
from executions.settings_checks import log_format_is_known, overflow_is_known, tracing_can_start


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


def test_tracing_without_its_packages(settings, monkeypatch):
    monkeypatch.setattr(settings_checks, "find_spec", lambda name: None)
    settings.OTEL_ENABLED = False
    assert tracing_can_start() == []

    settings.OTEL_ENABLED = True
    (found,) = tracing_can_start()
    assert "[otel]" in found.hint
