"""One command per data directory; its secrets and ports survive, its leftovers are cleared away."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from config.embedded import credentials, dotenv
from config.embedded.datadir import DataDir
from config.embedded.errors import EmbeddedError
from config.embedded.ports import Ports, is_free


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    made.prepare()
    return made


def test_a_second_command_on_the_same_directory_is_refused_by_name(data: DataDir) -> None:
    with data.lock(), pytest.raises(EmbeddedError, match=rf"process {os.getpid()}.*DATA_DIR"), data.lock():
        pass


def test_the_directory_is_free_again_afterwards(data: DataDir) -> None:
    with data.lock():
        pass
    with data.lock():
        assert data.root.exists()


def test_secrets_are_generated_once_and_private(data: DataDir) -> None:
    first = credentials.load(data.secrets)
    assert credentials.load(data.secrets) == first
    assert len(set(first.values())) == len(credentials.NAMES)
    assert data.secrets.stat().st_mode & 0o777 == 0o600


def test_a_persons_own_secret_wins_over_the_generated_one(data: DataDir) -> None:
    generated = credentials.load(data.secrets)
    chosen = credentials.chosen(generated, {"SECRET_KEY": "mine"})
    kept = {name: generated[name] for name in ("API_KEY_PEPPER", "ENCRYPTION_KEYS")}
    assert chosen == {"SECRET_KEY": "mine", **kept}


def test_a_directory_from_before_gets_the_secrets_that_are_new(data: DataDir) -> None:
    old = {name: value for name, value in credentials.load(data.secrets).items() if name != "ENCRYPTION_KEYS"}
    dotenv.write(data.secrets, old, "from before")
    now = credentials.load(data.secrets)
    assert now.items() >= old.items()
    assert now["ENCRYPTION_KEYS"].startswith("k1:")


def test_what_is_written_as_environment_is_read_back(data: DataDir) -> None:
    values = {"A": "postgresql://a:b@127.0.0.1:1/c?x=y#z", "EMPTY": ""}
    dotenv.write(data.environment, values, "a comment")
    assert dotenv.read(data.environment) == values
    assert data.environment.stat().st_mode & 0o777 == 0o600


def test_ports_stay_the_same_while_they_are_free(data: DataDir) -> None:
    first = Ports(data.ports).choose("redis")
    assert is_free(first)
    assert Ports(data.ports).choose("redis") == first


def test_a_torn_ports_file_means_new_ports(data: DataDir) -> None:
    data.ports.write_text('{"redis": 1')
    assert Ports(data.ports).choose("redis") > 1


def test_a_child_left_behind_is_ended_and_named(data: DataDir) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as orphan:
        data.pid_file("worker").write_text(f"{orphan.pid}\n")
        assert data.end_leftovers() == ["worker"]
        assert orphan.wait(5) != 0
    assert not data.pid_file("worker").exists()


def test_a_process_that_got_an_old_number_is_left_alone(data: DataDir) -> None:
    file = data.pid_file("web")
    file.write_text(f"{os.getpid()}\n")
    long_ago = time.time() - 86_400
    os.utime(file, (long_ago, long_ago))
    assert data.end_leftovers() == []
    assert psutil.pid_exists(os.getpid())
