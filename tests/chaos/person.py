"""The people of a storm: they say what became of calls nobody knows of, and let quarantined runs go on."""

import threading
import time
from typing import Any
from uuid import UUID

import psycopg
from django.db import Error, connection

from executions.approvals import execution_release, step_resolve
from teams.access import Actor
from teams.errors import Conflict
from tests.chaos.receiver import Receiver
from tests.chaos.services import Services

UNKNOWN = """SELECT e.tenant_id, e.id, s.key
    FROM executions_step s JOIN executions_execution e ON e.id = s.execution_id
    WHERE s.state = 'unknown' AND e.status = 'waiting' AND s.updated_at < clock_timestamp() - interval '2 seconds'"""

QUARANTINED = "SELECT tenant_id, id FROM executions_execution WHERE status = 'quarantined'"


class Person(threading.Thread):
    """Looks each second. Whether a call happened is read from the other side of the step, as a person would."""

    def __init__(self, services: Services, actors: dict[UUID, Actor], sides: dict[str, Receiver]) -> None:
        super().__init__(name="person", daemon=True)
        self.services, self.actors, self.sides = services, actors, sides
        self.said = {"happened": 0, "did_not": 0}
        self.released = 0
        self._over = threading.Event()

    def run(self) -> None:
        """Answer until told to stop."""
        while not self._over.wait(1.0):
            try:
                self._answer()
            except (Error, psycopg.OperationalError):
                time.sleep(0.2)  # PostgreSQL is away: part of the storm
            finally:
                connection.close()

    def stop(self) -> None:
        """No more questions come."""
        self._over.set()
        self.join(20)

    def _answer(self) -> None:
        for tenant, run, key in self.services.rows(UNKNOWN):
            outcome = "happened" if self.sides[key].came(run, key) else "did_not"
            if self._done(step_resolve, actor=self.actors[tenant], execution_id=run, key=key, outcome=outcome):
                self.said[outcome] += 1
        for tenant, run in self.services.rows(QUARANTINED):
            self.released += self._done(execution_release, actor=self.actors[tenant], execution_id=run)

    @staticmethod
    def _done(act: Any, **what: Any) -> bool:
        try:
            act(**what)
        except Conflict:
            return False  # it has gone on meanwhile
        return True
