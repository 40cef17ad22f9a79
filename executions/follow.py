"""A run's events in order: rows first, then what is new, with a model's words as they come.

An event's id is its number in the run (`event_seq`), so a client that returns with the last id it has seen goes on
without a gap or a repeat. Tokens have no id and are never needed: the step's row holds the whole text.
"""

import logging
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID

import orjson
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError

from executions.engine import give_back
from executions.hub import Hub, News, Token, Watcher, hub
from executions.models import FINAL, Status, StepState
from teams.errors import NotFound
from teams.tenancy import ask

logger = logging.getLogger(__name__)

AT_REST = [*FINAL, Status.BUDGET_EXCEEDED, Status.QUARANTINED]
"""Statuses that end a stream: nothing more happens until a person acts, and that may be days away."""

LOOK_SECONDS = 5.0
"""How often the rows are read anyway while Redis works: a message may be lost, a worker may die before it sends one."""

LOOK_SECONDS_ALONE = 1.0
"""How often they are read while Redis is away."""

PAGE = 500
"""Most steps read at once."""

STEP_FIELDS = [
    "event_seq", "seq", "key", "kind", "state", "role", "round", "turn", "attempt", "display",
    "tokens_in", "tokens_out", "cost", "ms", "created_at", "updated_at",
]  # fmt: skip
"""What people see of a step: never its `request` and `result`, which are not redacted."""

RUN_FIELDS = [
    "status", "status_seq", "event_seq", "attempt", "tries", "cancel_requested", "not_before", "display", "error",
    "tokens_in", "tokens_out", "cost", "ms", "created_at", "started_at", "finished_at",
]  # fmt: skip

_JSON = frozenset({"display", "error"})


@dataclass(frozen=True)
class Event:
    """`name` is step, status, token, end or idle; `id` is None for what cannot be asked for again."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    id: int | None = None


async def follow(
    tenant_id: UUID, execution_id: UUID, last_event_id: int = 0, *, keep_alive: float = 15.0
) -> AsyncGenerator[Event]:
    """Yield what happened after `last_event_id`, then what happens, until the run is at rest (`end`).

    After `keep_alive` seconds without an event it yields an `idle` one, so that whoever hands them on can show that it
    is alive. Raises `NotFound` for a run that is not the tenant's. A database that is away is waited for.
    """
    live, rows, spoke_at = hub(), _Rows(tenant_id, execution_id, last_event_id), time.monotonic()
    with live.watching(tenant_id, execution_id) as watcher:
        await live.ready(watcher)  # before the rows are read, or an event between the two would be lost
        while True:
            async for event in rows.news():
                spoke_at = time.monotonic()
                yield event
            if rows.at_rest:
                break
            async for event in _tokens(watcher, live, rows):
                spoke_at = time.monotonic()
                yield event
            if time.monotonic() - spoke_at >= keep_alive:
                spoke_at = time.monotonic()
                yield Event("idle")
    yield Event("end", {"reason": "at_rest", "status": rows.status}, rows.last)


async def _tokens(watcher: Watcher, live: Hub, rows: "_Rows") -> AsyncGenerator[Event]:
    """Yield tokens until the rows should be read again."""
    alone = watcher.missed or rows.stale or not live.connected
    look_at = time.monotonic() + (LOOK_SECONDS_ALONE if alone else LOOK_SECONDS)
    while (left := look_at - time.monotonic()) > 0:
        item = await watcher.next(left)
        if isinstance(item, News) and (item.seq == 0 or item.seq > rows.last):
            return
        if not isinstance(item, Token):
            continue
        if item.at == 0 and rows.status != Status.RUNNING:
            async for event in rows.news():  # a claim alone is no news: its first words show that it happened
                yield event
            if rows.at_rest:
                return
        if item.key not in rows.done:
            yield Event("token", {"key": item.key, "at": item.at, "text": item.text})


class _Rows:
    """A run's rows as far as they were told."""

    def __init__(self, tenant_id: UUID, execution_id: UUID, after: int) -> None:
        self.last = after
        self.status = ""
        self.done: set[str] = set()
        """Keys of steps told as done: tokens of theirs that come late would be shown after the whole text."""
        self.stale = False
        """Whether the last read failed because the database is away."""
        self._run = (tenant_id, execution_id)

    @property
    def at_rest(self) -> bool:
        return self.status in AT_REST

    async def news(self) -> AsyncGenerator[Event]:
        """Yield the events since the last call, in order."""
        more = True
        while more:
            page = await self._page()
            if page is None:
                return
            for event in page.events:
                yield event
                self.last = event.id or self.last
                if event.name == "step" and event.data["state"] == StepState.DONE:
                    self.done.add(event.data["key"])
            self.last, more = max(self.last, page.upto), page.more
            # Not before its event was given: a stream ends after the last step, never in the middle of the steps.
            self.status = self.status if more else page.status

    async def _page(self) -> "EventPage | None":
        try:
            page = await sync_to_async(read_events, thread_sensitive=False)(*self._run, self.last)
        except (OperationalError, InterfaceError) as error:
            if not self.stale:
                logger.warning("live events of run %s wait for the database: %s", self._run[1], error)
            self.stale = True
            return None
        self.stale = False
        return page


