"""agents.tools.call(): who may call what, what is refused before anything happens, and what is recorded when."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from pydantic import Field

from agents.tools import Switch, Tool, ToolError, ToolResult, call, calling, tool
from tests.unit.tools.journal import EffectUnknown, MemorySteps, context

Happens = Callable[[], ToolResult]


def made(happens: Happens, **facts: Any) -> Tool:
    """A tool that does what a test says."""

    def note(_context: object, text: Annotated[str, Field(max_length=20)], loud: bool = False) -> ToolResult:
        """Writes a note.

        Args:
            text: What to write.
            loud: Whether to shout.

        Returns:
            What was written.
        """
        return happens()

    return tool("Note", **{"title": "Note", "effects": "write", "timeout_s": 5.0, **facts})(note)


def written() -> ToolResult:
    return ToolResult("written")


def asked(
    given: Any, steps: MemorySteps, tool: Tool, *, switch: Switch | None = None, seconds: float = 30.0, **more: Any
) -> ToolResult:
    where = context("Note", seconds=seconds)
    return call(
        where, "Note", given, steps, catalogue={"Note": tool}, switches=lambda *_: switch or Switch(), **more
    )  # fmt: skip


@pytest.fixture
def steps() -> MemorySteps:
    return MemorySteps()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds a tool back until the test ends."""
    event = threading.Event()
    yield event
    event.set()


def test_a_call_is_begun_done_and_ended(steps: MemorySteps) -> None:
    result = asked('{"text": "hi"}', steps, made(written))

    assert (result.ok, result.content, steps.events) == (True, "written", ["begin", "end"])
    assert steps.begun is not None
    assert steps.begun[1] == {"text": "hi", "loud": False}
    assert steps.ended == result


def test_a_recorded_result_is_not_made_again() -> None:
    def never() -> ToolResult:
        raise AssertionError("called")

    steps = MemorySteps(recorded=ToolResult("from before"))

    assert asked({"text": "hi"}, steps, made(never)).content == "from before"
    assert steps.events == ["begin"]


def test_control_flow_of_the_journal_goes_through() -> None:
    with pytest.raises(EffectUnknown):
        asked({"text": "hi"}, MemorySteps(stops=EffectUnknown()), made(written))


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("{", "not JSON"),
        ("[1]", "JSON object"),
        ('"text"', "JSON object"),
        ("[" * 100_000, "not JSON"),
        ("{}", "text"),
        ({"text": 5}, "text"),
        ({"text": "x" * 21}, "text: is too long"),
        ({"text": "a\0b"}, "NUL"),
        ({"text": "\ud800"}, "surrogate"),
        ({"text": "hi", "louder": True}, "louder"),
        ({"text": "hi", "tenant_id": "globex"}, "server fills in"),
        ({"text": "hi", "tenant": "globex"}, "server fills in"),
        ({"text": "hi", "api_key": "k"}, "server fills in"),
        ({"text": "hi", "access_token": "k"}, "server fills in"),
        ({"text": "hi", "credentials": {}}, "server fills in"),
        ({"text": "hi", "Authorization": "Bearer x"}, "server fills in"),
        ('{"text": "' + "x" * 300_000 + '"}', "characters"),
    ],
)
def test_bad_arguments_are_told_and_recorded(steps: MemorySteps, given: Any, names: str) -> None:
    result = asked(given, steps, made(written))

    assert (result.ok, result.code, steps.events) == (False, "bad_arguments", ["refused"])
    assert names in result.content


def test_what_is_recorded_of_unreadable_arguments_can_be_stored(steps: MemorySteps) -> None:
    asked('{"text": "a\0\ud800', steps, made(written))

    assert json.dumps(steps.turned_away).isascii()
    assert "\\x00" in steps.turned_away["unread"]


def test_what_is_not_given_to_the_agent_is_refused(steps: MemorySteps) -> None:
    known = {"Note": made(written)}

    other = call(context("Other"), "Note", "{}", steps, catalogue=known, switches=lambda *_: Switch())
    unknown = call(context("Note"), "Erase", "{}", steps, catalogue=known, switches=lambda *_: Switch())

    assert (other.code, unknown.code) == ("not_allowed", "unknown_tool")
    assert "Other" in other.content


