"""Another system that agents call: writes down each request that reached it, with its Idempotency-Key."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Receiver:
    """`effects`: how often each Idempotency-Key was posted; `reads`: the same of GET."""

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.receiver = self  # type: ignore[attr-defined]
        self.host = f"127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="receiver", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer("reads")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer("effects")

    def _answer(self, kind: str) -> None:
        getattr(self.server.receiver, kind)[self.headers.get("Idempotency-Key", "")] += 1  # type: ignore[attr-defined]
        body = b'{"ok": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Tests read the counts instead."""