@dataclass(frozen=True)
class EventPage:
    """Events up to the number `upto`; `more`: there are further ones."""

    events: list[Event]
    upto: int
    status: str
    more: bool


def read_events(tenant_id: UUID, execution_id: UUID, after: int, limit: int = PAGE) -> EventPage:
    """Read the events of a run after a number; raise `NotFound`.

    The run is read before its steps: every write of a step takes the next number from the run's row, so all events up
    to the number read there are visible to the second question, and a later one is left for the next call.
    """
    run, steps = _rows_of(tenant_id, execution_id, after, limit + 1)
    more, steps = len(steps) > limit, steps[:limit]
    upto = steps[-1]["event_seq"] if more else run["event_seq"]
    events = [Event("step", step_shown(step), step["event_seq"]) for step in steps]
    if after < run["status_seq"] <= upto:
        events.append(Event("status", status_shown(run), run["status_seq"]))
        events.sort(key=lambda event: event.id or 0)
    return EventPage(events, upto, run["status"], more)


# The names of the columns are our own.
_RUN = f"SELECT {', '.join(RUN_FIELDS)} FROM executions_execution WHERE tenant_id = %s AND id = %s"  # noqa: S608
_STEPS = (
    f"SELECT {', '.join(STEP_FIELDS)} FROM executions_step"  # noqa: S608
    " WHERE tenant_id = %s AND execution_id = %s AND event_seq > %s ORDER BY event_seq LIMIT %s"
)


def _rows_of(tenant_id: UUID, execution_id: UUID, after: int, most: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run's row, and those of its steps that have changed since; in SQL and one round trip, since every event of
    every run that is watched asks for them."""
    run_of = [tenant_id, execution_id]
    try:
        runs, found = ask(tenant_id, (_RUN, run_of), (_STEPS, [*run_of, after, most]))
    finally:
        give_back()  # a follower sleeps most of the time and must not hold a connection meanwhile
    if not runs:
        raise NotFound(f"Execution ID {execution_id} not found")
    run = _named(RUN_FIELDS, runs[0])
    return run, [step for row in found if (step := _named(STEP_FIELDS, row))["event_seq"] <= run["event_seq"]]


def _named(names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    """A row by column; jsonb comes as text from a cursor of Django's."""
    return {
        name: orjson.loads(value) if name in _JSON and value is not None else value
        for name, value in zip(names, row, strict=True)
    }


def step_shown(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step as JSON for people, from a row of `STEP_FIELDS`."""
    return {**step, "cost": money(step["cost"])}


def status_shown(run: Mapping[str, Any]) -> dict[str, Any]:
    """How a run stands as JSON, from a row of `RUN_FIELDS`."""
    return {
        "status": run["status"],
        "attempt": run["attempt"],
        "tries": run["tries"],
        "cancel_requested": run["cancel_requested"],
        "not_before": run["not_before"],
        "final_answer": (run["display"] or {}).get("final_answer"),
        "error": error_shown(run["error"]),
        "totals": totals(SimpleNamespace(**run)),
        "created_at": run["created_at"],
        "started_at": run["started_at"],
        "finished_at": run["finished_at"],
    }


def error_shown(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What ended a run, or what it waits to try again, as JSON for people."""
    return None if error is None else {"code": error.get("code", ""), "message": error.get("message", "")}


class Used(Protocol):
    """What a run has used."""

    tokens_in: int
    tokens_out: int
    cost: Decimal | None
    ms: int


def totals(run: Used) -> dict[str, Any]:
    """What a run has used, as JSON; the cost is null when a price is unknown."""
    return {"tokens_in": run.tokens_in, "tokens_out": run.tokens_out, "cost": money(run.cost), "ms": run.ms}


def money(amount: Decimal | int | None) -> str | None:
    """US dollars as text, so that no digit is lost; None: unknown."""
    return None if amount is None else f"{amount:.8f}"
