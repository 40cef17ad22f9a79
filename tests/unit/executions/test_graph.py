"""The order of a conversation, its keys, and that nothing but the run decides them."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.graph import AgentRun, Conversation, NodeCall, RunSpec, Spoken, _compiled, run_team
from executions.runspec import MESSAGE_CHARS, ToolSchema

ROLES = ["DecisionMaker", "Retriever", "Critic", "a/b", "a%2Fb", "x#2", "x", "Prüfer"]


def echo(call: NodeCall) -> Spoken:
    return Spoken(f"{call.key} said", tokens_in=1, tokens_out=2, ms=3)


def keys_of(spec: RunSpec, said: dict[int, str] | None = None) -> tuple[list[str], Conversation]:
    keys = []

    def speak(call: NodeCall) -> Spoken:
        keys.append(call.key)
        return Spoken((said or {}).get(call.turn, f"message {call.turn}"))

    return keys, run_team(spec, None, speak)


def test_one_round_in_the_order_of_the_flow(make_spec):
    keys, conversation = keys_of(make_spec("DecisionMaker", "Retriever", "Critic"))

    assert keys == ["r1/DecisionMaker", "r1/Retriever", "r1/Critic"]
    assert conversation.stopped_by == "max_turns"
    assert conversation.final_answer == "message 3"


def test_three_rounds(make_spec):
    keys, conversation = keys_of(make_spec("A", "B", max_turns=3))

    assert keys == ["r1/A", "r1/B", "r2/A", "r2/B", "r3/A", "r3/B"]
    assert [(turn.turn, turn.round) for turn in conversation.turns] == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3)]


def test_a_role_twice_in_the_flow(make_spec):
    keys, _ = keys_of(make_spec("A", "Critic", "B", "Critic", max_turns=2))

    assert keys[:4] == ["r1/A", "r1/Critic", "r1/B", "r1/Critic#2"]
    assert keys[4:] == [key.replace("r1", "r2") for key in keys[:4]]


def test_one_agent_with_two_rounds(make_spec):
    assert keys_of(make_spec("Solo", max_turns=2))[0] == ["r1/Solo", "r2/Solo"]


def test_roles_that_look_like_keys_stay_apart(make_spec):
    keys, _ = keys_of(make_spec("x", "x", "x#2", "a/b", "a%2Fb"))

    assert keys == ["r1/x", "r1/x#2", "r1/x%232", "r1/a%2Fb", "r1/a%252Fb"]


def test_a_final_answer_stops_before_the_next_agent(make_spec):
    keys, conversation = keys_of(make_spec("A", "B", "C", max_turns=5), {5: "So.\nFINAL_ANSWER: 42"})

    assert len(keys) == 5
    assert (conversation.stopped_by, conversation.final_answer) == ("final_answer", "42")


def test_the_leader_concludes(make_spec):
    keys, conversation = keys_of(make_spec("DecisionMaker", "B", max_turns=5), {3: "Conclude: it is done"})

    assert len(keys) == 3
    assert (conversation.stopped_by, conversation.final_answer) == ("concluded", "it is done")


def test_a_stop_in_the_very_last_turn_keeps_its_reason(make_spec):
    assert keys_of(make_spec("A"), {1: "FINAL_ANSWER: yes"})[1].stopped_by == "final_answer"


def test_the_log_of_a_turn(make_spec):
    conversation = run_team(make_spec("A", A={"name": "Ann"}), None, echo)

    assert conversation.log() == [
        {
            "turn": 1,
            "round": 1,
            "role": "A",
            "name": "Ann",
            "message": "r1/A said",
            "tool_calls": [],
            "tokens": 3,
            "ms": 3,
        }
    ]


def test_an_unknown_token_count_is_none_in_the_log(make_spec):
    conversation = run_team(make_spec("A"), None, lambda _: Spoken("x", tokens_in=5))

    assert conversation.log()[0]["tokens"] is None


def test_each_agent_is_told_what_was_said(make_spec):
    told = {}

    def speak(call: NodeCall) -> Spoken:
        told[call.key] = call.messages[-1]["content"]
        return echo(call)

    run_team(make_spec("A", "B", max_turns=2), "the input", speak)

    assert "the input" in told["r1/A"]
    assert "A: r1/A said" in told["r1/B"]
    assert told["r2/B"] == "A: r2/A said"


@pytest.mark.parametrize("error", [KeyboardInterrupt, LookupError], ids=["control flow", "error"])
def test_what_speak_raises_comes_out_as_it_is_and_nothing_is_repeated(make_spec, error):
    class Raised(error):
        pass

    calls = []

    def speak(call: NodeCall) -> Spoken:
        calls.append(call.key)
        raise Raised("stop here")

    with pytest.raises(Raised, match="stop here"):
        run_team(make_spec("A", "B"), None, speak)
    assert calls == ["r1/A"]


def test_a_message_that_is_not_text_is_refused(make_spec):
    with pytest.raises(TypeError, match="r1/A"):
        run_team(make_spec("A"), None, lambda _: Spoken(None))  # type: ignore[arg-type]


def test_an_endless_message_is_cut(make_spec):
    message = run_team(make_spec("A"), None, lambda _: Spoken("x" * 300_000)).turns[0].message

    assert len(message) < MESSAGE_CHARS + 100
    assert message.endswith("[200000 characters left out]")


def test_more_steps_than_langgraph_allows_by_itself(make_spec):
    assert len(keys_of(make_spec("A", "B", "C", max_turns=100))[0]) == 300


def test_runs_at_once_share_a_compiled_graph_and_nothing_else(make_spec):
    results = {}

    def go(goal: str) -> None:
        spec = make_spec("A", "B", max_turns=3, goal=goal)
        results[goal] = run_team(spec, None, lambda call: Spoken(f"{goal} {call.key}"))

    threads = [threading.Thread(target=go, args=(f"goal{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert _compiled(2) is _compiled(2)
    for goal, conversation in results.items():
        assert [turn.message.split()[0] for turn in conversation.turns] == [goal] * 6


def test_a_spec_survives_storage(make_spec):
    tool = ToolSchema("Chunk_Text", "Cuts a text.", {"type": "object"}, "read")
    agent = {"name": "Ann", "parameters": {"max_tokens": 9}, "tools": (tool,), "agent_id": "1"}
    spec = make_spec("A", "B", "A", max_turns=2, A=agent)

    assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_run_that_began_before_tools_could_be_called_goes_on_without_them(make_spec):
    stored = make_spec("A").to_dict()
    stored["agents"]["A"]["tools"] = ["Chunk_Text"]
    del stored["agents"]["A"]["asks_before_writes"]

    assert RunSpec.from_dict(stored).agents["A"].tools == ()


@pytest.mark.parametrize(("roles", "max_turns"), [([], 1), (["A", "ghost"], 1), (["A"], 0)])
def test_a_spec_that_cannot_run_is_refused(roles, max_turns):
    with pytest.raises(ValueError, match="not a run"):
        RunSpec.of(goal="g", roles=roles, max_turns=max_turns, agents=[AgentRun("A", "p", "m")])


answers = st.text(alphabet="ab \n:", max_size=8) | st.sampled_from(["FINAL_ANSWER: x", "CONCLUDE", "CONCLUDE: y"])


@given(st.lists(st.sampled_from(ROLES), min_size=1, max_size=5), st.integers(1, 4), st.lists(answers, max_size=20))
def test_the_same_spec_and_answers_give_the_same_run(roles, max_turns, script):
    spec = RunSpec.of(
        goal="g", roles=roles, max_turns=max_turns, agents=[AgentRun(role, "p", "m") for role in set(roles)]
    )
    said = dict(enumerate(script, start=1))

    keys, conversation = keys_of(spec, said)

    assert (keys, conversation) == keys_of(RunSpec.from_dict(spec.to_dict()), said)
    assert len(set(keys)) == len(keys) <= max_turns * len(roles)
