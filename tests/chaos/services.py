"""A PostgreSQL and a Redis to be hurt, on free ports in a folder of their own."""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import redis as redis_client

from config.embedded import postgres, redis
from config.embedded.ports import any_free
from config.embedded.process import Child, Program
from teams import roles


class Services:
    """Both servers. Unlike in other tests PostgreSQL syncs to disk: what it has committed must outlive its restart."""

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="atb-chaos-"))
        (self.folder / "static").mkdir()
        user, port = postgres.system_user(self.folder), any_free()
        password, redis_password, redis_port = secrets.token_urlsafe(16), secrets.token_urlsafe(16), any_free()
        cluster = self.folder / "postgres"
        postgres.create(cluster, password, user)
        self.admin_url = postgres.url(postgres.SUPERUSER, password, port, "postgres")
        self.all_url = postgres.url(postgres.SUPERUSER, password, port)  # the product's database, every tenant's rows
        self.urls = {name: postgres.url(name, secrets.token_urlsafe(16), port) for name in ("atb_app", "atb_owner")}
        self.redis_url = redis.url(redis_password, redis_port)
        self.postgres = self._child(postgres.program(cluster, port, self.folder / "postgres.log", user))
        log = self.folder / "redis.log"
        self.redis = self._child(redis.program(self.folder, redis_port, redis_password, log))
        self.start_postgres()
        self.start_redis()
        roles.apply(self.admin_url, self.urls["atb_app"], self.urls["atb_owner"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for child in (self.redis, self.postgres):
            child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """What the product needs to use these servers and no other."""
        return {
            "DATABASE_URL": self.urls["atb_app"], "DATABASE_OWNER_URL": self.urls["atb_owner"],
            "DATABASE_ADMIN_URL": self.admin_url, "REDIS_URL": self.redis_url, "DATA_DIR": str(self.folder),
            "READ_EMBEDDED_ENV": "false", "SECRET_KEY": secrets.token_urlsafe(32),
            "API_KEY_PEPPER": secrets.token_urlsafe(32), "ENCRYPTION_KEYS": f"k1:{secrets.token_urlsafe(32)}",
            "ALLOW_MODEL_REQUESTS": "local", "DEBUG": "false",
        }  # fmt: skip

    def start_postgres(self) -> None:
        """Start it and wait until it answers."""
        self._start(self.postgres, lambda: postgres.answers(self.admin_url))

    def start_redis(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._start(self.redis, lambda: redis.answers(self.redis_url))

    def restart_postgres(self, away: float = 0.0) -> None:
        """Shut it down, ending all sessions, and start it again after so many seconds."""
        self.postgres.stop()
        time.sleep(away)
        self.start_postgres()

    def restart_redis(self) -> None:
        """Kill it: it keeps nothing on disk, so it comes back empty."""
        self.redis.kill()
        self.start_redis()

    def flush_redis(self) -> None:
        """Empty it under everybody."""
        with redis_client.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def rows(self, question: str, *given: Any) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL as the administrator, who sees all tenants."""
        with psycopg.connect(self.all_url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(question, given).fetchall()

    def _child(self, program: Program) -> Child:
        return Child(program, self.folder / f"{program.name}.pid")

    def _start(self, child: Child, answers: Callable[[], bool]) -> None:
        child.start()
        deadline = time.monotonic() + 30
        while not answers():
            if child.pid is None or time.monotonic() > deadline:
                raise RuntimeError(f"{child.program.name} did not start:\n{child.log_tail()}")
            time.sleep(0.05)


def clean_environment() -> None:
    """Leave out what a person's shell says of other servers and of paid models."""
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL", "_DATABASE_URL"))]:
        del os.environ[name]
