"""What tests of whole processes share: a model behind HTTP, and the environment its callers get."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import kombu.pools
import pytest

from config.celery import app
from tests.fakes import FakeLLMServer


@dataclass(frozen=True)
class World:
    """A model server and the environment that makes workers use it, under a Redis prefix of this test's own."""

    model: FakeLLMServer
    env: dict[str, str]


def environment(model: FakeLLMServer) -> dict[str, str]:
    """Short leases, so that a lost worker is noticed within the patience of a test."""
    return {
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "test",
        "DEFAULT_MODEL": "openai:fake",
        "REDIS_PREFIX": f"t{secrets.token_hex(4)}",
        "LEASE_SECONDS": "3",
        "HEARTBEAT_SECONDS": "1",
        "REAP_SECONDS": "0.5",
    }


@pytest.fixture
def world(settings: object) -> Iterator[World]:
    """A world that the test's own process is part of, too."""
    with FakeLLMServer() as model:
        world = World(model, environment(model))
        settings.REDIS_PREFIX = world.env["REDIS_PREFIX"]  # type: ignore[attr-defined]
        yield world


@pytest.fixture
def celery_broker() -> Iterator[Callable[[str], None]]:
    """`celery_broker(url)` lets this process ring at another address until the test ends."""
    before = app.conf.broker_url

    def ring_at(url: str) -> None:
        app.conf.broker_url = app.conf.broker_write_url = url
        app.pool.force_close_all()
        app.set_current()
        app._pool = None
        kombu.pools.reset()

    yield ring_at
    ring_at(before)
