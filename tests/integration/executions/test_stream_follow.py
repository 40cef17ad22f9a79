"""What a follower is told: rows in order, what is new, words as they come; nothing twice and nothing left out."""

import asyncio
import secrets
import time

import pytest

from executions import follow as following
from executions.hub import hub
from executions.services import execution_cancel, execution_retry
from teams.errors import NotFound
from tests.integration.executions.live_runs import LiveRun, in_thread, names

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_channels(settings):
    settings.REDIS_PREFIX = f"t{secrets.token_hex(4)}"


@pytest.fixture
def run(alice):
    return LiveRun(alice)


def test_a_finished_run_is_told_in_order_and_ends(run):
    run.claim()
    run.record("r1/Writer/llm0")
    run.record("r1/Critic/llm0")
    run.finish()
    events = asyncio.run(run.events())
    assert names(events) == ["step r1/Writer/llm0", "step r1/Critic/llm0", "status succeeded", "end succeeded"]
    assert [event.id for event in events] == [2, 3, 4, 4]


def test_only_what_people_may_see_is_told(run):
    run.claim()
    run.record("r1/Writer/llm0", "shown")
    run.finish()
    step = asyncio.run(run.events())[0].data
    assert step["display"] == {"name": "Writer", "message": "shown"}
    assert "not for people" not in str(step)
    assert step["cost"] == "0.00000150"


@pytest.mark.parametrize("last", [0, 1, 2, 3, 4])
def test_who_returns_gets_what_came_after(run, last):
    run.claim()
    run.record("r1/Writer/llm0")
    run.record("r1/Critic/llm0")
    run.finish()
    ids = [event.id for event in asyncio.run(run.events(last)) if event.name != "end"]
    assert ids == [number for number in (2, 3, 4) if number > last]


def test_news_come_at_once(run):
    async def scenario():
        followed = asyncio.ensure_future(run.events())
        await in_thread(run.claim)
        await in_thread(run.record, "r1/Writer/llm0")
        began = time.monotonic()
        await in_thread(run.finish)
        events = await asyncio.wait_for(followed, 10)
        return events, time.monotonic() - began

    events, seconds = asyncio.run(scenario())
    assert names(events)[-2:] == ["status succeeded", "end succeeded"]
    assert [event.id for event in events if event.id] == sorted(event.id for event in events if event.id)
    assert seconds < 1, "a message, not the clock, told of it"


def test_words_come_before_the_step_and_never_after_it(run):
    async def scenario():
        await in_thread(run.claim)
        followed = asyncio.ensure_future(run.events())
        await until_subscribed()
        await in_thread(run.say, "r1/Writer/llm0", "he", "llo")
        await in_thread(run.record, "r1/Writer/llm0", "hello")
        await in_thread(run.say, "r1/Writer/llm0", "late")
        await in_thread(run.finish)
        return await asyncio.wait_for(followed, 10)

    found = names(asyncio.run(scenario()))
    assert found[0] == "status running"
    assert "".join(name.removeprefix("token ") for name in found if name.startswith("token")) == "hello"
    assert found[-3:] == ["step r1/Writer/llm0", "status succeeded", "end succeeded"]


def test_first_words_show_that_the_run_was_claimed(run):
    async def scenario():
        followed = asyncio.ensure_future(run.events(enough=lambda event: event.name == "token"))
        await until_subscribed()
        await in_thread(run.claim)
        await in_thread(run.say, "r1/Writer/llm0", "hello")
        return await asyncio.wait_for(followed, 4)

    assert names(asyncio.run(scenario())) == ["status running", "token hello"]


def test_a_run_that_is_over_before_its_first_words_are_handed_on(run):
    """Reading the rows for those words finds the end: the stream must end then, not at the next look at the clock."""

    def all_at_once():
        run.claim()
        run.say("r1/Writer/llm0", "hello")
        run.record("r1/Writer/llm0", "hello", news=False)
        run.finish(news=False)

    async def scenario():
        followed = asyncio.ensure_future(run.events())
        await until_subscribed()
        all_at_once()  # in the loop's own thread, so that it looks only when all has happened
        return await asyncio.wait_for(followed, 4)

    assert names(asyncio.run(scenario()))[-1] == "end succeeded"


