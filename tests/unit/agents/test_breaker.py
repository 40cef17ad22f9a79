"""A provider that fails again and again is left alone, and tried again by one call at a time."""

from threading import Barrier, Thread

import pytest

from agents.breaker import Breaker, BreakerOpen, breaker_for, breaker_states
from agents.llm import BadRequest, ProviderUnavailable, RateLimited
from agents.provider_entries import Provider


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker("openai", failures=3, pause=5.0, clock=clock)


def fails(breaker, error=None):
    with pytest.raises(type(error) if error else ProviderUnavailable), breaker.call():
        raise error or ProviderUnavailable


def answers(breaker):
    with breaker.call():
        pass


def refused(breaker):
    with pytest.raises(BreakerOpen) as caught, breaker.call():
        pytest.fail("a call was made")
    return caught.value


def opened(breaker):
    for _time in range(3):
        fails(breaker)


def test_it_opens_after_failures_in_a_row(breaker):
    fails(breaker)
    fails(breaker)
    assert breaker.state().state == "closed"
    fails(breaker)
    error = refused(breaker)
    assert (error.retryable, error.retry_after) == (True, 5.0)
    assert breaker.state().state == "open"
    assert breaker.state().seconds_left == 5.0
    assert "openai failed 3 times in a row" in str(error)


def test_a_success_in_between_counts_anew(breaker):
    fails(breaker)
    fails(breaker)
    answers(breaker)
    fails(breaker)
    fails(breaker)
    assert breaker.state().state == "closed"


def test_what_the_request_is_to_blame_for_says_nothing(breaker):
    for _time in range(5):
        fails(breaker, BadRequest())
    assert breaker.state().failures == 0
    fails(breaker)
    fails(breaker, BadRequest())
    assert breaker.state().failures == 1


def test_retry_after_makes_the_pause_longer(breaker):
    fails(breaker)
    fails(breaker)
    fails(breaker, RateLimited(retry_after=90.0))
    assert refused(breaker).retry_after == 90.0


def test_a_good_probe_closes_it(breaker, clock):
    opened(breaker)
    clock.now = 5.0
    assert breaker.state().state == "half_open"
    answers(breaker)
    assert breaker.state().state == "closed"
    answers(breaker)


def test_a_bad_probe_opens_it_for_twice_as_long(breaker, clock):
    opened(breaker)
    clock.now = 5.0
    fails(breaker)
    assert refused(breaker).retry_after == 10.0
    clock.now = 15.0
    fails(breaker)
    assert refused(breaker).retry_after == 20.0
    assert breaker.state().openings == 3


def test_pauses_do_not_grow_for_ever(breaker, clock):
    opened(breaker)
    for _time in range(10):
        clock.now += 1000.0
        fails(breaker)
    assert refused(breaker).retry_after == 60.0


def test_one_probe_at_a_time(breaker, clock):
    opened(breaker)
    clock.now = 5.0
    with breaker.call():
        assert refused(breaker).retry_after == 1.0
    answers(breaker)


@pytest.mark.parametrize("error", [BadRequest, KeyboardInterrupt])
def test_a_probe_that_told_nothing_lets_the_next_one_try(breaker, clock, error):
    opened(breaker)
    clock.now = 5.0
    with pytest.raises(error), breaker.call():
        raise error
    assert breaker.state().state == "half_open"
    answers(breaker)
    assert breaker.state().state == "closed"


def test_news_from_before_it_opened_changes_nothing(breaker):
    with breaker.call():
        opened(breaker)
    assert breaker.state().state == "open"


def test_of_many_threads_one_probes(breaker, clock):
    opened(breaker)
    clock.now = 5.0
    together, said = Barrier(8), []

    def ask():
        together.wait()
        try:
            with breaker.call():
                said.append("called")
                inside.wait()
        except BreakerOpen:
            said.append("refused")
            inside.wait()

    inside = Barrier(8)
    threads = [Thread(target=ask) for _thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["called", *["refused"] * 7]


def test_it_can_be_switched_off():
    breaker = Breaker("openai", failures=0, pause=5.0)
    for _time in range(20):
        fails(breaker)
    answers(breaker)


def test_each_account_has_its_own(settings):
    settings.BREAKER_FAILURES = 1
    ours = Provider("test-breaker", "https://one.example/v1", api_key="secret-1")
    theirs = Provider("test-breaker", "https://one.example/v1", api_key="secret-2")
    assert breaker_for(ours) is breaker_for(ours)
    fails(breaker_for(ours))
    refused(breaker_for(ours))
    answers(breaker_for(theirs))
    shown = [state for state in breaker_states() if state.provider == "test-breaker"]
    assert sorted(state.state for state in shown) == ["closed", "open"]
    assert "secret" not in repr(shown)
