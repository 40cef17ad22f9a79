"""Waiting a little for a run to end, for callers who want the answer in the same request."""

import time
from uuid import UUID

from executions.engine import give_back
from executions.follow import AT_REST
from executions.models import Execution
from executions.services import execution_get
from teams.access import Actor

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.25


def wait_for(actor: Actor, execution_id: UUID, seconds: float) -> Execution:
    """Return the run as soon as it is at rest, or as it stands when `seconds` are over. Raises `NotFound`.

    Asks the rows again and again, at growing distances: nothing else is sure to come, and no connection is held
    between two looks, so a hundred who wait do not keep the pool from those who work.
    """
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            execution = execution_get(actor=actor, execution_id=execution_id)
        finally:
            give_back()
        left = deadline - time.monotonic()
        if execution.status in AT_REST or left <= 0:
            return execution
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
