"""Words wait for nobody, gather while a sending is under way, and stay in order."""

import threading

import pytest

from executions.outbox import Outbox, joined


def words(key, at, text):
    return {"t": "token", "key": key, "at": at, "text": text}


def test_what_continues_a_stream_travels_with_it():
    found = joined([("c", words("a", 0, "he")), ("c", words("b", 0, "x")), ("c", words("a", 2, "llo"))])
    assert found == [("c", words("a", 0, "hello")), ("c", words("b", 0, "x"))]


def test_a_call_that_begins_anew_is_told_apart():
    found = joined([("c", words("a", 0, "he")), ("c", words("a", 0, "ho"))])
    assert found == [("c", words("a", 0, "he")), ("c", words("a", 0, "ho"))]


def test_two_runs_with_the_same_key_stay_apart():
    assert len(joined([("c", words("a", 0, "he")), ("d", words("a", 2, "llo"))])) == 2


def test_words_gather_while_a_sending_is_under_way():
    sent, first, go_on = [], threading.Event(), threading.Event()

    def send(messages):
        sent.append([message["text"] for _, message in messages])
        first.set()
        go_on.wait(10)

    outbox = Outbox(send)
    outbox.put("c", words("a", 0, "1"))
    first.wait(10)
    for at in range(1, 9):
        outbox.put("c", words("a", at, str(at + 1)))
    go_on.set()
    outbox.settle(10)
    assert sent == [["1"], ["23456789"]]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sending_that_fails_stops_neither_the_waiting_nor_the_next():
    sent = []

    def send(messages):
        sent.append(messages)
        if len(sent) == 1:
            raise RuntimeError("ends the thread")

    outbox = Outbox(send)
    outbox.put("c", words("a", 0, "1"))
    outbox._thread.join(10)
    outbox.put("c", words("a", 1, "2"))
    outbox.settle(10)
    assert len(sent) == 2
