"""Who of a run's flow is marked as what, and how steps read."""

from decimal import Decimal
from typing import Any

import pytest

from executions.admin_look import duration, usd
from executions.admin_timeline import entry_of, flow_nodes
from executions.models import Execution, Status, Step, StepKind, StepState

SPEC = {
    "flow": [["Writer", "Writer"], ["Critic", "Critic"], ["Writer#2", "Writer"]],
    "agents": {
        "Writer": {"provider": "openai", "model": "gpt", "name": "Wanda", "tools": [{"name": "Post_Note"}, "Old_Name"]},
        "Critic": {"provider": "openai", "model": "gpt", "name": "Critic", "tools": []},
    },
}
CALL = {"function": {"name": "Post_Note", "arguments": "{}"}}


def step(key: str, kind: str = StepKind.LLM, state: str = StepState.DONE, **more: Any) -> Step:
    role = key.split("/")[1].partition("#")[0]
    return Step(seq=1, key=key, kind=kind, state=state, role=role, **{"display": {"message": "text"}, **more})


def marks(status: str, *steps: Step) -> list[str]:
    return [node.mark for node in flow_nodes(Execution(status=status, resolved_spec=SPEC), steps)]


@pytest.mark.parametrize(
    ("status", "steps", "marked"),
    [
        (Status.QUEUED, [], ["", "", ""]),
        (Status.RUNNING, [], ["speaking", "", ""]),
        (Status.RUNNING, [step("r1/Writer/llm0")], ["spoken", "speaking", ""]),
        (Status.RUNNING, [step("r1/Writer/llm0", display={"tool_calls": [CALL]})], ["speaking", "", ""]),
        (Status.RUNNING, [step("r1/Writer#2/llm0")], ["speaking", "", "spoken"]),
        (Status.SUCCEEDED, [step("r1/Writer/llm0"), step("r1/Critic/llm0")], ["spoken", "spoken", ""]),
        (Status.FAILED, [step("r1/Critic/llm0", state=StepState.FAILED)], ["", "failed", ""]),
        (Status.RETRY_WAIT, [step("r1/Critic/llm0", state=StepState.FAILED)], ["", "failed", ""]),
        (Status.BUDGET_EXCEEDED, [step("r1/Critic/llm0")], ["", "spoken", "waiting"]),
        (Status.WAITING, [step("r1/Critic/llm0/tool0:X", StepKind.TOOL, StepState.UNKNOWN)], ["", "waiting", ""]),
    ],
)
def test_the_place_where_a_run_stands_is_marked(status: str, steps: list[Step], marked: list[str]) -> None:
    assert marks(status, *steps) == marked


def test_a_spec_without_a_flow_has_no_picture() -> None:
    assert flow_nodes(Execution(status=Status.RUNNING, resolved_spec={}), []) == []


def test_a_node_says_model_and_tools() -> None:
    writer, critic, _again = flow_nodes(Execution(status=Status.QUEUED, resolved_spec=SPEC), [])
    assert (writer.name, writer.model, writer.tools) == ("Wanda", "openai / gpt", ("Post_Note", "Old_Name"))
    assert critic.name == ""


@pytest.mark.parametrize(
    ("made", "reads"),
    [
        (step("r1/W/llm0"), ("said", "said", "", "text", "")),
        (step("r1/W/llm0", display={"message": "", "tool_calls": [CALL]}), ("said", "asked for", "Post_Note", "", "")),
        (
            step("r1/W/llm0", state=StepState.FAILED, error={"code": "timeout", "message": "too slow"}),
            ("failed", "did not answer", "", "too slow (timeout)", "failed"),
        ),
        (
            step("r1/W/llm0/tool0:X/approval", StepKind.APPROVAL, display={
                "tool": "X", "decision": "rejected", "decided_by": "user:bob", "note": "no",
            }),
            ("note", "wanted to call", "X", "Rejected by user:bob: no", "rejected"),
        ),
        (
            step("r1/W/llm0/tool0:X", StepKind.TOOL, StepState.STARTED, display={"tool": "X"}),
            ("begun", "called", "X", "", "under way"),
        ),
        (step("start/note0", StepKind.NOTE, display={"note": "without tools"}), ("note", "", "", "without tools", "")),
    ],
)  # fmt: skip
def test_a_step_reads_as_a_sentence(made: Step, reads: tuple[str, ...]) -> None:
    entry = entry_of(made)
    assert (entry.look, entry.verb, entry.what, entry.text, entry.badge) == reads


def test_times_and_money_are_short() -> None:
    lengths = (-20, 143, 5003, 130_000, 11_100_000, 184_000_000)
    told = ["0 ms", "143 ms", "5.0 s", "2 min 10 s", "3 h 5 min", "2 d 3 h"]
    assert [duration(ms) for ms in lengths] == told
    amounts = (None, Decimal(0), Decimal("0.0103"), Decimal("0.00000420"), Decimal("0.25"), Decimal("1234.5"))
    assert [usd(amount) for amount in amounts] == ["unknown", "$0", "$0.0103", "$0.0000042", "$0.2500", "$1,234.50"]
