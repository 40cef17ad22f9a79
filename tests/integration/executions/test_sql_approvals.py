"""What a run asks people: asked when it parks, under its fence; nobody's answer is an answer after a while."""

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.executions import engine_sql as sql

pytestmark = pytest.mark.django_db(transaction=True)

TOOL = "r1/Writer/llm0/tool0:Call_Web_API"


@pytest.fixture
def db() -> Iterator[sql.Connection]:
    with sql.system() as connection:
        yield connection


@pytest.fixture
def worker() -> Iterator[sql.Connection]:
    with sql.login() as connection:
        yield connection


def ask(key: str = TOOL, seconds: float = 60) -> dict[str, Any]:
    args = {"url": "https://example.com"}
    hashed = hashlib.sha256(key.encode()).hexdigest()
    return {
        "key": f"{key}/approval", "kind": "approval", "state": "started", "role": "Writer", "round": 1, "turn": 1,
        "request_hash": hashed, "display": {"tool": "Call_Web_API", "arguments": args},
        "approval": {
            "id": str(uuid4()), "step_key": key, "tool": "Call_Web_API", "args": args, "args_hash": hashed,
            "seconds": seconds,
        },
    }  # fmt: skip


def approvals(db: sql.Connection, run: Any) -> list[sql.Row]:
    return db.execute("SELECT * FROM executions_approval WHERE execution_id = %s ORDER BY step_key", [run]).fetchall()


def test_asking_parks_the_run_and_frees_its_slot(db, worker, alice):
    (run,) = sql.queue(db, alice)
    db.execute("UPDATE executions_execution SET deadline_at = clock_timestamp() + interval '1 hour'")
    held = sql.claim(worker)
    assert sql.finish(worker, held, "waiting", asks=[ask()]) == 3
    row = sql.run_row(db, run)
    assert (row.status, row.owner, row.deadline_at, row.step_seq, row.event_seq) == ("waiting", "", None, 1, 3)
    assert sql.running(db, alice) == 0
    (asked,) = approvals(db, run)
    assert (asked.step_key, asked.decision, asked.tool, asked.role) == (TOOL, "", "Call_Web_API", "Writer")
    (step,) = sql.step_rows(db, run)
    assert (step.key, step.kind, step.state) == (f"{TOOL}/approval", "approval", "started")


def test_a_run_that_is_no_longer_ours_asks_nothing(db, worker, alice):
    (run,) = sql.queue(db, alice)
    held = sql.claim(worker)
    sql.expire(db, run)
    sql.reap(worker)
    assert sql.finish(worker, held, "waiting", asks=[ask()]) is None
    assert approvals(db, run) == sql.step_rows(db, run) == []


def test_a_run_that_waits_is_not_claimed(db, worker, alice):
    sql.queue(db, alice)
    sql.finish(worker, sql.claim(worker), "waiting", asks=[ask()])
    sql.reap(worker)
    assert sql.claim(worker) is None


def test_what_nobody_decided_in_time_is_expired_and_the_run_goes_on(db, worker, alice):
    (run,) = sql.queue(db, alice)
    sql.finish(worker, sql.claim(worker), "waiting", asks=[ask(seconds=-1)])
    assert sql.reap(worker).undecided == 1
    (asked,) = approvals(db, run)
    assert (asked.decision, asked.decided_by) == ("expired", "system:reaper")
    row = sql.run_row(db, run)
    assert row.status == "queued"
    assert row.deadline_at is not None
    assert row.event_seq == row.status_seq == 5
    held = sql.claim(worker)
    assert held.journal[f"{TOOL}/approval"]["result"]["decision"] == "expired"


def test_it_goes_on_only_when_nothing_is_open_any_more(db, worker, alice):
    (run,) = sql.queue(db, alice)
    sql.finish(worker, sql.claim(worker), "waiting", asks=[ask("a", seconds=-1), ask("b")])
    assert sql.reap(worker).undecided == 1
    assert sql.run_row(db, run).status == "waiting"
    db.execute("UPDATE executions_approval SET expires_at = clock_timestamp() - interval '1 s' WHERE decision = ''")
    assert sql.reap(worker).undecided == 1
    assert sql.run_row(db, run).status == "queued"


def test_an_unknown_effect_keeps_it_waiting(db, worker, alice):
    (run,) = sql.queue(db, alice)
    held = sql.claim(worker)
    sql.record(worker, held, "x/tool0:Call_Web_API", kind="tool", state="unknown", effects="external")
    sql.finish(worker, held, "waiting", asks=[ask(seconds=-1)])
    assert sql.reap(worker).undecided == 1
    assert sql.run_row(db, run).status == "waiting"


def test_the_same_question_again_is_the_same_approval(db, worker, alice):
    (run,) = sql.queue(db, alice)
    sql.finish(worker, sql.claim(worker), "waiting", asks=[ask()])
    db.execute("UPDATE executions_approval SET decision = 'expired', decided_by = 'x', decided_at = now()")
    db.execute("UPDATE executions_execution SET status = 'queued'")
    sql.finish(worker, sql.claim(worker), "waiting", asks=[ask()])
    (asked,) = approvals(db, run)
    assert (asked.decision, asked.decided_by, asked.decided_at) == ("", "", None)
    assert [step.state for step in sql.step_rows(db, run)] == ["started"]


def test_the_claim_tells_the_team(db, worker, alice):
    (run,) = sql.queue(db, alice)
    assert sql.claim(worker).team_id == sql.run_row(db, run).team_id


def test_people_are_told_of_a_question_that_is_asked_again(db, worker, alice):
    (run,) = sql.queue(db, alice)
    sql.finish(worker, sql.claim(worker), "waiting", asks=[ask()])
    db.execute("UPDATE executions_approval SET notify_at = NULL, decision = 'approved'")
    db.execute("UPDATE executions_execution SET status = 'queued'")
    sql.finish(worker, sql.claim(worker), "waiting", asks=[ask()])
    (asked,) = approvals(db, run)
    assert (asked.decision, asked.notify_at is not None) == ("", True)
    told = db.execute("SELECT approval_id FROM claim_notices_v1(5, interval '5 min')").fetchall()
    assert [row.approval_id for row in told] == [asked.id]
