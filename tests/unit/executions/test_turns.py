"""An agent's turn: how often its model is asked, what it is told of its tools, and that calls go side by side."""

import threading

import pytest

from agents.tools import ToolResult
from executions.control import ApprovalNeeded, Cancelled, EffectUnknown, Fenced, Released
from executions.graph import AgentRun, NodeCall
from executions.runspec import ToolSchema
from executions.turns import AT_ONCE, MOST_CALLS, NOTHING_SAID, TOOL_ROUNDS, Said, take_turn, together

TOOL = ToolSchema("Look", "Looks.", {"type": "object", "properties": {}}, "read")


def turn(*tools, context=8192):
    agent = AgentRun("Writer", "fake", "fake", tools=tools, context_tokens=context)
    return NodeCall("r1/Writer", "Writer", "Ann", 1, 1, agent, [{"role": "user", "content": "Go."}])


def wants(*names, text="", arguments="{}"):
    calls = [
        {"id": f"t{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, name in enumerate(names)
    ]
    return Said(text, calls, 10, 5, 7)


class Model:
    """Gives its answers one by one and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = answers, []

    def __call__(self, number, messages, may_call):
        self.asked.append((number, messages, may_call))
        return self.answers[min(number, len(self.answers) - 1)]


def test_without_tool_calls_it_is_one_question():
    model = Model(Said("Done.", [], 3, 4, 5))
    spoken = take_turn(turn(TOOL), model, pytest.fail)
    assert (spoken.message, spoken.tool_calls, spoken.tokens_in, spoken.ms) == ("Done.", [], 3, 5)
    assert [number for number, _messages, _may in model.asked] == [0]


def test_calls_of_an_agent_without_tools_are_not_made():
    spoken = take_turn(turn(), Model(wants("Look")), pytest.fail)
    assert [call["function"]["name"] for call in spoken.tool_calls] == ["Look"]


def test_the_model_is_told_what_came_of_its_calls():
    model = Model(wants("Look", "Look", text="Let me see."), Said("A brick.", [], 20, 2, 1))
    spoken = take_turn(turn(TOOL), model, lambda call: ToolResult(f"seen by {call.key}", ms=3))
    asked, first, second = model.asked[1][1][1:]
    assert (asked["role"], asked["content"]) == ("assistant", "Let me see.")
    assert [call["id"] for call in asked["tool_calls"]] == ["t0", "t1"]
    assert first == {"role": "tool", "tool_call_id": "t0", "content": "seen by llm0/tool0"}
    assert second["content"] == "seen by llm0/tool1"
    assert (spoken.message, spoken.tokens_in, spoken.tokens_out, spoken.ms) == ("A brick.", 30, 7, 14)
    assert [(call["ok"], call["result"]) for call in spoken.tool_calls] == [
        (True, "seen by llm0/tool0"),
        (True, "seen by llm0/tool1"),
    ]


def test_a_failed_call_is_told_too():
    model = Model(wants("Look"), Said("Then not."))
    spoken = take_turn(turn(TOOL), model, lambda _call: ToolResult("Error: no.", ok=False, code="disabled"))
    assert model.asked[1][1][-1]["content"] == "Error: no."
    assert spoken.tool_calls[0]["ok"] is False


def test_after_so_many_rounds_it_has_to_speak():
    model = Model(wants("Look"))
    spoken = take_turn(turn(TOOL), model, lambda _call: ToolResult("again"))
    assert [may_call for _number, _messages, may_call in model.asked] == [True] * TOOL_ROUNDS + [False]
    assert spoken.message == NOTHING_SAID
    assert len(spoken.tool_calls) == TOOL_ROUNDS


def test_too_many_calls_in_one_answer_are_not_made():
    made = []
    model = Model(wants(*["Look"] * (MOST_CALLS + 2)), Said("ok"))
    take_turn(turn(TOOL), model, lambda call: made.append(call.key) or ToolResult("x"))
    assert len(made) == MOST_CALLS
    assert "too_many_calls" in model.asked[1][1][-1]["content"]


def test_arguments_that_are_no_object_are_not_said_back():
    """Some servers refuse a history with them; the tool's answer says what was wrong."""
    model = Model(wants("Look", arguments='{"a": '), Said("ok"))
    arguments = []
    take_turn(turn(TOOL), model, lambda call: arguments.append(call.arguments) or ToolResult("x"))
    assert arguments == ['{"a": ']
    assert model.asked[1][1][1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_results_are_cut_to_what_the_model_reads_the_oldest_most():
    model = Model(wants("Look"), wants("Look"), wants("Look"), Said("ok"))
    take_turn(turn(TOOL, context=2500), model, lambda _call: ToolResult("word " * 4000))
    lengths = [len(message["content"]) for message in model.asked[3][1] if message["role"] == "tool"]
    assert lengths == sorted(lengths)
    assert lengths[-1] < 4000
    assert lengths[0] >= 200


def test_calls_of_one_answer_go_side_by_side_and_come_in_order():
    barrier = threading.Barrier(AT_ONCE, timeout=10)

    def wait(number):
        barrier.wait()
        return number

    assert together([lambda n=n: wait(n) for n in range(2 * AT_ONCE)]) == list(range(2 * AT_ONCE))


@pytest.mark.parametrize(
    ("raised", "wins"),
    [
        ([ApprovalNeeded("a"), Fenced()], Fenced),
        ([EffectUnknown("a"), ValueError("b")], ValueError),
        ([ApprovalNeeded("a"), Released(), Cancelled()], Cancelled),
        ([ApprovalNeeded("a"), Released()], Released),
    ],
)
def test_all_end_before_one_is_raised_and_losing_the_run_comes_first(raised, wins):
    ended = []

    def fail(error):
        ended.append(error)
        raise error

    def other():
        ended.append("other")

    with pytest.raises(wins):
        together([*(lambda error=error: fail(error) for error in raised), other])
    assert len(ended) == len(raised) + 1