def test_a_tool_switched_off_is_disabled(steps: MemorySteps) -> None:
    result = asked({"text": "hi"}, steps, made(written), switch=Switch(enabled=False))

    assert (result.code, steps.events) == ("disabled", ["refused"])


def test_a_refusal_does_not_undo_what_an_earlier_try_did() -> None:
    steps = MemorySteps(recorded=ToolResult("done before it was switched off"))

    assert asked({"text": "hi"}, steps, made(written), switch=Switch(enabled=False)).ok


def test_a_tool_with_nothing_behind_it_says_so(steps: MemorySteps) -> None:
    result = asked({"text": "hi"}, steps, made(written, available=False))

    assert (result.code, steps.events) == ("not_available", ["refused"])


@pytest.mark.parametrize(
    ("facts", "approval", "cautious", "asks"),
    [
        ({}, "default", False, False),
        ({}, "default", True, True),
        ({"effects": "read"}, "default", True, False),
        ({"effects": "read"}, "always", False, True),
        ({"needs_approval": True}, "default", False, True),
        ({"needs_approval": True}, "never", False, False),
        ({"needs_approval": True}, "never", True, True),
        ({"needs_approval": lambda given: given["loud"]}, "default", False, False),
        ({"effects": "external", "reads": lambda given: not given["loud"]}, "default", True, False),
    ],
)
def test_a_person_is_asked(steps: MemorySteps, facts: Any, approval: Any, cautious: bool, asks: bool) -> None:
    switch = Switch(approval=approval)
    asked({"text": "hi"}, steps, made(written, **facts), switch=switch, asks_before_writes=cautious)

    assert steps.begun is not None
    assert steps.begun[2] is asks


def test_a_failure_is_told(steps: MemorySteps) -> None:
    def fails() -> ToolResult:
        raise ToolError("upstream", "the other side is down", retryable=True)

    result = asked({"text": "hi"}, steps, made(fails))

    assert (result.ok, result.code, steps.ended) == (False, "upstream", result)
    assert "the other side is down" in result.content
    assert "again" in result.content


def test_a_mistake_of_ours_is_not_passed_off_as_a_result(steps: MemorySteps) -> None:
    def broken() -> ToolResult:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asked({"text": "hi"}, steps, made(broken))
    assert steps.events == ["begin"]


def test_a_late_reader_is_told_of_the_time_limit(steps: MemorySteps, gate: threading.Event) -> None:
    def late() -> ToolResult:
        gate.wait()
        return ToolResult("too late")

    result = asked({"text": "hi"}, steps, made(late, effects="read", timeout_s=0.01))

    assert (result.code, steps.events) == ("timeout", ["begin", "end"])
    gate.set()
    assert steps.ended == result


def test_nobody_knows_what_a_late_writer_did(steps: MemorySteps, gate: threading.Event) -> None:
    def late() -> ToolResult:
        gate.wait()
        return ToolResult("too late")

    with pytest.raises(EffectUnknown):
        asked({"text": "hi"}, steps, made(late, timeout_s=0.01))
    assert steps.events == ["begin", "unknown"]


def test_a_call_by_arguments_without_effects_is_a_read(steps: MemorySteps) -> None:
    def cut_off() -> ToolResult:
        raise ToolError("cut", "the connection broke", effect_unknown=True)

    result = asked({"text": "hi"}, steps, made(cut_off, effects="external", reads=lambda _: True))

    assert result.code == "cut"
    assert steps.begun is not None
    assert (steps.begun[0].effects, steps.begun[0].repeatable) == ("read", True)


def test_a_keyed_call_is_repeated_until_it_is_known(steps: MemorySteps) -> None:
    outcomes: list[Any] = [ToolError("cut", "broke", effect_unknown=True), ToolResult("done once")]

    def flaky() -> ToolResult:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ToolError):
            raise outcome
        assert isinstance(outcome, ToolResult)
        return outcome

    assert asked({"text": "hi"}, steps, made(flaky, keyed=True)).content == "done once"
    assert steps.events == ["begin", "end"]


