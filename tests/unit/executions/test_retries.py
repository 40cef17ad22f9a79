"""Which errors are tried again, when, and when there is no time left for it."""

import pytest

from agents.breaker import BreakerOpen
from agents.llm import BadRequest, ProviderUnavailable, RateLimited
from executions.retries import BACKOFF_CAP_SECONDS, backoff_seconds, outcome_after


@pytest.fixture(autouse=True)
def _three_tries(settings):
    settings.RETRY_MAX_TRIES = 3


def test_a_passing_error_is_tried_again():
    outcome = outcome_after(ProviderUnavailable("down"), 0, 3600.0)
    assert outcome["status"] == "retry_wait"
    assert outcome["tries"] == 1
    assert 0 <= outcome["retry_seconds"] <= 1
    assert outcome["error"] == {"code": "provider_unavailable", "message": "down", "retryable": True}


@pytest.mark.parametrize(("error", "tries"), [(BadRequest("no"), 0), (ProviderUnavailable("down"), 2)])
def test_a_lasting_error_and_the_last_try_fail_the_run(error, tries):
    outcome = outcome_after(error, tries, 3600.0)
    assert outcome == {
        "status": "failed", "tries": tries + 1, "error": {"code": error.code, "message": str(error)},
    }  # fmt: skip


@pytest.mark.parametrize("tries", range(1, 60))
def test_backoff_has_a_cap(tries):
    assert 0 <= backoff_seconds(tries) <= min(BACKOFF_CAP_SECONDS, 2 ** (tries - 1))


def test_the_provider_is_not_asked_sooner_than_it_wants():
    waits = {outcome_after(RateLimited(retry_after=30.0), 0, 3600.0)["retry_seconds"] for _time in range(20)}
    assert all(30 <= wait <= 32 for wait in waits)
    assert len(waits) > 1


def test_a_try_after_the_deadline_fails_the_run_now():
    outcome = outcome_after(RateLimited("busy", retry_after=600.0), 0, 120.0)
    assert outcome["status"] == "failed"
    assert outcome["error"]["code"] == "retry_after_deadline"
    assert "(in 120 s): busy (rate_limited)" in outcome["error"]["message"]


def test_without_a_deadline_it_waits():
    assert outcome_after(RateLimited(retry_after=600.0), 0, None)["status"] == "retry_wait"


@pytest.mark.parametrize("tries", [0, 2, 3])
def test_a_call_that_was_not_made_is_no_try(tries):
    outcome = outcome_after(BreakerOpen(retry_after=20.0), tries, 3600.0)
    assert (outcome["status"], outcome["tries"]) == ("retry_wait", tries)
    assert outcome["retry_seconds"] >= 20
