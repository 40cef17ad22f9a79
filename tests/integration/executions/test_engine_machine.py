"""Any order of claims, records, ends, lost leases, cancels, retries, questions to people, their answers and releases:
PostgreSQL and a model in memory agree.

Hypothesis chooses the order; what a worker was handed is kept for ever, so that old owners come back with old fences.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from executions.approvals import approval_decide, execution_release, step_resolve
from executions.models import FINAL, OPEN
from executions.services import execution_cancel, execution_retry
from executions.tool_steps import approval_id, approval_key
from teams.errors import Conflict
from tests import factories
from tests.integration.executions import engine_sql as sql

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 2
LOST_LIMIT = 3
ENDS = ("succeeded", "failed", "cancelled", "queued", "retry_wait", "waiting")
KEYS = ("r1/A/llm0", "r1/B/llm0", "r2/A/llm0")
ASKED = ("r1/A/llm0/tool0:Call_Web_API", "r1/A/llm0/tool1:Call_Web_API")
TOOL = "r1/B/llm0/tool0:Call_Web_API"


@dataclass
class Run:
    """What the model knows of one run."""

    tenant: int
    order: int
    status: str = "queued"
    priority: int = 0
    fence: int = 0
    attempt: int = 1
    recoveries: int = 0
    answered: int = 0  # fence under which a model's answer was recorded last
    owner: str = ""
    cancel: bool = False
    steps: dict[str, int] = field(default_factory=dict)  # key -> fence it was written under; the order is the place

    asked: dict[str, str] = field(default_factory=dict)  # call a person must approve -> what was decided, "": open
    tool: str = ""  # state of the step TOOL

    @property
    def waits_for_people(self) -> bool:
        return "" in self.asked.values() or self.tool == "unknown"

    @property
    def journal(self) -> set[str]:
        """What a claim brings back: all but the questions that have no answer."""
        silent = {approval_key(key) for key, told in self.asked.items() if told in ("", "withdrawn")}
        return set(self.steps) - silent

    def go_on(self) -> None:
        if self.status == "waiting" and not self.waits_for_people:
            self.status = "queued"

    def leave(self, status: str) -> None:
        self.status, self.owner = status, ""

    def park(self, status: str) -> None:
        """A cancel that was asked for meanwhile holds, unless the run has ended anyway."""
        self.leave("cancelled" if self.cancel and status not in FINAL else status)


class Engine(RuleBasedStateMachine):
    """Two tenants, each with few slots; `people` and `db` are set by the test."""

    people: list[factories.Person]
    teams: list[Any]
    db: sql.Connection

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[UUID, Run] = {}
        self.handed: list[tuple[Any, str]] = []  # what was ever claimed, and by whom
        self.virtual = [0, 0]
        self.db.execute("UPDATE executions_execution SET status = 'succeeded', owner = '', lease_until = NULL")
        self.db.execute("UPDATE executions_tenantslots SET running = 0, virtual_time = 0")

    @initialize()
    def begin_with_runs_in_hand(self) -> None:
        for tenant in (0, 1):
            self.queue(tenant, 0)
        for worker in ("w1", "w2"):
            self.claim(worker)

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(tenant=st.integers(0, 1), priority=st.sampled_from([0, 0, 10]))
    def queue(self, tenant: int, priority: int) -> None:
        run, order = uuid4(), len(self.runs)
        who = self.people[tenant]
        sql.insert_run(self.db, who.tenant.id, self.teams[tenant].id, run, order, priority=priority)
        self.runs[run] = Run(tenant, order, priority=priority)

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def claim(self, worker: str) -> None:
        expected = self._fairest()
        held = sql.claim(self.db, worker)
        assert (held and held.execution_id) == expected
        if held is None:
            return
        run = self.runs[held.execution_id]
        busy = [self.virtual[other] for other in (0, 1) if other != run.tenant and self._running(other)]
        self.virtual[run.tenant] = max(self.virtual[run.tenant], min(busy, default=0)) + 1
        run.status, run.owner, run.fence = "running", worker, run.fence + 1
        assert (held.fence, held.attempt) == (run.fence, run.attempt)
        assert set(held.journal) == run.journal, "what is recorded is what is replayed"
        self.handed.append((held, worker))

    @precondition(lambda self: self.handed)
    @rule(pick=st.integers(0, 1000), key=st.sampled_from(KEYS))
    def record(self, pick: int, key: str) -> None:
        held, run = self._held(pick)
        if key in run.steps and run.steps[key] != held.fence:
            return  # the journal gives it back; nobody writes it anew
        answer = sql.record(self.db, held, key)
        if not self._owns(held, run):
            assert answer is None, "an old owner wrote"
            return
        run.steps.setdefault(key, held.fence)
        run.answered = held.fence
        assert answer.seq == list(run.steps).index(key) + 1
        assert answer.cancel_requested == run.cancel

    @precondition(lambda self: self.handed)
    @rule(pick=st.integers(0, 1000), status=st.sampled_from(ENDS))
    def finish(self, pick: int, status: str) -> None:
        held, run = self._held(pick)
        news = sql.finish(self.db, held, status, **({"retry_seconds": 60} if status == "retry_wait" else {}))
        assert (news is not None) == self._owns(held, run)
        if news is not None:
            run.park(status)

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def heartbeat(self, worker: str) -> None:
        found = sql.beat(self.db, worker)
        renewed = {(row.execution_id, row.fence, row.cancel_requested, row.renewed) for row in found}
        assert renewed == {(key, run.fence, run.cancel, True) for key, run in self.runs.items() if run.owner == worker}

    @precondition(lambda self: any(run.owner for run in self.runs.values()))
    @rule(pick=st.integers(0, 1000))
    def lose_the_lease(self, pick: int) -> None:
        key, run = self._pick(pick, lambda run: bool(run.owner))
        sql.expire(self.db, key)
        sql.reap(self.db, lost_limit=LOST_LIMIT)
        run.recoveries += 1
        if run.cancel:
            run.leave("cancelled")
            return
        run.priority = max(run.priority, 100)
        gets_on = run.answered and run.fence - run.answered + 1 < LOST_LIMIT
        run.leave("quarantined" if run.recoveries >= LOST_LIMIT and not gets_on else "queued")

    @precondition(lambda self: any(run.status == "retry_wait" for run in self.runs.values()))
    @rule(pick=st.integers(0, 1000))
    def become_due(self, pick: int) -> None:
        key, run = self._pick(pick, lambda run: run.status == "retry_wait")
        self.db.execute("UPDATE executions_execution SET not_before = clock_timestamp() WHERE id = %s", [key])
        sql.reap(self.db, lost_limit=LOST_LIMIT)
        run.status, run.priority = "queued", max(run.priority, 50)

    @precondition(lambda self: self.runs)
    @rule(pick=st.integers(0, 1000))
    def cancel(self, pick: int) -> None:
        key, run = self._pick(pick, lambda _run: True)
        allowed = run.status in OPEN
        assert self._done(execution_cancel, key, run) == allowed
        if allowed:
            run.cancel = True
            if run.status != "running":
                run.leave("cancelled")
                run.asked = {which: told or "withdrawn" for which, told in run.asked.items()}

    @precondition(lambda self: self.runs)
    @rule(pick=st.integers(0, 1000))
    def retry(self, pick: int) -> None:
        key, run = self._pick(pick, lambda _run: True)
        allowed = run.status in ("failed", "cancelled") and run.tool != "unknown"
        assert self._done(execution_retry, key, run) == allowed
        if allowed:
            run.status, run.attempt, run.recoveries, run.cancel = "queued", run.attempt + 1, 0, False

    # --- people -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.handed)
    @rule(pick=st.integers(0, 1000), keys=st.sampled_from([ASKED, ASKED[:1], ASKED[1:]]))
    def ask(self, pick: int, keys: tuple[str, ...]) -> None:
        held, run = self._held(pick)
        news = sql.finish(self.db, held, "waiting", asks=[_question(held.execution_id, key) for key in keys])
        assert (news is not None) == self._owns(held, run), "an old owner asked"
        if news is None:
            return
        for key in () if run.cancel else keys:
            run.asked[key] = ""
            run.steps[approval_key(key)] = held.fence
        run.park("waiting")

    @precondition(lambda self: any(run.asked for run in self.runs.values()))
    @rule(pick=st.integers(0, 1000), number=st.integers(0, 1), approve=st.booleans())
    def decide(self, pick: int, number: int, approve: bool) -> None:
        waits = any(run.status == "waiting" and run.asked for run in self.runs.values()) and pick % 3
        key, run = self._pick(pick, lambda run: bool(run.asked) and (run.status == "waiting" or not waits))
        which = list(run.asked)[number % len(run.asked)]
        allowed = run.status == "waiting" and run.asked[which] == ""
        what = {"approval_id": approval_id(key, which), "approve": approve}
        assert self._acted(approval_decide, run, **what) == allowed
        if allowed:
            run.asked[which] = "approved" if approve else "rejected"
            run.go_on()

    @precondition(lambda self: any("" in run.asked.values() for run in self.runs.values()))
    @rule(pick=st.integers(0, 1000))
    def nobody_decides_in_time(self, pick: int) -> None:
        key, run = self._pick(pick, lambda run: "" in run.asked.values())
        which = next(which for which, told in run.asked.items() if told == "")
        past = "UPDATE executions_approval SET expires_at = clock_timestamp() - interval '1 s' WHERE id = %s"
        self.db.execute(past, [approval_id(key, which)])
        late = {"approval_id": approval_id(key, which), "approve": True}
        assert not self._acted(approval_decide, run, **late), "decided after its time"
        assert sql.reap(self.db, lost_limit=LOST_LIMIT).undecided == 1
        run.asked[which] = "expired"
        run.go_on()
        if run.status == "queued":
            run.priority = max(run.priority, 50)

    @precondition(lambda self: self.handed)
    @rule(pick=st.integers(0, 1000))
    def lose_sight_of_a_call(self, pick: int) -> None:
        held, run = self._held(pick)
        if run.tool == "done":
            return
        what = {"kind": "tool", "state": "unknown", "effects": "external", "result": None}
        written = sql.record(self.db, held, TOOL, **what)
        assert (written is not None) == self._owns(held, run)
        if written is not None:
            run.steps.setdefault(TOOL, held.fence)
            run.tool = "unknown"
            sql.finish(self.db, held, "waiting")
            run.park("waiting")

    @precondition(lambda self: any(run.tool for run in self.runs.values()))
    @rule(pick=st.integers(0, 1000), outcome=st.sampled_from(["happened", "did_not", "fail"]))
    def resolve(self, pick: int, outcome: str) -> None:
        key, run = self._pick(pick, lambda run: bool(run.tool))
        allowed = run.tool == "unknown" and (outcome != "fail" or run.status in OPEN)
        assert self._acted(step_resolve, run, execution_id=key, key=TOOL, outcome=outcome) == allowed
        if not allowed:
            return
        if outcome == "fail":
            run.leave("failed")
            run.asked = {which: told or "withdrawn" for which, told in run.asked.items()}
        else:
            run.tool = "done" if outcome == "happened" else "started"
            run.go_on()

    @precondition(lambda self: self.runs)
    @rule(pick=st.integers(0, 1000))
    def release(self, pick: int) -> None:
        key, run = self._pick(pick, lambda run: run.status == "quarantined" or not self._some("quarantined"))
        allowed = run.status == "quarantined"
        assert self._done(execution_release, key, run) == allowed
        if allowed:
            run.status, run.recoveries = "queued", 0

    # --- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        rows = self.db.execute(
            "SELECT e.id, e.status, e.fence, e.attempt, e.recovery_count, e.owner, e.cancel_requested, e.step_seq,"
            " ARRAY(SELECT s.key FROM executions_step s WHERE s.execution_id = e.id ORDER BY s.seq) AS keys,"
            " ARRAY(SELECT s.seq::int FROM executions_step s WHERE s.execution_id = e.id ORDER BY s.seq) AS places"
            " FROM executions_execution e WHERE e.id = ANY(%s)",
            [list(self.runs)],
        ).fetchall()
        for row in rows:
            run = self.runs[row.id]
            found = (row.status, row.fence, row.attempt, row.recovery_count, row.owner, row.cancel_requested, row.keys)
            expected = (run.status, run.fence, run.attempt, run.recoveries, run.owner, run.cancel, list(run.steps))
            assert found == expected
            assert row.places == list(range(1, row.step_seq + 1))
        assert len(rows) == len(self.runs)

    @invariant()
    def questions_are_as_the_model_says(self) -> None:
        found = self.db.execute(
            "SELECT execution_id, step_key, decision, note FROM executions_approval WHERE execution_id = ANY(%s)",
            [list(self.runs)],
        ).fetchall()
        decided = {(row.execution_id, row.step_key): "withdrawn" if row.note else row.decision for row in found}
        assert decided == {(key, which): told for key, run in self.runs.items() for which, told in run.asked.items()}

    @invariant()
    def slots_are_counted(self) -> None:
        for tenant, who in enumerate(self.people):
            assert sql.running(self.db, who) == self._running(tenant) <= LIMIT

    # --- inside -------------------------------------------------------------------------------------------------------

    def _running(self, tenant: int) -> int:
        return sum(run.status == "running" for run in self.runs.values() if run.tenant == tenant)

    def _fairest(self) -> UUID | None:
        """The first run of the tenant with the least virtual time, of those that have one queued and a slot free."""
        queued = [(key, run) for key, run in self.runs.items() if run.status == "queued"]
        able = {run.tenant for _, run in queued if self._running(run.tenant) < LIMIT}
        if not able:
            return None
        fairest = min(able, key=lambda tenant: (self.virtual[tenant], tenant))
        theirs = [(-run.priority, run.order, key) for key, run in queued if run.tenant == fairest]
        return min(theirs)[2]

    def _held(self, pick: int) -> tuple[Any, Run]:
        """What was ever handed out; each second time something that is still in a worker's hands, if there is."""
        mine = [held for held, _ in self.handed if self._owns(held, self.runs[held.execution_id])] if pick % 2 else []
        found = mine or [held for held, _ in self.handed]
        held = found[pick // 2 % len(found)]
        return held, self.runs[held.execution_id]

    def _owns(self, held: Any, run: Run) -> bool:
        return run.status == "running" and run.fence == held.fence

    def _pick(self, pick: int, which: Any) -> tuple[UUID, Run]:
        found = [(key, run) for key, run in self.runs.items() if which(run)]
        return found[pick // 6 % len(found)]

    def _some(self, status: str) -> bool:
        return any(run.status == status for run in self.runs.values())

    def _done(self, act: Any, key: UUID, run: Run) -> bool:
        return self._acted(act, run, execution_id=key)

    def _acted(self, act: Any, run: Run, **what: Any) -> bool:
        try:
            act(actor=self.people[run.tenant].actor, **what)
        except Conflict:
            return False
        finally:
            connection.close()
        return True


def _question(run: UUID, key: str) -> dict[str, Any]:
    return {
        "key": approval_key(key), "kind": "approval", "state": "started", "request_hash": "a" * 64, "display": {},
        "approval": {
            "id": str(approval_id(run, key)), "step_key": key, "tool": "Call_Web_API", "args": {},
            "args_hash": "a" * 64, "seconds": 3600,
        },
    }  # fmt: skip


def test_any_order_of_events_leaves_what_the_model_says(alice, charlie, monkeypatch):
    monkeypatch.setattr("executions.services.tasks.ring", lambda *_: True)
    with sql.system() as db:
        for who in (alice, charlie):
            sql.set_limit(db, who, LIMIT)
        machine = type(
            "Engine",
            (Engine,),
            {"people": [alice, charlie], "teams": list(map(factories.team, (alice, charlie))), "db": db},
        )
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=20,
                stateful_step_count=40,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
