"""How the overview shows what is used of a limit."""

from console.dashboard import Used


def test_limits_change_their_look_before_runs_stop() -> None:
    assert [Used("Runs", "", "", percent).look for percent in (79, 80, 99, 100)] == [
        "is-good", "is-warn", "is-warn", "is-bad"
    ]  # fmt: skip
