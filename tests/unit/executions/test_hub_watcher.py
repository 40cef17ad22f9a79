"""What is held for a client that reads more slowly than a run talks."""

import asyncio

import pytest

from executions import hub
from executions.hub import News, Token, Watcher


def drained(watcher: Watcher) -> list[Token | News]:
    async def take() -> list[Token | News]:
        found = []
        while (item := await watcher.next(0)) is not None:
            found.append(item)
        return found

    return asyncio.run(take())


def holding(*items: Token | News) -> Watcher:
    watcher = Watcher()
    for item in items:
        watcher.put(item)
    return watcher


def test_words_that_follow_each_other_become_one() -> None:
    assert drained(holding(Token("k", 0, "he"), Token("k", 2, "llo"))) == [Token("k", 0, "hello")]


@pytest.mark.parametrize("second", [Token("other", 2, "x"), Token("k", 5, "x"), Token("k", 0, "x"), News(3)])
def test_what_does_not_follow_stays_apart_and_in_order(second: Token | News) -> None:
    assert drained(holding(Token("k", 0, "he"), second)) == [Token("k", 0, "he"), second]


def test_news_in_a_row_are_the_newest() -> None:
    assert drained(holding(News(3), News(5), News(4))) == [News(5)]


def test_news_without_a_number_stay_so() -> None:
    assert drained(holding(News(3), News(0))) == [News(0)]


def test_what_a_slow_client_does_not_take_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "HELD_CHARACTERS", 10)
    watcher = holding(Token("k", 0, "12345"), Token("k", 5, "678901"), News(1), Token("k", 11, "abcde"))
    assert drained(watcher) == [Token("k", 0, "12345"), News(1), Token("k", 11, "abcde")]


def test_what_was_taken_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "HELD_CHARACTERS", 10)

    async def scenario() -> Token | News | None:
        watcher = holding(Token("k", 0, "0123456789"))
        await watcher.next(0)
        watcher.put(Token("k", 10, "0123456789"))
        return await watcher.next(0)

    assert asyncio.run(scenario()) == Token("k", 10, "0123456789")


def test_a_cancelled_wait_is_cancelled_even_when_something_arrives_at_that_moment() -> None:
    async def scenario() -> bool:
        watcher = Watcher()
        waiting = asyncio.ensure_future(watcher.next(5))
        await asyncio.sleep(0)
        watcher.put(News(1))
        waiting.cancel()
        await asyncio.wait({waiting})
        return waiting.cancelled()

    assert asyncio.run(scenario())
