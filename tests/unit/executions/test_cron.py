"""When a schedule is due: time zones, changes of the clock, the latest missed slot, and what is refused."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from executions import cron

BERLIN = "Europe/Berlin"  # in 2026 the clock goes forward on 29 March at 02:00, back on 25 October at 03:00


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def some(expression: str, zone: str, after: str, count: int = 3) -> list[str]:
    return [f"{moment:%m-%d %H:%M}" for moment in islice(cron.times(expression, zone, at(after)), count)]


def test_times_are_meant_in_the_zone_and_told_in_utc():
    assert some("0 9 * * MON-FRI", BERLIN, "2026-01-02T09:00") == ["01-05 08:00", "01-06 08:00", "01-07 08:00"]
    assert some("0 9 * * *", "Asia/Kolkata", "2026-01-02T00:00", 1) == ["01-02 03:30"]


def test_the_moment_itself_is_not_after_itself():
    assert some("30 8 * * *", "UTC", "2026-01-02T08:30", 1) == ["01-03 08:30"]
    assert some("30 8 * * *", "UTC", "2026-01-02T08:29:59", 1) == ["01-02 08:30"]


def test_in_spring_a_job_in_the_gap_runs_once_just_after_it():
    assert some("30 2 * * *", BERLIN, "2026-03-28T00:00") == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]


def test_in_spring_two_slots_that_fall_together_are_one():
    assert some("0,30 2,3 * * *", BERLIN, "2026-03-29T00:30", 3) == ["03-29 01:00", "03-29 01:30", "03-30 00:00"]


def test_in_autumn_a_job_in_the_doubled_hour_runs_once():
    assert some("30 2 * * *", BERLIN, "2026-10-24T12:00") == ["10-25 00:30", "10-26 01:30", "10-27 01:30"]


def test_in_autumn_within_the_second_of_the_two_hours_the_slot_is_past():
    """02:10 for the second time: 02:30 was half an hour and more ago, and must not come again."""
    assert some("30 2 * * *", BERLIN, "2026-10-25T01:10", 1) == ["10-26 01:30"]


def test_every_quarter_of_an_hour_goes_by_elapsed_time_through_both_changes():
    for start in ("2026-03-29T00:00", "2026-10-25T00:00"):
        found = list(islice(cron.times("*/15 * * * *", BERLIN, at(start)), 12))
        assert {later - one for one, later in pairwise(found)} == {timedelta(minutes=15)}


@pytest.mark.parametrize(
    ("expression", "due", "now", "wanted"),
    [
        ("* * * * *", "2026-01-01T00:00", "2026-06-01T12:00:30", "2026-06-01T12:00"),  # five months of minutes
        ("0 9 * * *", "2026-01-01T09:00", "2026-01-01T09:00:01", "2026-01-01T09:00"),
        ("0 9 * * *", "2026-01-01T09:00", "2026-01-04T08:59", "2026-01-03T09:00"),
        ("0 0 1 * *", "2026-01-01T00:00", "2026-03-20T00:00", "2026-03-01T00:00"),
        ("0 0 1 1 *", "2026-01-01T00:00", "2026-12-20T00:00", "2026-01-01T00:00"),
    ],
)
def test_after_an_outage_only_the_latest_slot_counts(expression, due, now, wanted):
    assert cron.latest(expression, "UTC", at(due), at(now)) == at(wanted)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("60 * * * *", "Bad minute"),
        ("* 24 * * *", "Bad hour"),
        ("* * 0 * *", "Bad day-of-month"),
        ("* * * FOO *", "Bad month"),
        ("* * * * MON#6", "Bad day-of-week"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("*/0 * * * *", "Bad minute"),
        ("0 9 * *\n*", "one line"),
        ("0 9 * * *" + " " * 100, "at most 100"),
    ],
)
def test_an_expression_that_is_not_understood_is_refused(expression, says):
    (problem,) = cron.problems(expression, "UTC")
    assert problem["loc"] == "cron"
    assert says in problem["msg"]


@pytest.mark.parametrize("zone", ["", "Berlin", "Europe", "../etc/passwd", "localtime", "europe/berlin", "+01:00"])
def test_a_zone_that_is_none_is_refused(zone):
    (problem,) = cron.problems("0 9 * * *", zone)
    assert (problem["loc"], "IANA" in problem["msg"]) == ("time_zone", True)


def test_what_debian_writes_is_understood():
    for expression in ("0 9 * * 1-5", "*/5 8-18 * * *", "0 0 L * *", "0 0 LW * *", "0 0 * * MON#1", "0 0 * * 7"):
        assert cron.problems(expression, "UTC") == []
