"""The worker's side: words in few messages, and a broken Redis that costs a run nothing."""

import logging
import socket
import time
from uuid import uuid4

import orjson
import pytest
import redis

from executions import stream
from executions.stream import Publisher, TokenStream, channel, publish_news
from tests.integration.executions.live_runs import own_redis

TENANT, RUN = uuid4(), uuid4()
TO = channel("p", TENANT, RUN)


@pytest.fixture
def listening(settings):
    """What is sent about RUN, as a list of messages read so far."""
    settings.REDIS_PREFIX = "p"
    pubsub = redis.Redis.from_url(settings.REDIS_URL).pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(TO)
    pubsub.get_message(timeout=2)

    def read():
        time.sleep(0.05)
        found = []
        while (message := pubsub.get_message(timeout=0.05)) is not None:
            found.append(orjson.loads(message["data"]))
        return found

    yield read
    pubsub.close()


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_news_name_the_event(listening):
    publish_news(TENANT, RUN, 7)
    assert listening() == [{"t": "news", "seq": 7}]


def test_words_arrive_whole_whatever_is_put_together(listening):
    words = [f"w{number} " for number in range(200)]
    with TokenStream(TENANT, RUN, "r1/A/llm0") as tokens:
        for word in words:
            tokens.write(word)
    found = listening()
    assert "".join(message["text"] for message in found) == "".join(words)
    assert len(found) < 50, "words in a burst travel together"
    assert found[0]["at"] == 0
    assert [m["at"] + len(m["text"]) for m in found[:-1]] == [m["at"] for m in found[1:]]
    assert {message["key"] for message in found} == {"r1/A/llm0"}


def test_a_slow_model_is_told_word_by_word(listening):
    with TokenStream(TENANT, RUN, "k") as tokens:
        for word in ("a", "b", "c"):
            tokens.write(word)
            time.sleep(0.01)
    assert [message["text"] for message in listening()] == ["a", "b", "c"]


def test_with_many_streams_open_there_are_fewer_messages(listening, monkeypatch):
    monkeypatch.setattr(stream, "FEW_STREAMS", 0)
    with TokenStream(TENANT, RUN, "k") as tokens:
        for _ in range(10):
            tokens.write("x")
            time.sleep(0.01)
    assert 2 <= len(listening()) <= 6


def test_words_are_sent_when_the_call_breaks_off(listening):
    def call():
        with TokenStream(TENANT, RUN, "k") as tokens:
            tokens.write("a")
            tokens.write("b")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        call()
    assert "".join(message["text"] for message in listening()) == "ab"


def test_no_redis_is_one_line_in_the_log_and_no_time(caplog):
    publisher = Publisher(f"redis://127.0.0.1:{closed_port()}/0", "p")
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            publisher.send(TO, {"t": "news", "seq": 1})
    assert time.monotonic() - began < 0.5
    assert len(caplog.records) == 1


def test_a_redis_that_does_not_answer_is_waited_for_once():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        publisher = Publisher(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "p")
        began = time.monotonic()
        for _ in range(1000):
            publisher.send(TO, {"t": "news", "seq": 1})
        assert time.monotonic() - began < 2 * stream.TIMEOUT_SECONDS + 0.5


def test_sending_goes_on_when_redis_is_back(monkeypatch):
    monkeypatch.setattr(stream, "PAUSE_SECONDS", 0.1)
    with own_redis() as server:
        publisher = Publisher(server.url, "p")
        publisher.send(TO, {"t": "news", "seq": 1})
        server.stop()
        publisher.send(TO, {"t": "news", "seq": 2})
        server.start()
        time.sleep(0.15)
        listener = redis.Redis.from_url(server.url).pubsub(ignore_subscribe_messages=True)
        listener.subscribe(TO)
        listener.get_message(timeout=2)
        publisher.send(TO, {"t": "news", "seq": 3})
        assert orjson.loads(listener.get_message(timeout=2)["data"])["seq"] == 3
        listener.close()


def test_a_restart_between_two_messages_loses_none():
    with own_redis() as server:
        publisher = Publisher(server.url, "p")
        publisher.send(TO, {"t": "news", "seq": 1})
        server.stop()
        server.start()
        listener = redis.Redis.from_url(server.url).pubsub(ignore_subscribe_messages=True)
        listener.subscribe(TO)
        listener.get_message(timeout=2)
        publisher.send(TO, {"t": "news", "seq": 2})
        assert orjson.loads(listener.get_message(timeout=2)["data"])["seq"] == 2
        listener.close()


def test_tenants_never_share_a_channel():
    assert channel("p", uuid4(), RUN) != channel("p", uuid4(), RUN)
