"""An agent that calls tools: what is recorded, what the model is told, and that nothing is done twice."""

import json
from dataclasses import replace

import pytest
from django.db import OperationalError, connection

from agents.tools import ToolResult
from executions import engine, runtime
from executions.conversation import conversation_log
from executions.models import Status
from executions.services import execution_retry
from executions.worker import Worker
from teams.postgresql import outage
from tests.fake_rules import Rule
from tests.integration.executions.tool_runs import Notebook, ToolRun, WorkerLost, offered

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = ("Post_Note", '{"text": "hello"}')
CHUNK = ("Chunk_Text", '{"text": "One. Two.", "size": 5, "unit": "characters"}')
KEY = "r1/Writer/llm0/tool0:Post_Note"


@pytest.fixture
def notebook():
    with offered(Notebook()) as notebook:
        yield notebook


def test_a_tool_is_called_and_the_model_answers(alice, fake_model, notebook):
    run = ToolRun(alice, fake_model, NOTE, CHUNK)
    assert run.carry().status == Status.SUCCEEDED
    assert run.row.result["final_answer"] == "done"
    assert notebook.notes == ["hello"]
    keys = ["r1/Writer/llm0", "r1/Writer/llm0/tool0:Post_Note", "r1/Writer/llm0/tool1:Chunk_Text", "r1/Writer/llm1"]
    assert sorted(run.steps) == sorted(keys)
    step = run.steps[KEY]
    assert (step.kind, step.state, step.effects, step.role, step.turn) == ("tool", "done", "external", "Writer", 1)
    assert step.request == {"tool": "Post_Note", "arguments": {"text": "hello"}}
    assert step.display["result"] == "posted hello"
    assert notebook.keys == [f"{run.id}:{KEY}:0"]


def test_a_runs_thread_keeps_no_connection_of_the_pool(alice, fake_model, notebook):
    """There are more slots than connections: the first runs that called a tool would have starved the others."""
    run = ToolRun(alice, fake_model, CHUNK)
    connection.close()
    assert runtime.run_next(Worker(slots=1))
    assert connection.connection is None
    assert run.row.status == Status.SUCCEEDED


def test_a_database_that_is_away_as_a_call_is_looked_up_ends_no_run(alice, fake_model, notebook, monkeypatch):
    real, failures = runtime.switch_of, [OperationalError("the server closed the connection")]
    monkeypatch.setattr(outage, "RECONNECT_SECONDS", 0.0)
    monkeypatch.setattr(runtime, "switch_of", lambda *asked: _raise(failures.pop()) if failures else real(*asked))
    assert ToolRun(alice, fake_model, NOTE).carry().status == Status.SUCCEEDED
    assert (failures, notebook.notes) == ([], ["hello"])


def _raise(error):
    raise error


def test_the_model_gets_schemas_and_results(alice, fake_model, notebook):
    ToolRun(alice, fake_model, NOTE).carry()
    first, second = (call.body for call in fake_model.calls)
    assert {tool["function"]["name"] for tool in first["tools"]} == {"Post_Note", "Chunk_Text"}
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "tool"]
    assert second["messages"][-1]["content"] == "posted hello"


def test_the_conversation_shows_the_turn_once_with_its_tool_calls(alice, fake_model, notebook):
    run = ToolRun(alice, fake_model, NOTE)
    run.carry()
    (entry,) = conversation_log(run.steps.values())
    assert entry["message"] == "FINAL_ANSWER: done"
    (call,) = entry["tool_calls"]
    assert (call["function"]["name"], call["ok"], call["result"]) == ("Post_Note", True, "posted hello")
    assert entry["tokens"] == run.row.tokens_in + run.row.tokens_out


def test_a_tool_the_agent_does_not_have_is_refused_and_told(alice, fake_model, notebook):
    run = ToolRun(alice, fake_model, ("Erase_All", "{}"))
    assert run.carry().status == Status.SUCCEEDED
    step = run.steps["r1/Writer/llm0/tool0:unknown"]
    assert (step.state, step.error["code"]) == ("failed", "unknown_tool")


