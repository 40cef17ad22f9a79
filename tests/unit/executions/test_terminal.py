"""What a person sees of a run in a terminal, and what a log file gets."""

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from executions.follow import Event
from executions.terminal import RunScreen

KEY = "r2/A%2FB#2/llm0"


def shown(*events: Event, terminal: bool = True, result: bool = False) -> str:
    out = io.StringIO()
    screen = RunScreen(Console(file=out, force_terminal=terminal, color_system=None, width=60))
    for event in events:
        screen.show(event)
    if result:
        screen.result()
    return out.getvalue()


def token(text: str, at: int = 0, key: str = KEY) -> Event:
    return Event("token", {"key": key, "at": at, "text": text})


def step(message: str, **changes: Any) -> Event:
    data = {
        "key": KEY, "kind": "llm", "state": "done", "role": "A/B", "round": 2, "display": {"message": message},
        "tokens_in": 5, "tokens_out": 3, "cost": "0.00001500", "ms": 1234,
    }  # fmt: skip
    return Event("step", {**data, **changes}, 1)


def status(name: str, **changes: Any) -> Event:
    totals = {"tokens_in": 5, "tokens_out": 3, "cost": None, "ms": 1234}
    data = {
        "status": name,
        "error": None,
        "totals": totals,
        "final_answer": None,
        "not_before": None,
        "started_at": None,
    }
    return Event("status", {**data, **changes}, 2)


def test_words_are_shown_once_under_who_says_them() -> None:
    text = shown(token("hello "), token("world", 6), step("hello world"))
    assert text.count("hello world") == 1
    assert "round 2 · A/B" in text
    assert "5 + 3 tokens, $0.000015, 1.2 s" in text


def test_a_step_whose_words_were_not_seen_is_shown_whole() -> None:
    text = shown(step("hello world"))
    assert "round 2 · A/B" in text
    assert "hello world" in text


def test_who_came_late_still_gets_the_whole_message() -> None:
    assert "\nhello world\n" in shown(token("world", 6), step("hello world"))


def test_lost_words_are_marked_and_the_message_follows() -> None:
    text = shown(token("he"), token("rld", 8), step("hello world"))
    assert "he [...] rld" in text
    assert "\nhello world\n" in text


def test_a_call_made_again_begins_anew() -> None:
    text = shown(token("wro"), token("right"), step("right"))
    assert text.count("round 2") == 2
    assert text.count("right") == 1


def test_a_log_file_gets_each_message_once_and_no_words_before() -> None:
    text = shown(token("hello "), token("world", 6), step("hello world"), terminal=False)
    assert text == "round 2 · A/B\nhello world\n5 + 3 tokens, $0.000015, 1.2 s\n"


def test_long_lines_stay_lines_in_a_log_file() -> None:
    assert "x " * 100 in shown(step("x " * 100), terminal=False)


def test_the_answer_and_the_totals_come_last() -> None:
    text = shown(status("succeeded", final_answer="42"), terminal=False, result=True)
    assert text == "final answer: 42\nsucceeded: 5 + 3 tokens, price unknown, 1.2 s\n"


def test_trouble_is_told() -> None:
    moment = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    text = shown(
        step("", state="failed", display={"error": "busy"}),
        status("retry_wait", error={"message": "busy"}, not_before=moment),
        status("queued", started_at=moment),
    )
    assert "A/B got no answer: busy" in text
    assert "waiting to try again at 09:30:00 UTC: busy" in text
    assert "queued again" in text


def test_notes_are_shown() -> None:
    assert "note: no tools yet" in shown(step("", kind="note", display={"note": "no tools yet"}))


def test_a_summary_that_failed_is_shown_with_the_reason() -> None:
    failed = step("", kind="note", state="failed", display={"error": "HTTP 400: no"})
    assert "A/B got no answer: HTTP 400: no" in shown(failed)


def test_a_model_cannot_command_the_terminal() -> None:
    text = shown(token("\x1b[2Jhi\x07 [red]x[/red]"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]x[/red]" in text, "nor use the markup of the library that prints"
