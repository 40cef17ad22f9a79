"""What a storm left behind, held against what is promised."""

import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.chaos.crew import Crew, Pause
from tests.chaos.model import Asked, WatchedModel
from tests.chaos.plan import KEYED, ONCE
from tests.chaos.receiver import Receiver
from tests.chaos.services import Services

if TYPE_CHECKING:
    from tests.chaos.person import Person

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

RECORDED = """SELECT e.input #>> '{}', s.role || CASE WHEN right(s.key, 5) = '/llm1' THEN '/llm1' ELSE '' END,
           extract(epoch FROM s.updated_at)::float8, e.id, s.fence
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
    succeeded = ends.pop("succeeded", 0)
    slots = services.rows("SELECT coalesce(sum(running), 0)::int FROM executions_tenantslots")[0][0]
    return [
        Line("runs accepted", len(accepted)),
        Line("runs succeeded", succeeded),
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


@dataclass(frozen=True)
class Recorded:
    """When a model's answer was recorded, of which run, under which fence."""

    at: float
    run: UUID
    fence: int


def _answers(services: Services, model: WatchedModel, crew: Crew) -> list[Line]:
    recorded = {(name, role): Recorded(*rest) for name, role, *rest in services.rows(RECORDED)}
    calls = sum(len(moments) for moments in model.asked.values())
    late = [
        (step, at, answer) for step, answer in recorded.items() for at in model.asked.get(step, []) if at > answer.at
    ]
    for each in late:
        _tell(*each, crew.pauses)
    in_hand = [at for _step, at, answer in late if _was_in_hand(at, answer, crew.pauses)]
    return [
        Line("model answers recorded", len(recorded)),
        Line("model answers recorded twice", (twice := services.rows(TWICE)[0][0]), twice != 0),
        Line("calls cut off by a fault and made again", calls - len(recorded) - len(late)),
        Line("calls for an answer already recorded", len(late) - len(in_hand), len(late) > len(in_hand)),
        Line("of calls in hand when their worker was paused", len(in_hand)),
    ]


def _was_in_hand(at: float, answer: Recorded, pauses: list[Pause]) -> bool:
    """Whether it is the call of a worker that stood still while another one took its run and recorded the answer."""
    return any(
        pause.held.get(answer.run, answer.fence) < answer.fence
        and pause.began < answer.at
        and 0 <= at - pause.ended < IN_HAND_SECONDS
        for pause in pauses
    )


def _tell(step: Asked, at: float, answer: Recorded, pauses: list[Pause]) -> None:
    """What there is to know of a late call."""
    told = [f"  {' '.join(step)}: asked {at:.3f}, recorded {answer.at:.3f} under fence {answer.fence}"]
    for each in pauses:
        fence = each.held.get(answer.run)
        told.append(f"    worker {each.pid} stood still {each.began:.3f} to {each.ended:.3f}, held it: fence {fence}")
    sys.stderr.write("\n".join(told) + "\n")


def effects(services: Services, people: "Person", once: dict[str, Receiver]) -> list[Line]:
    """What the runs did on the other sides, and what took people."""
    runs = [run for (run,) in services.rows("SELECT id FROM executions_execution")]
    plain, keyed = once[ONCE], once[KEYED]
    times = Counter(sum(plain.came(run, ONCE)) for run in runs)
    keys = Counter(len(keyed.came(run, KEYED)) for run in runs)
    strangers = (
        len(plain.effects)
        + len(keyed.effects)
        - sum(len(side.came(run, step)) for step, side in once.items() for run in runs)
    )
    repeated = keyed.effects.total() - len(keyed.effects)
    return [
        Line("effects without a key that happened once", times[1], times[1] != len(runs)),
        Line("that happened twice", (twice := sum(times[n] for n in times if n > 1)), twice != 0),
        Line("keyed effects that happened once (one key)", keys[1], keys[1] != len(runs)),
        Line("of their calls repeated under the same key", repeated),
        Line("effects of no run", strangers, strangers != 0),
        Line("unknown effects, a person found that it happened", people.said["happened"]),
        Line("unknown effects, a person found that it did not", people.said["did_not"]),
        Line("quarantined (3 workers lost), released by a person", people.released),
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