def test_what_happens_while_the_follower_begins_is_not_lost(run):
    """Each run of the loop begins to follow at another moment of the writing."""
    run.claim()

    async def scenario():
        writing = in_thread(lambda: [run.record(f"r{n}/Writer/llm0") for n in range(1, 41)] and run.finish())
        followers = []
        for _ in range(20):
            followers.append(asyncio.ensure_future(run.events()))
            await asyncio.sleep(0.003)
        await writing
        return await asyncio.wait_for(asyncio.gather(*followers), 20)

    for events in asyncio.run(scenario()):
        keys = [event.data["key"] for event in events if event.name == "step"]
        assert keys == [f"r{n}/Writer/llm0" for n in range(1, 41)]


def test_a_lost_message_costs_time_only(run, monkeypatch):
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.2)
    run.claim()

    async def scenario():
        followed = asyncio.ensure_future(run.events())
        await until_subscribed()
        await in_thread(lambda: run.finish(news=False))
        return await asyncio.wait_for(followed, 5)

    assert names(asyncio.run(scenario()))[-1] == "end succeeded"


def test_a_step_that_changes_comes_again(run):
    run.claim()
    run.record("r1/Writer/llm0", state="failed", display={"error": "busy"})
    run.record("r1/Writer/llm0", "now it worked")
    run.finish()
    steps = [event for event in asyncio.run(run.events()) if event.name == "step"]
    assert [step.data["state"] for step in steps] == ["done"], "the newest state, once"


def test_a_long_run_comes_in_pages(run, monkeypatch):
    read = following.read_events
    monkeypatch.setattr(following, "read_events", lambda *args: read(*args, limit=3))
    run.claim()
    for number in range(1, 9):
        run.record(f"r{number}/Writer/llm0")
    run.finish()
    events = asyncio.run(run.events())
    assert [event.id for event in events] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 10]


def test_a_cancelled_run_ends_and_goes_on_after_a_retry(alice, run):
    execution_cancel(actor=alice.actor, execution_id=run.id)
    first = asyncio.run(run.events())
    assert names(first) == ["status cancelled", "end cancelled"]
    execution_retry(actor=alice.actor, execution_id=run.id)
    run.claim()
    run.record("r1/Writer/llm0")
    run.finish()
    assert names(asyncio.run(run.events(first[-1].id)))[0] == "step r1/Writer/llm0"


def test_a_waiting_run_does_not_end_the_stream(run, monkeypatch):
    run.claim()
    run.finish("retry_wait", retry_seconds=60)

    async def scenario():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run.events(), 0.5)

    asyncio.run(scenario())


def test_silence_is_broken_now_and_then(run, monkeypatch):
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.05)

    async def scenario():
        followed = following.follow(run.tenant, run.id, keep_alive=0.1)
        event = await anext(followed)
        await followed.aclose()
        return event

    assert asyncio.run(scenario()).name == "idle"


def test_another_tenants_run_is_not_there(run, charlie):
    async def scenario():
        async for _ in following.follow(charlie.tenant.id, run.id):
            pytest.fail("an event of another tenant's run")

    with pytest.raises(NotFound):
        asyncio.run(scenario())


def test_nothing_is_watched_after_the_last_follower_left(run):
    async def scenario():
        followed = [asyncio.ensure_future(run.events()) for _ in range(3)]
        await until_subscribed()
        watched = hub().watched
        for task in followed:
            task.cancel()
        await asyncio.gather(*followed, return_exceptions=True)
        return watched, hub().watched

    assert asyncio.run(scenario()) == (1, 0)


def test_two_who_come_and_go_share_one_subscription(run):
    """The second comes while the first's channel is being given up: it must hear what is sent."""
    run.claim()

    async def scenario():
        for _ in range(20):
            first = asyncio.ensure_future(run.events())
            await until_subscribed()
            first.cancel()
            second = asyncio.ensure_future(run.events(enough=lambda event: event.name == "token"))
            await asyncio.gather(first, return_exceptions=True)
            await until_subscribed()
            await in_thread(run.say, "r1/Writer/llm0", "hello")
            await asyncio.wait_for(second, 2)

    asyncio.run(scenario())


async def until_subscribed():
    """Wait until those who follow have read the first rows and wait for what Redis hands them."""
    deadline = time.monotonic() + 10
    while not (watchers := [w for of_run in hub()._watchers.values() for w in of_run]) or not all(
        watcher.settled.is_set() and watcher._arrived._waiters for watcher in watchers
    ):
        assert time.monotonic() < deadline, "not subscribed"
        await asyncio.sleep(0.005)
