"""A wrong CONTEXT_OVERFLOW is named before anything is served."""

import pytest
from django.core.checks import run_checks

from executions.settings_checks import overflow_is_known


@pytest.mark.parametrize("value", ["cut", "summary"])
def test_what_there_is(settings, value):
    settings.CONTEXT_OVERFLOW = value

    assert overflow_is_known() == []


def test_what_there_is_not(settings):
    settings.CONTEXT_OVERFLOW = "sumary"
    (found,) = [message for message in run_checks() if message.id == "ATB.E020"]

    assert "'sumary'" in found.msg
    assert "cut or summary" in found.hint
