"""TCP ports on loopback: free ones, and the same ones again after a restart."""

import json
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As a server would bind: connections of the last run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port the system holds free at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class Ports:
    """The ports of one data directory, remembered in a file so that addresses survive a restart."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, int] = {}
        try:
            known = json.loads(file.read_text())
            self._known = {str(name): int(port) for name, port in known.items()}
        except (FileNotFoundError, ValueError, AttributeError):
            pass  # the first start, or a torn file: choose again

    def choose(self, name: str) -> int:
        """Return last time's port of this part when it is still free, else a new one, and remember it."""
        taken = {port for other, port in self._known.items() if other != name}
        port = self._known.get(name)
        if port is None or not is_free(port):
            port = any_free()
            while port in taken:
                port = any_free()
        self._known[name] = port
        self._file.write_text(json.dumps(self._known, indent=1) + "\n")
        return port
