"""Where a request may go: what is refused before a byte is sent."""

import socket
from typing import Any

import pytest

from agents import outbound
from agents.outbound import OutboundError, host_problem, send
from tests.unit.outbound.server import LocalServer


def code_of(url: str, **more: Any) -> str:
    given: dict[str, Any] = {"headers": {}, "body": None, "timeout_s": 5, "max_bytes": 100, "allow_hosts": None, **more}
    with pytest.raises(OutboundError) as raised:
        send(given.pop("method", "GET"), url, **given)
    assert not raised.value.effect_unknown
    return raised.value.code


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0.0.0.0", "0",
        "localhost", "LOCALHOST", "%6c%6fcalhost", "localhost.", "127.0.0.1.", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]", "[0:0:0:0:0:0:0:1]",
        "169.254.169.254", "2852039166", "0xa9fea9fe", "[fd00:ec2::254]", "100.64.0.1", "10.0.0.1", "192.168.0.1",
        "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
@pytest.mark.parametrize("port", ["", ":8080"])
def test_no_address_but_open_ones_however_it_is_written(host: str, port: str) -> None:
    assert code_of(f"http://{host}{port}/latest/meta-data") == "address_forbidden"


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "javascript:alert(1)", "http://", "http:///path", "http://user@example.com/", "http://user:pw@example.com/",
        "http://example.com@127.0.0.1/", "http://exa mple.com/", "http://example.com\\@127.0.0.1/",
        "http://example.com/\r\nX: 1", "http://example.com/\t", "http://exämple.com/", "http://example.com:0/",
        "http://example.com:99999/", "http://example.com:port/", "http://exam..ple.com/", "http://.example.com/",
        "http://-/", "http://[::1%25eth0]/", "http://[zz]/", "http://example.com/" + "a" * 9_000,
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    assert code_of(url) == "bad_url"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "internal"}, {"host": "internal"}, {"Content-Length": "5"}, {"Transfer-Encoding": "chunked"},
        {"Connection": "keep-alive"}, {"Proxy-Authorization": "x"}, {"X": "a\r\nY: b"}, {"X\r\nY": "b"}, {"X ": "b"},
        {"X": "\0"}, {"X": "ü"},
    ],
)  # fmt: skip
def test_headers_that_carry_the_request_are_ours(headers: dict[str, str]) -> None:
    assert code_of("http://example.com/", headers=headers) == "bad_request"


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "GET /x HTTP/1.1\r\n", ""])
def test_methods_are_a_list(method: str) -> None:
    assert code_of("http://example.com/", method=method) == "bad_request"


@pytest.mark.parametrize(
    ("url", "hosts", "allowed"),
    [
        ("https://api.example.com/", ["api.example.com"], True),
        ("https://API.Example.com./", ["api.example.COM"], True),
        ("https://api.example.com:443/", ["api.example.com"], True),
        ("http://api.example.com/", ["api.example.com"], True),
        ("https://api.example.com:8443/", ["api.example.com"], False),
        ("https://api.example.com:8443/", ["api.example.com:8443"], True),
        ("https://api.example.com/", ["api.example.com:8443"], False),
        ("https://a.b.example.com/", ["*.example.com"], True),
        ("https://example.com/", ["*.example.com"], False),
        ("https://evilexample.com/", ["*.example.com"], False),
        ("https://example.com.evil.org/", ["example.com"], False),
        ("https://api.example.com/", [], False),
    ],
)
def test_hosts_that_are_allowed(monkeypatch: pytest.MonkeyPatch, url: str, hosts: list[str], allowed: bool) -> None:
    def nowhere(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)

    assert code_of(url, allow_hosts=hosts) == ("unreachable" if allowed else "host_not_allowed")


@pytest.mark.parametrize(
    ("entry", "good"),
    [
        ("api.example.com", True), ("*.example.com", True), ("api.example.com:8443", True), ("127.0.0.1:80", True),
        ("[::1]:8080", True), ("*", False), ("*.com", False), ("", False), ("https://a.com", False), ("a.com/x", False),
        ("a.com:0", False), ("a.com:x", False), ("a.com:99999", False), ("a b.com", False), ("ä.com", False),
    ],
)  # fmt: skip
def test_entries_of_a_list_of_hosts(entry: str, good: bool) -> None:
    assert (host_problem(entry) == "") is good


def test_an_allowed_host_is_still_checked_where_it_leads() -> None:
    assert code_of("http://localhost/", allow_hosts=["localhost"]) == "address_forbidden"


def test_one_closed_address_among_open_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(2, 1, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    assert code_of("http://two-faced.example/") == "address_forbidden"


def test_a_name_that_resolves_otherwise_later_does_not_matter(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The connection goes to the address that was checked: the resolver is asked once."""
    asked: list[Any] = []

    def rebinding(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        return [(2, 1, 6, "", ("93.184.216.34" if len(asked) == 1 else "127.0.0.1", port))]

    dialled: list[str] = []

    with LocalServer() as server:

        def dial(address: str, _port: int, timeout_s: float) -> socket.socket:
            dialled.append(address)
            sock = socket.socket()
            sock.settimeout(timeout_s)
            sock.connect(("127.0.0.1", server.port))
            return sock

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        monkeypatch.setattr(outbound, "_dial", dial)
        answer = send(
            "GET", "http://rebind.example/", headers={}, body=None, timeout_s=5, max_bytes=100, allow_hosts=None
        )

    assert (answer.status, asked, dialled) == (200, ["rebind.example"], ["93.184.216.34"])
    assert server.asked[0].headers["host"] == "rebind.example"


def test_exact_pairs_are_let_through(settings: Any) -> None:
    with LocalServer() as server:
        settings.OUTBOUND_ALLOW = [f"localhost:{server.port}", "127.0.0.1:1"]
        assert code_of(server.url) == "address_forbidden"
        settings.OUTBOUND_ALLOW = [server.pair]
        answer = send("GET", server.url, headers={}, body=None, timeout_s=5, max_bytes=100, allow_hosts=[server.pair])
        assert answer.body == b"hello"


def test_loopback_alone_can_be_let_through() -> None:
    with LocalServer() as server:
        answer = send(
            "GET", server.url, headers={}, body=None, timeout_s=5, max_bytes=100, allow_hosts=None, allow_loopback=True
        )
        assert answer.status == 200
    assert code_of("http://10.0.0.1/", allow_loopback=True) == "address_forbidden"