def test_a_failure_is_told_to_the_model(alice, fake_model, notebook):
    run = ToolRun(alice, fake_model, ("Post_Note", '{"words": 1}'))
    assert run.carry().status == Status.SUCCEEDED
    assert run.steps[KEY].error["code"] == "bad_arguments"
    assert notebook.notes == []


def test_text_that_cannot_be_stored_does_not_end_the_run(alice, fake_model, notebook):
    run = ToolRun(alice, fake_model, ("Post_Note", json.dumps({"text": "a\0b"})))
    assert run.carry().status == Status.SUCCEEDED
    assert run.steps[KEY].state == "failed"


def test_what_was_done_is_not_done_again_in_a_later_attempt(alice, fake_model, notebook):
    """The model's second answer failed; its first one and the tool's are recorded."""
    run = ToolRun(alice, fake_model, NOTE)
    fake_model.rules.insert(0, Rule(model="caller", after_tools=True, fault="400", times=1))
    run.carry()
    assert run.row.status == Status.FAILED
    execution_retry(actor=alice.actor, execution_id=run.id)
    assert run.carry().status == Status.SUCCEEDED
    assert notebook.notes == ["hello"]
    assert len(fake_model.calls) == 3


def test_a_keyed_call_that_was_begun_is_made_again_with_its_key(alice, fake_model):
    with offered(Notebook(keyed=True)) as notebook:
        run = ToolRun(alice, fake_model, NOTE)
        notebook.raises = WorkerLost()
        run.lose_worker()
        assert run.steps[KEY].state == "started"
        assert run.carry().status == Status.SUCCEEDED
        assert notebook.keys == [f"{run.id}:{KEY}:0"] * 2


def test_one_that_only_reads_is_made_again(alice, fake_model):
    with offered(Notebook(effects="read")) as notebook:
        run = ToolRun(alice, fake_model, NOTE)
        notebook.raises = WorkerLost()
        run.lose_worker()
        assert run.carry().status == Status.SUCCEEDED
        assert len(notebook.notes) == 2


def test_an_effect_nobody_knows_of_waits_for_a_person_and_is_not_repeated(alice, fake_model, notebook):
    run = ToolRun(alice, fake_model, NOTE)
    notebook.raises = WorkerLost()
    run.lose_worker()
    assert run.carry().status == Status.WAITING
    assert run.steps[KEY].state == "unknown"
    assert notebook.notes == ["hello"]


def test_the_tool_may_find_out_whether_it_happened(alice, fake_model):
    notebook = Notebook()
    notebook.tool = replace(notebook.tool, probe=lambda _context, values: ToolResult(f"found {values.text}"))
    with offered(notebook):
        run = ToolRun(alice, fake_model, NOTE)
        notebook.raises = WorkerLost()
        run.lose_worker()
        assert run.carry().status == Status.SUCCEEDED
        assert run.steps[KEY].display["result"] == "found hello"
        assert notebook.notes == ["hello"]


def test_a_tool_without_anything_behind_it_is_not_offered_and_a_note_says_so(alice, fake_model, notebook):
    run = ToolRun(alice, fake_model, agent_tools=["Search_Graph_DB"])
    run.carry()
    assert "tools" not in fake_model.calls[0].body
    assert "Search_Graph_DB" in run.steps["start/note0"].display["note"]


def test_a_run_without_tools_asks_the_database_as_often_as_before(alice, fake_model, monkeypatch):
    """claim, record for each answer, finish."""
    statements = []
    real = engine._call
    monkeypatch.setattr(
        engine, "_call", lambda statement, *args: (statements.append(statement), real(statement, *args))[1]
    )
    run = ToolRun(alice, fake_model, agent_tools=[])
    fake_model.rules.clear()
    run.carry()
    assert [statement.split("_v")[0].rpartition(" ")[2] for statement in statements] == ["claim", "record", "finish"]
