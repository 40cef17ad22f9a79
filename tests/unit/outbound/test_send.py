"""One request to a real server: what is sent, what is taken of the answer, how it fails."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from agents.outbound import OutboundAnswer, OutboundError, send
from tests.unit.outbound.server import LocalServer, hangs_up, plain


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    with LocalServer() as running:
        settings.OUTBOUND_ALLOW = [running.pair]
        yield running


def sent(server: LocalServer, method: str = "GET", path: str = "/", **more: Any) -> OutboundAnswer:
    given: dict[str, Any] = {"headers": {}, "body": None, "timeout_s": 5, "max_bytes": 1000, "allow_hosts": None}
    return send(method, server.url + path, **{**given, **more})


def failed(server: LocalServer, method: str, **more: Any) -> OutboundError:
    with pytest.raises(OutboundError) as raised:
        sent(server, method, **more)
    return raised.value


def test_the_request_arrives_whole(server: LocalServer) -> None:
    answer = sent(server, "POST", "/a%20b?q=1&q=2#part", headers={"X-One": "1"}, body=b'{"a":1}')

    asked = server.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/a%20b?q=1&q=2", b'{"a":1}')
    assert (asked.headers["host"], asked.headers["x-one"]) == (server.pair, "1")
    assert asked.headers["accept-encoding"] == "identity"
    assert (answer.status, answer.body, answer.truncated) == (200, b"hello", False)
    assert answer.headers["content-type"] == "text/plain"


def test_redirects_are_answers(server: LocalServer) -> None:
    server.reply = plain("", 302, location="http://169.254.169.254/")

    answer = sent(server)

    assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/")
    assert len(server.asked) == 1


def test_proxies_of_the_environment_are_not_used(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert sent(server).status == 200


def test_a_long_answer_is_cut(server: LocalServer) -> None:
    server.reply = plain("x" * 5_000)

    answer = sent(server)

    assert (len(answer.body), answer.truncated) == (1000, True)


def test_an_answer_of_the_greatest_length_is_whole(server: LocalServer) -> None:
    server.reply = plain("x" * 1000)

    assert not sent(server).truncated


def test_another_type_is_not_read(server: LocalServer) -> None:
    server.reply = plain("PK", content_type="application/zip")
    types = ("application/json", "*+json", "text/*")

    answer = sent(server, types=types)

    assert (answer.status, answer.body, answer.truncated) == (200, b"", True)
    server.reply = plain("{}", content_type="Application/JSON; charset=utf-8")
    assert sent(server, types=types).body == b"{}"
    server.reply = plain("{}", content_type="application/problem+json")
    assert sent(server, types=types).body == b"{}"


def test_a_packed_answer_is_not_unpacked(server: LocalServer) -> None:
    server.reply = plain("bomb", content_encoding="gzip")

    assert (sent(server).body, sent(server).truncated) == (b"", True)


def test_head_has_no_body(server: LocalServer) -> None:
    answer = sent(server, "HEAD", types=("text/*",))

    assert (answer.status, answer.body, answer.truncated) == (200, b"", False)


def test_an_answer_that_breaks_off_is_truncated(server: LocalServer) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        plain("half", content_length="100")(handler)
        handler.close_connection = True

    server.reply = cut

    answer = sent(server, "POST")

    assert (answer.status, answer.body, answer.truncated) == (200, b"half", True)


@pytest.mark.parametrize(("method", "unknown"), [("GET", False), ("HEAD", False), ("POST", True), ("DELETE", True)])
def test_no_answer_leaves_it_open_whether_a_write_happened(server: LocalServer, method: str, unknown: bool) -> None:
    server.reply = hangs_up

    error = failed(server, method)

    assert (error.code, error.retryable, error.effect_unknown) == ("broken", True, unknown)


def test_a_slow_answer_is_a_timeout(server: LocalServer) -> None:
    gate = threading.Event()
    server.reply = lambda _handler: gate.wait() and None

    error = failed(server, "POST", timeout_s=0.2)

    gate.set()
    assert (error.code, error.effect_unknown) == ("timeout", True)


def test_an_answer_byte_by_byte_ends_with_the_time(server: LocalServer) -> None:
    gate = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not gate.wait(0.02):
            handler.wfile.write(b"X: y\r\n" if not gate.is_set() else b"")

    server.reply = drip

    error = failed(server, "GET", timeout_s=0.3)

    gate.set()
    assert error.code == "timeout"


def test_what_is_no_http_is_broken(server: LocalServer) -> None:
    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        handler.close_connection = True

    server.reply = nonsense

    assert failed(server, "GET").code == "broken"


def test_a_closed_port_is_unreachable(settings: Any) -> None:
    with LocalServer() as server:
        settings.OUTBOUND_ALLOW = [server.pair]
        url = server.url
    with pytest.raises(OutboundError) as raised:
        send("POST", url, headers={}, body=b"", timeout_s=5, max_bytes=10, allow_hosts=None)

    assert (raised.value.code, raised.value.effect_unknown) == ("unreachable", False)


def test_no_time_left_is_a_timeout(server: LocalServer) -> None:
    error = failed(server, "POST", timeout_s=-1)

    assert (error.code, error.effect_unknown, server.asked) == ("timeout", False, [])


def test_a_last_look_may_have_nothing_sent(server: LocalServer) -> None:
    class Gone(BaseException):
        """Control flow of the caller's."""

    def last_look() -> None:
        raise Gone

    with pytest.raises(Gone):
        sent(server, "POST", last_look=last_look)
    assert server.asked == []
