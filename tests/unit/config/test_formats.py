"""Times that Django writes by itself look like those that we write."""

from datetime import UTC, date, datetime

from django.utils import formats, timezone

MOMENT = datetime(2026, 11, 27, 10, 40, tzinfo=UTC)


def test_times_carry_their_zone_and_dates_sort() -> None:
    assert formats.localize(timezone.template_localtime(MOMENT)) == "2026-11-27 10:40 UTC"
    assert formats.localize(date(2026, 11, 7)) == "2026-11-07"
