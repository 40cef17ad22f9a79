"""The embedded Redis: loopback, with a password that no process list shows."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as client
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded import redis
from config.embedded.ports import any_free
from config.embedded.process import Child


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Child, int]]:
    port = any_free()
    child = Child(redis.program(tmp_path, port, "a-password", tmp_path / "redis.log"), tmp_path / "redis.pid")
    child.start()
    while not redis.answers(redis.url("a-password", port)):
        assert child.pid is not None, child.log_tail()
        time.sleep(0.02)
    yield child, port
    child.stop()


def test_without_the_password_nothing_is_answered(server: tuple[Child, int]) -> None:
    with (
        client.Redis(port=server[1], retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(client.AuthenticationError),
    ):
        stranger.ping()


def test_with_it_values_are_kept(server: tuple[Child, int]) -> None:
    with client.Redis.from_url(redis.url("a-password", server[1])) as friend:
        friend.set("a", "1")
        assert friend.get("a") == b"1"


def test_the_password_is_in_a_private_file_not_on_the_command_line(server: tuple[Child, int], tmp_path: Path) -> None:
    assert "a-password" not in " ".join(server[0].program.argv)
    assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0


def test_a_stop_ends_it(server: tuple[Child, int]) -> None:
    server[0].stop()
    assert server[0].exit_status() == 0
    assert not server[0].pid_file.exists()
