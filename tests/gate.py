"""A gate in front of a server: what is behind it can be cut off and come back, for those alone who go through it."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from config.embedded.ports import LOOPBACK


class Gate:
    """Passes TCP connections on to `port`. `cut()` breaks those there are and takes no new ones until `open()`;
    `refused` counts those that came meanwhile."""

    def __init__(self, port: int) -> None:
        self.behind = port
        self.refused = 0
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listening.getsockname()[1]
        self._passes = threading.Event()
        self._passes.set()
        self._open: list[socket.socket] = []
        self._turning = threading.Lock()  # none slips through while it is being cut

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="gate", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections, as a server does that goes down."""
        with self._turning:
            self._passes.clear()
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            self._open.clear()

    def open(self) -> None:
        """Take connections again."""
        self._passes.set()

    def _accept(self) -> None:
        with suppress(OSError):  # the gate was closed for good
            while True:
                near, _ = self._listening.accept()
                self._pass(near)

    def _pass(self, near: socket.socket) -> None:
        with self._turning:
            if not self._passes.is_set():
                near.close()
                self.refused += 1
                return
            far = socket.create_connection((LOOPBACK, self.behind))
            self._open += [near, far]
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
