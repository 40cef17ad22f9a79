"""When a schedule is due: cron expressions in a time zone, by cronsim, which follows Debian's cron.

Over a change of the clock a job at a fixed time runs once a day: in spring at the first minute after the gap, in autumn
at the earlier of the two. A job with `*` in its minutes or hours goes by elapsed time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from teams.errors import Located

MAX_CRON = 100
PREVIEW = 5
_FIELDS = 5


def times(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Yield, in UTC, the times strictly after a moment. Ends when none comes within fifty years."""
    last = after.astimezone(UTC)
    for moment in CronSim(cron, after.astimezone(ZoneInfo(zone))):
        found = moment.astimezone(UTC)
        # In the hours of a clock change cronsim may name a time twice, or one that has passed.
        if found > last:
            last = found
            yield found


def next_time(cron: str, zone: str, after: datetime) -> datetime | None:
    """Return the first time after a moment, or None."""
    return next(times(cron, zone, after), None)


def preview(cron: str, zone: str, after: datetime) -> list[datetime]:
    """Return the next five times."""
    return list(islice(times(cron, zone, after), PREVIEW))


def latest(cron: str, zone: str, due: datetime, now: datetime) -> datetime:
    """Return the latest time that is not after `now`, where `due` is the first that was missed."""
    for back in (timedelta(days=1), timedelta(days=40)):
        # After a long outage only the end of it is walked through: a day of minutes is 1,440 of them.
        start = now - back
        if start > due and (found := _last(cron, zone, start, now)):
            return found
    return _last(cron, zone, due, now) or due


def _last(cron: str, zone: str, after: datetime, now: datetime) -> datetime | None:
    found = None
    for moment in times(cron, zone, after):
        if moment > now:
            break
        found = moment
    return found


def problems(cron: str, zone: str) -> list[Located]:
    """Say what is wrong with a cron expression and a time zone."""
    found = []
    if zone not in _zones():
        msg = "is not a time zone: write one of the IANA names, such as Europe/Berlin or UTC"
        found.append(Located(loc="time_zone", msg=msg))
    if problem := _cron_problem(cron):
        found.append(Located(loc="cron", msg=problem))
    return found


def _cron_problem(cron: str) -> str:
    example = "for example `0 9 * * MON-FRI` for nine o'clock on weekdays"
    if len(cron) > MAX_CRON or not cron.isprintable():
        return f"must be one line of at most {MAX_CRON} characters, {example}"
    if len(cron.split()) != _FIELDS:
        return f"must have five fields (minute, hour, day of month, month, day of week), {example}"
    try:
        first = next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        return f"is not understood ({error}): {example}"
    return "" if first else "names a day that never comes"


@cache
def _zones() -> frozenset[str]:
    # "localtime" and the like are whatever the server happens to have.
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")
