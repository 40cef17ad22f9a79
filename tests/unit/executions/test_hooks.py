"""What a webhook is made of: the signature by the book, addresses, events, secrets."""

import pytest

from executions import hooks
from tests.receiver import Received


def test_the_example_of_the_specification():
    """From the reference implementations of Standard Webhooks."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    made = hooks.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [secret])
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_signed_with_each_secret():
    old, new, other = hooks.new_secret(), hooks.new_secret(), hooks.new_secret()
    got = Received("/", hooks.headers("id", 1, b"{}", [new, old]), b"{}")
    assert [got.is_signed_with(secret) for secret in (old, new, other)] == [True, True, False]
    assert not Received("/", got.headers, b"{} ").is_signed_with(new)


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.com", "ftp://example.com", "https://", "https://user:pw@example.com/", "https://a b.example",
        "https://example.com/#part", "https://example.com:99999/", "https://exämple.com", "https://x/" + "a" * 2000,
        "https://example.com/\n", "javascript:alert(1)", "https://[::1", "https://example.com:0/",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_called_is_refused(url):
    assert [place["loc"] for place in hooks.url_problems(url)] == ["url"]


@pytest.mark.parametrize("url", ["https://example.com", "http://127.0.0.1:8080/a?b=c", "https://[::1]:8443/x"])
def test_where_an_address_leads_is_no_matter_of_its_form(url):
    assert hooks.url_problems(url) == []


@pytest.mark.parametrize(
    ("events", "loc"),
    [([], "events"), (["run.succeeded", "run.started"], "events.1"), (["run.failed"] * 7, "events")],
)
def test_unknown_events_are_refused(events, loc):
    assert [place["loc"] for place in hooks.event_problems(events)] == [loc]


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!", "whsec_é"]
)
def test_weak_and_malformed_secrets_are_refused(secret):
    assert [place["loc"] for place in hooks.secret_problems(secret)] == ["secret"]
    assert hooks.secret_problems(hooks.new_secret()) == []
