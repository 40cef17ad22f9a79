"""TLS is about the name that was asked for, whatever address it has."""

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agents import outbound
from agents.outbound import OutboundError, send
from tests.unit.outbound.server import LocalServer

NAME = "api.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for NAME that nobody but a test trusts, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    today = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1)).not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server(certificate: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[LocalServer]:
    """The server, which every name leads to; `names` are those that clients asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names: list[str | None] = []
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, **_: [(2, 1, 6, "", ("127.0.0.1", port))])
    monkeypatch.setattr(outbound, "_dial", lambda _address, port, _s: _loopback(port))
    with LocalServer(tls=context) as running:
        settings.OUTBOUND_ALLOW = [f"{NAME}:{running.port}", f"other.example:{running.port}"]
        running.names = names  # type: ignore[attr-defined]
        yield running


def _loopback(port: int) -> socket.socket:
    sock = socket.socket()
    sock.connect(("127.0.0.1", port))
    return sock


def status(server: LocalServer, name: str) -> int:
    url = f"https://{name}:{server.port}/"
    return send("GET", url, headers={}, body=None, timeout_s=5, max_bytes=10, allow_hosts=None).status


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_the_name_is_what_is_asked_for_and_checked(
    server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "_tls", lambda: trusting(certificate))

    assert status(server, NAME) == 200
    assert (server.names, server.asked[0].headers["host"]) == ([NAME], f"{NAME}:{server.port}")


def test_a_certificate_of_another_name_is_refused(
    server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "_tls", lambda: trusting(certificate))

    with pytest.raises(OutboundError) as raised:
        status(server, "other.example")
    assert (raised.value.code, server.asked) == ("tls_failed", [])


def test_a_certificate_that_nobody_signed_is_refused(server: Any) -> None:
    with pytest.raises(OutboundError) as raised:
        status(server, NAME)
    assert raised.value.code == "tls_failed"
