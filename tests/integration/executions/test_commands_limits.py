"""`manage.py tenant_limits`: the platform's people show and set what a tenant may use."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


def limits(*options):
    out = StringIO()
    call_command("tenant_limits", "acme", *options, stdout=out)
    return json.loads(out.getvalue())


def test_it_shows_and_sets(alice):
    assert limits()["ceilings"]["usd_per_day"] is None
    limits("--ceiling-usd-per-day", "2.5", "--tokens-per-day", "900", "--reason", "pilot")
    shown = limits("--usd-per-day", "1")
    assert shown["ceilings"]["usd_per_day"] == "2.50000000"
    assert (shown["limits"]["usd_per_day"], shown["limits"]["tokens_per_day"]) == ("1.00000000", 900)
    assert limits("--tokens-per-day", "none")["limits"]["tokens_per_day"] is None


def test_what_is_above_the_ceiling_is_refused(alice):
    with pytest.raises(CommandError, match="usd_per_day"):
        limits("--ceiling-usd-per-day", "2", "--usd-per-day", "3")
