"""Every way a provider can fail, over a real socket: the type, whether to retry, and what the text gives away."""

import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agents import llm
from agents.openai_errors import error_for, retry_after

FAULTS = [
    ("400", llm.BadRequest, False),
    ("401", llm.BadCredentials, False),
    ("403", llm.BadCredentials, False),
    ("404", llm.BadRequest, False),
    ("302", llm.BadRequest, False),  # redirects are never followed: they would carry the key elsewhere
    ("408", llm.ProviderTimeout, True),
    ("429", llm.RateLimited, True),
    ("500", llm.ProviderUnavailable, True),
    ("503", llm.ProviderUnavailable, True),
    ("cut", llm.CutStream, True),
    ("reset", llm.ProviderUnavailable, True),
    ("broken", llm.BadAnswer, True),
    ("empty", llm.BadAnswer, True),
    ("huge", llm.AnswerTooLarge, False),
    ("context", llm.ContextTooLong, False),
]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("fault", "expected", "retryable"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_each_fault_has_its_type(ask, fault, expected, retryable, streaming):
    with pytest.raises(llm.LLMError) as caught:
        ask(f"fake+{fault}", (lambda _: None) if streaming else None)

    assert type(caught.value) is expected
    assert caught.value.retryable is retryable
    assert caught.value.code


@pytest.mark.parametrize("fault", ["timeout", "drip"])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_the_total_limit_holds_whatever_the_server_does(ask, fault, streaming):
    started = time.monotonic()

    with pytest.raises(llm.ProviderTimeout) as caught:
        ask(f"fake+{fault}", (lambda _: None) if streaming else None, timeout_s=0.3)

    assert caught.value.retryable
    assert time.monotonic() - started < 1.5


def test_the_total_limit_holds_while_tokens_flow(ask):
    got: list[str] = []

    with pytest.raises(llm.ProviderTimeout):
        ask("fake+latency=5000", got.append, timeout_s=0.9)

    assert got


def test_connection_refused_is_retryable(server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        client = llm.OpenAICompatible(llm.Provider(name="gone", base_url=base_url))
        with pytest.raises(llm.ProviderUnavailable) as caught:
            client.chat(llm.ChatRequest("gone", "m", []))

    assert caught.value.retryable


def test_a_fault_leaves_the_client_usable(ask):
    for fault in ("huge", "cut", "broken", "500"):
        with pytest.raises(llm.LLMError):
            ask(f"fake+{fault}", lambda _: None)

    assert ask().text.startswith("Answer ")


@pytest.mark.parametrize("fault", ["400", "401", "404", "429", "500"])
def test_the_key_is_in_no_text(ask, client, server, fault):
    with pytest.raises(llm.LLMError) as caught:
        ask(f"fake+{fault}")

    key = server.calls[-1].headers["Authorization"].removeprefix("Bearer ")
    assert key.startswith("sk-")
    for text in (str(caught.value), repr(caught.value), repr(client), repr(client._provider)):
        assert key not in text


def test_a_key_with_a_line_break_is_refused_without_being_quoted(server):
    provider = llm.Provider(name="odd", base_url=server.base_url, api_key="sk-secret\nX-Other: 1")

    with pytest.raises(llm.BadCredentials) as caught:
        llm.OpenAICompatible(provider).chat(llm.ChatRequest("odd", "fake", []))

    assert "sk-secret" not in str(caught.value)
    assert not server.calls


def test_retry_after_in_seconds(ask):
    with pytest.raises(llm.RateLimited) as caught:
        ask("fake+429=7")

    assert caught.value.retry_after == 7.0


def test_retry_after_as_a_date():
    seconds = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))

    assert seconds == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, None), ("soon", None), ("nan", None), ("-5", 0.0), ("1e9", 3600.0), ("inf", 3600.0)]
)
def test_odd_retry_after_headers(header, seconds):
    assert retry_after(header) == seconds


def test_no_money_left_is_not_retried():
    error = error_for(429, {}, b'{"error": {"message": "You exceeded", "code": "insufficient_quota"}}', "")

    assert (error.retryable, error.code) == (False, "quota_spent")


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"code": "context_length_exceeded", "message": "too long"}}',
        b'{"error": {"code": 400, "type": "exceed_context_size_error", "message": "n_ctx"}}',
        b'{"object": "error", "message": "This model\'s maximum context length is 4096 tokens."}',
        b'{"detail": "prompt is too long: 9 tokens"}',
    ],
)
def test_context_errors_of_several_servers(body):
    assert isinstance(error_for(400, {}, body, ""), llm.ContextTooLong)


def test_error_texts_are_cut_and_printable():
    text = str(error_for(400, {}, b'{"error": "' + b"a\\u0000\\u001b" * 1000 + b'"}', ""))

    assert len(text) < 600
    assert text.isprintable()