def raising(*errors: ToolError) -> Happens:
    """Fails with these errors in turn, then is written."""
    left = list(errors)

    def happens() -> ToolResult:
        if left:
            raise left.pop(0)
        return written()

    return happens


CUT = ToolError("cut", "broke", effect_unknown=True)
REFUSED = ToolError("unreachable", "nobody listens", retryable=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions without a pause."""
    monkeypatch.setattr(calling, "PAUSES_S", (0.0, 0.0))


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("errors", [[CUT] * 3, [CUT, REFUSED, REFUSED], [CUT, ToolError("bad_url", "no URL")]])
def test_a_keyed_call_that_stays_unknown_is_a_persons(steps: MemorySteps, errors: list[ToolError]) -> None:
    """Not reaching it the second time says nothing of the first."""
    with pytest.raises(EffectUnknown):
        asked({"text": "hi"}, steps, made(raising(*errors), keyed=True))
    assert steps.events == ["begin", "unknown"]


@pytest.mark.usefixtures("at_once")
def test_a_keyed_call_is_repeated_over_a_moment_of_nobody_listening(steps: MemorySteps) -> None:
    assert asked({"text": "hi"}, steps, made(raising(CUT, REFUSED), keyed=True)).ok


def test_a_first_call_that_reached_nobody_is_told_and_not_repeated(steps: MemorySteps) -> None:
    assert asked({"text": "hi"}, steps, made(raising(REFUSED), keyed=True)).code == "unreachable"


@pytest.mark.usefixtures("at_once")
def test_after_a_lost_worker_reaching_nobody_leaves_it_unknown() -> None:
    steps = MemorySteps(repeats=True)

    with pytest.raises(EffectUnknown):
        asked({"text": "hi"}, steps, made(raising(*[REFUSED] * 3), keyed=True))
    assert asked({"text": "hi"}, MemorySteps(repeats=True), made(raising(REFUSED), keyed=True)).ok


@pytest.mark.usefixtures("at_once")
def test_each_repetition_has_the_tools_whole_time(steps: MemorySteps, gate: threading.Event) -> None:
    late = [gate.wait]

    def slow_once() -> ToolResult:
        if late:
            late.pop()()
        return written()

    assert asked({"text": "hi"}, steps, made(slow_once, keyed=True, timeout_s=0.05)).ok


@pytest.mark.parametrize("loud", [True, False])
def test_settings_and_arguments_may_say_which_calls_are_keyed(steps: MemorySteps, loud: bool) -> None:
    writer = made(written, keyed=lambda given, settings: given["loud"] in settings["keyed"])
    asked({"text": "hi", "loud": loud}, steps, writer, switch=Switch(settings={"keyed": [True]}))

    assert steps.begun is not None
    assert (steps.begun[0].keyed, steps.begun[0].repeatable, writer.repeatable) == (loud, loud, False)


def test_no_call_is_made_when_the_run_has_no_time_left(steps: MemorySteps) -> None:
    def never() -> ToolResult:
        raise AssertionError("called")

    result = asked({"text": "hi"}, steps, made(never), seconds=-1)

    assert (result.code, steps.events) == ("timeout", ["begin", "end"])


def test_a_long_answer_is_cut_with_a_mark(steps: MemorySteps) -> None:
    result = asked({"text": "hi"}, steps, made(lambda: ToolResult("x" * 50), content_chars=10))

    assert result.content == "x" * 10 + " [40 characters left out]"


def test_an_answer_can_be_stored(steps: MemorySteps) -> None:
    assert asked({"text": "hi"}, steps, made(lambda: ToolResult("a\0b\ud800c"))).content == "a\ufffdb?c"


def test_the_tool_gets_the_tenants_settings_and_its_own_deadline(steps: MemorySteps) -> None:
    seen: list[Any] = []

    def look(_context: Any) -> ToolResult:
        """Looks.

        Returns:
            Nothing.
        """
        seen.append(_context)
        return written()

    looking = tool("Note", title="Look", effects="read", timeout_s=5.0)(look)
    asked({}, steps, looking, switch=Switch(settings={"allowed_hosts": ["a"]}), seconds=1000.0)

    assert seen[0].settings == {"allowed_hosts": ["a"]}
    assert seen[0].deadline < time.monotonic() + 6
