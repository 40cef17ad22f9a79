"""How many requests a key, a tenant and a stranger may send: buckets in Redis that fill up again at a steady pace.

A bucket holds a minute's worth of requests; one that is empty gives one back every 60/limit seconds. All buckets of a
request are asked in one round trip, and taken from only if none is empty. While Redis is away requests are let through:
limits protect the service, so they must not be what stops it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from teams.errors import TooManyRequests
from teams.pause import Pause

if TYPE_CHECKING:
    from teams.access import Actor  # which asks teams.strangers, and that this module

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 60

TIMEOUT_SECONDS: Final = 0.2
"""Longest wait for Redis to connect and for it to answer."""

# The generic cell rate algorithm: a bucket is one number, the moment at which it will be full again. A request moves
# that moment on by its share of the window; it is refused when the moment would lie more than a window ahead.
# Times are microseconds of Redis' own clock, so processes and machines agree.
_TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local window = tonumber(ARGV[1])
local wait, before, after = 0, {}, {}
for i, key in ipairs(KEYS) do
    before[i] = math.max(now, tonumber(redis.call('GET', key) or '0'))
    after[i] = before[i] + window / tonumber(ARGV[i + 1])
    wait = math.max(wait, after[i] - now - window)
end
local answer = {math.ceil(wait)}
for i, key in ipairs(KEYS) do
    if wait > 0 then
        answer[i + 1] = math.ceil(before[i] - now)
    else
        redis.call('SET', key, string.format('%.0f', after[i]), 'PX', math.ceil((after[i] - now) / 1000))
        answer[i + 1] = math.ceil(after[i] - now)
    end
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit of requests a minute, and the Redis key that counts them."""

    name: str
    key: str
    limit: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a bucket stands after a request."""

    bucket: Bucket
    remaining: int
    full_in: float  # seconds


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking from some buckets gave: `wait` is None when there was enough in each."""

    standings: Sequence[Standing]
    wait: float | None = None  # seconds

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): r requests left, full in t s."""
        if not self.standings:
            return {}
        of = [(standing.bucket, standing) for standing in self.standings]
        return {
            "RateLimit-Policy": ", ".join(f'"{b.name}";q={b.limit};w={WINDOW_SECONDS}' for b, _ in of),
            "RateLimit": ", ".join(f'"{b.name}";r={s.remaining};t={max(0, round(s.full_in))}' for b, s in of),
        }


_ALL_CLEAR: Final = Taken(())


class Counter:
    """The buckets of one Redis. Never raises for it."""

    def __init__(self, url: str) -> None:
        client = redis.Redis.from_url(
            url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            # A connection that died with a Redis restart is replaced once; more would make callers wait.
            retry=Retry(NoBackoff(), 1),
        )
        self._take = client.register_script(_TAKE)
        self._pause = Pause()

    def take(self, buckets: Sequence[Bucket]) -> Taken:
        """Take one request from each bucket that has a limit, or from none when one is empty."""
        limited = [bucket for bucket in buckets if bucket.limit > 0]
        if not limited or not self._pause.over():
            return _ALL_CLEAR
        window = WINDOW_SECONDS * 1_000_000
        try:
            wait, *fill = self._take([b.key for b in limited], [window, *(b.limit for b in limited)])
        except redis.RedisError as error:
            if self._pause.begin():
                logger.warning("requests are not counted while Redis is away (they are let through): %s", error)
            return _ALL_CLEAR
        if self._pause.end():
            logger.info("requests are counted again")
        standings = [
            Standing(bucket, max(0, (window - full_in) * bucket.limit // window), full_in / 1_000_000)
            for bucket, full_in in zip(limited, fill, strict=True)
        ]
        return Taken(standings, wait / 1_000_000 if wait else None)


@lru_cache(maxsize=8)
def _counter(url: str) -> Counter:
    return Counter(url)


def counter() -> Counter:
    """This process's counter."""
    return _counter(settings.REDIS_URL)


def spend(actor: "Actor") -> Taken:
    """Take one request of the actor (a key or a signed-in user) and of the tenant."""
    # Braces keep a tenant's keys on one node of a Redis cluster.
    base = f"{settings.REDIS_PREFIX}:rate:{{{actor.tenant_id}}}"
    return counter().take(
        [
            Bucket("key", f"{base}:{actor.label}", settings.RATE_LIMIT_PER_KEY),
            Bucket("tenant", base, settings.RATE_LIMIT_PER_TENANT),
        ]
    )


def refuse_beyond(taken: Taken) -> None:
    """Raise `TooManyRequests` when there was not enough."""
    if taken.wait is not None:
        empty = min(taken.standings, key=lambda standing: standing.remaining).bucket
        whose = "this key's or user's" if empty.name == "key" else "your tenant's"
        raise TooManyRequests(
            f"That is more than {whose} {empty.limit} requests a minute: wait as long as Retry-After says.", taken.wait
        )
