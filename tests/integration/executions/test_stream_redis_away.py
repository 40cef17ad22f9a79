"""Watching while Redis is away, comes back or never was there: slower, never wrong."""

import asyncio
import secrets
import socket
import time

import pytest

from executions.hub import hub
from tests.integration.executions.live_runs import LiveRun, in_thread, names, own_redis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(alice, settings):
    settings.REDIS_PREFIX = f"t{secrets.token_hex(4)}"
    return LiveRun(alice)


def test_without_redis_the_rows_are_read_each_second(run, settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
    run.claim()

    async def scenario():
        followed = asyncio.ensure_future(run.events())
        await asyncio.sleep(0.3)
        await in_thread(run.record, "r1/Writer/llm0")
        await in_thread(run.finish)
        began = time.monotonic()
        events = await asyncio.wait_for(followed, 10)
        return events, time.monotonic() - began

    events, seconds = asyncio.run(scenario())
    assert names(events)[-2:] == ["status succeeded", "end succeeded"]
    assert seconds < 2.5


def test_redis_may_crash_and_come_back_under_a_follower(run, settings):
    run.claim()

    async def scenario(server):
        followed = asyncio.ensure_future(run.events())
        await until(lambda: hub().connected)
        await in_thread(run.record, "r1/Writer/llm0")
        server.stop()
        await until(lambda: not hub().connected)
        await in_thread(run.record, "r1/Critic/llm0")
        server.start()
        await until(lambda: hub().connected)
        await asyncio.sleep(0.1)
        await in_thread(run.say, "r2/Writer/llm0", "hello")  # dropped: the publisher still rests
        await in_thread(run.finish)
        return await asyncio.wait_for(followed, 10)

    with own_redis() as server:
        settings.REDIS_URL = server.url
        events = asyncio.run(scenario(server))
    told = [name for name in names(events) if not name.startswith("token")]
    assert told == ["status running", "step r1/Writer/llm0", "step r1/Critic/llm0", "status succeeded", "end succeeded"]


def test_news_of_the_time_away_is_told_at_once_when_redis_is_back(run, settings):
    run.claim()

    async def scenario(server):
        followed = asyncio.ensure_future(run.events())
        await until(lambda: hub().connected)
        server.stop()
        await until(lambda: not hub().connected)
        await in_thread(lambda: run.finish(news=False))
        server.start()
        return await asyncio.wait_for(followed, 4)

    with own_redis() as server:
        settings.REDIS_URL = server.url
        assert names(asyncio.run(scenario(server)))[-1] == "end succeeded"


async def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
