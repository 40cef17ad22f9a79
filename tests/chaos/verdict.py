"""What a storm left behind, held against what is promised."""

import statistics
import sys
from dataclasses import dataclass
from typing import Any

from tests.chaos.crew import Crew
from tests.chaos.model import WatchedModel
from tests.chaos.services import Services

IN_HAND_SECONDS = 5.0
"""A worker paused between its last look at the lease and the call makes that call when it goes on: no one can know. It
has many threads, and on a busy machine some seconds pass until all of them have gone on."""

GAPS = """SELECT count(*) FROM executions_execution e WHERE e.step_seq <> (
    SELECT count(*) FROM executions_step s WHERE s.execution_id = e.id AND s.seq BETWEEN 1 AND e.step_seq)"""

OLD_FENCE = """SELECT count(*) FROM (
    SELECT s.fence < lag(s.fence) OVER (PARTITION BY s.execution_id ORDER BY s.event_seq) AS older,
           s.fence > e.fence AS newer
    FROM executions_step s JOIN executions_execution e ON e.id = s.execution_id) f WHERE f.older OR f.newer"""

TOTALS = """SELECT count(*) FROM executions_execution e WHERE (e.tokens_in, e.tokens_out) <> (
    SELECT coalesce(sum(s.tokens_in), 0), coalesce(sum(s.tokens_out), 0) FROM executions_step s
    WHERE s.execution_id = e.id)"""

TWICE = """SELECT count(*) FROM (SELECT 1 FROM executions_step s JOIN executions_execution e ON e.id = s.execution_id
    WHERE s.state = 'done' GROUP BY s.execution_id, s.key HAVING count(*) > 1) f"""

RECORDED = """SELECT e.input #>> '{}', s.role, extract(epoch FROM s.updated_at)::float8
    FROM executions_step s JOIN executions_execution e ON e.id = s.execution_id
    WHERE s.kind = 'llm' AND s.state = 'done'"""


@dataclass(frozen=True)
class Line:
    """One line of the verdict; `broken`: a promise was not kept."""

    name: str
    value: object
    broken: bool = False


def judge(services: Services, model: WatchedModel, crew: Crew, accepted: dict[str, Any]) -> list[Line]:
    """Read the rows and say what they mean."""
    ends = dict(services.rows("SELECT status, count(*)::int FROM executions_execution GROUP BY status"))
    rows = services.rows("SELECT id FROM executions_execution")
    gone = set(accepted.values()) - {run for (run,) in rows}
    succeeded, quarantined = ends.pop("succeeded", 0), ends.pop("quarantined", 0)
    slots = services.rows("SELECT coalesce(sum(running), 0)::int FROM executions_tenantslots")[0][0]
    return [
        Line("runs accepted", len(accepted)),
        Line("runs succeeded", succeeded),
        Line("quarantined (3 workers lost under them; shown, not lost)", quarantined),
        Line("runs lost", len(gone) + sum(ends.values()), bool(gone or ends)),
        Line("how they ended otherwise", ends or "-", bool(ends)),
        Line("runs made twice for one key", len(rows) - len(accepted), len(rows) != len(accepted)),
        *_answers(services, model, crew),
        _zero("seq gaps", services, GAPS),
        _zero("writes under an old fence", services, OLD_FENCE),
        _zero("runs whose totals are not the sum of their steps", services, TOTALS),
        Line("slots not given back", slots, slots != 0),
        *_recovery(crew),
    ]


def _answers(services: Services, model: WatchedModel, crew: Crew) -> list[Line]:
    recorded = {(run, role): at for run, role, at in services.rows(RECORDED)}
    calls = sum(len(moments) for moments in model.asked.values())
    late = [at for step, moments in model.asked.items() for at in moments if at > recorded.get(step, at)]
    in_hand = [at for at in late if any(0 <= at - resumed < IN_HAND_SECONDS for resumed in crew.resumed_at)]
    for step, moments in model.asked.items():
        for at in moments:
            if at > recorded.get(step, at):
                since = [f"{at - resumed:.2f}" for resumed in crew.resumed_at]
                sys.stderr.write(
                    f"  late: {step}, {at - recorded[step]:.2f} s after its record; since resumes: {since}\n"
                )
    return [
        Line("model answers recorded", len(recorded)),
        Line("model answers recorded twice", (twice := services.rows(TWICE)[0][0]), twice != 0),
        Line("calls cut off by a fault and made again", calls - len(recorded) - len(late)),
        Line("calls for an answer already recorded", len(late) - len(in_hand), len(late) > len(in_hand)),
        Line("of calls in hand when their worker was paused", len(in_hand)),
    ]


def _recovery(crew: Crew) -> list[Line]:
    if not crew.recoveries:
        return [Line("recovery after kill -9", "no run was hit")]
    middle, longest = statistics.median(crew.recoveries), max(crew.recoveries)
    lease = crew.env["LEASE_SECONDS"]
    return [
        Line("runs hit by kill -9 and claimed again", len(crew.recoveries)),
        Line(f"recovery, median s (lease {lease})", f"{middle:.1f}"),
        Line("recovery, longest s", f"{longest:.1f}"),
    ]


def _zero(name: str, services: Services, question: str) -> Line:
    found = services.rows(question)[0][0]
    return Line(name, found, found != 0)
