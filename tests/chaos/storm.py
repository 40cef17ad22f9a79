"""Runs come in at a steady pace while faults strike, in an order that the seed decides."""

import argparse
import itertools
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import Error, connection

from agents.services import tool_set
from executions.services import execution_start
from teams.access import Actor
from teams.models import Role
from tests import factories
from tests.chaos.crew import Crew
from tests.chaos.plan import CALLER, ROLES, TOOL
from tests.chaos.receiver import Receiver
from tests.chaos.services import Services


class Submissions(threading.Thread):
    """A client that starts runs evenly over a time, and asks again under the same key when it got no answer.

    It goes on past its count until `enough` is set: on a fast machine all runs would have ended before the last faults
    strike, and these would hit nobody.
    """

    def __init__(self, count: int, seconds: float, plain: Receiver, keyed: Receiver) -> None:
        super().__init__(name="submissions", daemon=True)
        self.count, self.pause = count, seconds / max(1, count)
        self.enough = threading.Event()
        self.accepted: dict[str, Any] = {}
        tenants = [factories.TenantFactory.create(slug=f"chaos-{number}") for number in range(3)]
        owners = [factories.person(f"owner-{tenant.slug}", tenant, Role.ADMIN) for tenant in tenants]
        self.teams = [(owner.actor, self._team(owner, plain, keyed)) for owner in owners]

    @property
    def actors(self) -> dict[UUID, Actor]:
        """Who owns the runs of each tenant."""
        return {actor.tenant_id: actor for actor, _team in self.teams}

    @staticmethod
    def _team(owner: factories.Person, plain: Receiver, keyed: Receiver) -> UUID:
        hosts = {"allowed_hosts": [plain.host, keyed.host], "idempotent_hosts": [keyed.host]}
        tool_set(actor=owner.actor, name=TOOL, approval="never", settings=hosts)
        calls = {"LLM_model": {"model": "caller"}, "agent_tools": [TOOL]}
        agents = [{"agent_role": role, **(calls if role == CALLER else {})} for role in ROLES]
        team_id: UUID = factories.team(owner, agents=agents).id
        return team_id

    def run(self) -> None:
        """Start them all, and as many more as it takes."""
        for number in itertools.count():
            if number >= self.count and self.enough.is_set():
                return
            began = time.monotonic()
            marker = f"chaos-{number:05}"
            actor, team = self.teams[number % len(self.teams)]
            while marker not in self.accepted:
                try:
                    started = execution_start(actor=actor, team_id=team, input=marker, idempotency_key=marker)
                    self.accepted[marker] = started.execution.id
                except Error:
                    time.sleep(0.2)  # PostgreSQL is away; the API answers 503 and clients come again
                finally:
                    connection.close()
            time.sleep(max(0.0, self.pause - (time.monotonic() - began)))


def strike(crew: Crew, services: Services, given: argparse.Namespace) -> dict[str, int]:
    """Let the faults happen, `given.every` seconds apart; returns how many of each did."""
    away = given.lease + 2
    faults: dict[str, tuple[int, Callable[[], object]]] = {
        "kills (kill -9)": (given.kills, crew.kill),
        "stops (SIGSTOP past the lease)": (given.stops, lambda: crew.pause(away)),
        "flushes of Redis": (given.flushes, services.flush_redis),
        "restarts of Redis": (given.redis, services.restart_redis),
        "restarts of PostgreSQL": (given.postgres, services.restart_postgres),
        "PostgreSQL away longer than a lease": (given.away, lambda: services.restart_postgres(away)),
    }
    order = [name for name, (count, _) in faults.items() for _ in range(count)]
    random.Random(given.seed).shuffle(order)
    done = dict.fromkeys(faults, 0)
    for name in order:
        time.sleep(given.every)
        done[name] += _once_somebody_works(faults[name][1], given.every)
        sys.stderr.write(f"  {name}\n")
    return done


def _once_somebody_works(fault: Callable[[], object], patience: float) -> bool:
    """A fault that finds no busy worker (False) waits for one."""
    deadline = time.monotonic() + patience + 10
    while fault() is False:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def settle(services: Services, crew: Crew, submissions: Submissions, patience: float) -> None:
    """Wait until all runs have ended, people helping, or nothing has happened for so long."""
    submissions.join()
    state: object = None
    still_since = time.monotonic()
    while time.monotonic() - still_since < patience:
        found = services.rows(
            "SELECT count(*) FILTER (WHERE status NOT IN ('succeeded', 'failed', 'cancelled')), sum(event_seq)"
            " FROM executions_execution"
        )
        if found[0][0] == 0 and not crew.open_recoveries():
            return
        if found != state:
            state, still_since = found, time.monotonic()
        time.sleep(0.2)
