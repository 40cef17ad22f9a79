"""The embedded PostgreSQL: passwords only, and up again after a kill -9."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config.embedded import postgres
from config.embedded.errors import EmbeddedError
from config.embedded.ports import any_free
from config.embedded.process import Child


@dataclass
class Server:
    child: Child
    cluster: Path
    admin_url: str

    def start(self) -> None:
        self.child.start()
        deadline = time.monotonic() + 30
        while not postgres.answers(self.admin_url):
            assert self.child.pid is not None, self.child.log_tail()
            assert time.monotonic() < deadline, self.child.log_tail()
            time.sleep(0.02)

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.admin_url) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    cluster, port = tmp_path / "postgres", any_free()
    user = postgres.system_user(tmp_path)
    postgres.create(cluster, "a-password", user, durable=False)
    program = postgres.program(cluster, port, tmp_path / "postgres.log", user)
    admin_url = postgres.url(postgres.SUPERUSER, "a-password", port, "postgres")
    running = Server(Child(program, tmp_path / "postgres.pid"), cluster, admin_url)
    running.start()
    yield running
    running.child.stop()


def test_it_speaks_to_those_with_the_password_only(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.admin_url.replace("a-password", "a-guess"))


def test_it_keeps_what_change_data_capture_needs(server: Server) -> None:
    assert server.execute("SHOW wal_level") == [("logical",)]


def test_it_listens_on_loopback_only(server: Server) -> None:
    assert server.execute("SHOW listen_addresses") == [("127.0.0.1",)]
    assert server.execute("SHOW unix_socket_directories") == [("",)]


def test_a_stop_ends_it_within_seconds_although_sessions_are_open(server: Server) -> None:
    with psycopg.connect(server.admin_url):
        server.child.stop()
        assert server.child.exit_status() == 0


def test_after_kill_9_it_starts_again_with_its_rows(server: Server) -> None:
    server.execute("CREATE TABLE kept AS SELECT 7 AS number")
    assert server.child.pid is not None
    os.kill(server.child.pid, signal.SIGKILL)
    while server.child.pid is not None:
        time.sleep(0.02)
    postgres.release(server.cluster)
    server.start()
    assert server.execute("SELECT number FROM kept") == [(7,)]


def test_a_lock_file_that_names_some_other_program_is_no_obstacle(server: Server) -> None:
    server.child.stop()
    (server.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{server.cluster}\n1\n1\n\n127.0.0.1\n 1 1\nready\n")
    postgres.release(server.cluster)
    server.start()


def test_a_server_that_still_runs_is_waited_for_then_named(server: Server) -> None:
    with pytest.raises(EmbeddedError, match=f"process {server.child.pid}"):
        postgres.release(server.cluster, patience=0.2)


def test_a_cluster_of_another_installation_is_recognised(server: Server) -> None:
    with pytest.raises(EmbeddedError, match=r"secrets\.env"):
        postgres.answers(server.admin_url.replace("a-password", "another-one"))


def test_an_attempt_that_was_broken_off_is_made_again(tmp_path: Path) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    postgres.create(tmp_path / "postgres", "a-password", postgres.system_user(tmp_path), durable=False)
    assert (tmp_path / "postgres" / "global" / "pg_control").exists()
    assert not half.exists()
