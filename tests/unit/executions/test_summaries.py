"""With CONTEXT_OVERFLOW=summary a summary stands for the turns a model has no room for, and is asked for seldom."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.graph import run_team
from executions.prompts import estimated_tokens, opening, render
from executions.runspec import AgentRun, NodeCall, RunSpec, Spoken, Summary, Turn
from executions.summaries import question, summary_tokens, turns_to_sum_up, within

READS = 1000


def spec_of(reads: int = READS, *, overflow: str = "summary", rounds: int = 9) -> RunSpec:
    agents = [AgentRun(role, "p", "m", context_tokens=reads, parameters={"max_tokens": 100}) for role in "AB"]
    return RunSpec.of(goal="The goal.", roles="AB", max_turns=rounds, agents=agents, overflow=overflow)


def talk(spec: RunSpec, words: str = "word " * 30) -> list[NodeCall]:
    """Every call of a run in which each agent says the same many words."""
    calls: list[NodeCall] = []

    def speak(call: NodeCall) -> Spoken:
        calls.append(call)
        return Spoken(f"summary of {call.sums_up}" if call.sums_up else f"turn {call.turn}: {words}")

    run_team(spec, None, speak)
    return calls


def test_a_summary_takes_the_place_of_the_oldest_turns():
    calls = talk(spec_of())
    at = next(number for number, call in enumerate(calls) if call.sums_up)
    asked, spoke = calls[at], calls[at + 1]

    assert (asked.role, asked.turn) == (spoke.role, spoke.turn)
    told = str(spoke.messages)
    assert f"in the first {asked.sums_up} turns, in short:\\nsummary of {asked.sums_up}" in told
    assert "left out" not in told
    for turn in range(1, spoke.turn):
        assert (f"turn {turn}: " in str(asked.messages)) == (turn <= asked.sums_up)
        assert (f"turn {turn}: " in told) == (turn > asked.sums_up)


def test_the_next_summary_is_made_from_the_one_before():
    first, second, *_ = [call for call in talk(spec_of(rounds=30)) if call.sums_up and call.role == "A"]

    assert f"summary of {first.sums_up}" in str(second.messages)
    assert f"turn {first.sums_up}: " not in str(second.messages)
    assert f"turn {first.sums_up + 1}: " in str(second.messages)


def test_it_serves_for_several_turns():
    calls = talk(spec_of(rounds=30))
    summaries = [call for call in calls if call.sums_up]

    assert 2 <= len(summaries) <= len(calls) / 3


def test_it_asks_the_agents_own_model_for_a_short_answer():
    asked = next(call for call in talk(spec_of()) if call.sums_up)

    assert (asked.agent.provider, asked.agent.model) == ("p", "m")
    assert asked.agent.parameters == {"max_tokens": (asked.agent.parameters["max_tokens"])}
    assert 40 <= asked.agent.parameters["max_tokens"] <= READS // 4


@pytest.mark.parametrize("spec", [spec_of(overflow="cut"), spec_of(reads=260), spec_of(reads=100_000)])
def test_none_where_it_is_not_asked_for_does_not_pay_or_is_not_needed(spec):
    assert not [call for call in talk(spec, "word " * 8) if call.sums_up]


def test_an_older_renderer_cuts():
    stored = replace(spec_of(), renderer=1).to_dict()
    del stored["overflow"]

    assert not [call for call in talk(RunSpec.from_dict(stored)) if call.sums_up]


@pytest.mark.parametrize(
    "text", ["x" * 5000, "日本語" * 500, "word " * 100 + "日本語" * 500, "日本語" * 20 + "x" * 900]
)
def test_a_long_summary_is_cut_with_a_mark(text):
    short = within(text, 100)

    assert estimated_tokens(short) <= 100
    assert short.endswith("characters left out]")


words_said = st.builds(str.__mul__, st.sampled_from(["x", "日", "word ", "日x"]), st.integers(0, 600))
messages_said = st.lists(st.tuples(st.sampled_from("AB"), words_said), min_size=1, max_size=30)


@given(messages_said, st.integers(300, 3000), st.booleans())
def test_what_is_asked_and_what_is_told_fits_the_model(said, reads, has_one):
    spec = spec_of(reads)
    turns = [Turn(n, 1, role, role, message) for n, (role, message) in enumerate(said, start=1)]
    had = Summary(1, "before") if has_one else None

    upto = turns_to_sum_up(spec, "A", None, turns, had)
    if not upto:
        return
    tokens = summary_tokens(opening(spec, "A", None).room)
    asked = question(spec, "A", turns[:upto], had, tokens)
    assert sum(estimated_tokens(message["content"]) for message in asked) + tokens <= reads
    told = render(spec, "A", None, turns, Summary(upto, within("日本" * 9000, tokens)))
    assert sum(estimated_tokens(message["content"]) for message in told) + 100 <= reads
    assert turns_to_sum_up(spec, "A", None, turns, Summary(upto, "s")) in {0, *range(upto + 1, len(turns) + 1)}
