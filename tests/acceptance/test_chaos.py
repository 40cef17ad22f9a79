"""A short storm on servers of its own (tests/chaos): every promise is kept. `make chaos` is the long one."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_a_short_storm_breaks_no_promise():
    few = ("--runs", "20", "--kills", "3", "--stops", "1", "--flushes", "1", "--redis", "1", "--postgres", "1")
    pace = ("--away", "0", "--workers", "2", "--slots", "8", "--every", "1", "--lease", "2", "--latency", "250")
    command = [sys.executable, "-m", "tests.chaos", *few, *pace]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {line[:60].strip(): line[60:].strip() for line in done.stdout.splitlines()}
    # That the faults took place, and hit somebody, is part of the proof.
    assert found["kills (kill -9)"] == "3"
    assert found["restarts of PostgreSQL"] == "1"
    assert int(found["runs hit by kill -9 and claimed again"]) > 0
    accepted = int(found["runs accepted"])  # runs come in until the last fault has struck
    assert accepted >= 20
    assert int(found["runs succeeded"]) == accepted
    assert int(found["keyed effects that happened once (one key)"]) == accepted
