"""Another system that agents call: writes down each request that reached it, with its Idempotency-Key."""

import hashlib
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

KEYS = 10
"""Of one step at most: no person says so often that a call has not happened."""


class Receiver:
    """`effects`: how often each Idempotency-Key was posted; `reads`: the same of GET. Its answer takes `seconds`, what
    it was asked is done at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.effects: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self.lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.receiver = self  # type: ignore[attr-defined]
        self.host = f"127.0.0.1:{self._http.server_address[1]}"

    def came(self, run: object, step: str) -> list[int]:
        """How often a step's call came under each of its keys: the first, and those after a person had said that it
        had not happened."""
        keys = [hashlib.sha256(f"{run}:{step}:{number}".encode()).hexdigest() for number in range(KEYS)]
        with self.lock:
            return [self.effects[key] for key in keys if key in self.effects]

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="receiver", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer("reads")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer("effects")

    def _answer(self, kind: str) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        with receiver.lock:
            getattr(receiver, kind)[self.headers.get("Idempotency-Key", "")] += 1
        time.sleep(receiver.seconds)
        body = b'{"ok": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Tests read the counts instead."""
