"""The replay guarantee: what is recorded is reused, what is not is done once and recorded before it is used.

A run taken up again starts from the beginning and asks for the same steps under the same keys; the graph is
deterministic given the pinned version, the input and this journal.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from django.db import InterfaceError, OperationalError

from executions import engine, stream
from executions.budgets import Purse
from executions.control import Fenced, NonDeterminism
from executions.faults import faultpoint
from executions.shown import cleaned
from executions.worker import Hold, Worker
from teams.postgresql.outage import once_back

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class StepPlace:
    """Which step this is: `key` is unique in the run, the rest is for people."""

    key: str
    kind: str
    role: str = ""
    round: int = 0
    turn: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a step brought: `result` is what a replay uses, `display` what people read."""

    result: dict[str, Any]
    display: dict[str, Any] = field(default_factory=dict)
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    cost_known: bool = True
    ms: int | None = None


@dataclass
class Journal:
    """One run's steps, as far as they are recorded, and the only door for new ones."""

    worker: Worker
    hold: Hold
    done: dict[str, dict[str, Any]]
    asks: list[dict[str, Any]] = field(default_factory=list)
    """What people are to be asked when the run parks; see finish_v4."""

    purse: Purse | None = None
    """What a limited run may still use."""

    def step(self, place: StepPlace, request: dict[str, Any], do: Callable[[], Outcome]) -> dict[str, Any]:
        """Return the recorded result for this key, or do it, record it and return it.

        Raises `Fenced`, `Cancelled` or `Released` instead of starting something new, and `NonDeterminism` when the
        recorded request was another one. What `do` raises goes through.
        """
        wanted = request_hash(request)
        recorded = self.done.get(place.key)
        if recorded is not None:
            if recorded["hash"] and recorded["hash"] != wanted:
                raise NonDeterminism(f"step {place.key} was recorded for another request")
            return {**recorded["result"], "tokens_in": recorded["tokens_in"], "tokens_out": recorded["tokens_out"]}
        self.before_call(place)
        faultpoint("before_call")
        outcome = do()
        faultpoint("after_call")
        self._write(place, "done", request, wanted, outcome)
        return {**outcome.result, "tokens_in": outcome.tokens_in, "tokens_out": outcome.tokens_out}

    def before_call(self, place: StepPlace) -> None:
        """Stands before each call to a model or a tool (`place.kind`); raises instead of starting something new."""
        self.worker.check(self.hold)
        if self.purse and place.kind == "tool":
            self.purse.tool_begins()

    def ask(self, question: dict[str, Any]) -> None:
        """Keep what a person is to be asked until the run parks."""
        self.asks.append(cleaned(question))

    def note(self, key: str, text: str) -> None:
        """Write a remark for people; a repeated one is kept once."""
        place = StepPlace(key, "note")
        self.step(place, {"note": text}, lambda: Outcome({"note": text}, {"note": text}, ms=0))

    def failed(self, place: StepPlace, request: dict[str, Any], error: dict[str, Any], ms: int) -> None:
        """Write that a step failed; a later try of the same key takes its place."""
        what = {"state": "failed", "error": error, "display": {"error": error["message"]}, "ms": ms}
        self.write(place, what, request, request_hash(request))

    def _write(self, place: StepPlace, state: str, request: dict[str, Any], hashed: str, outcome: Outcome) -> None:
        self.write(
            place,
            {
                "state": state,
                "result": outcome.result,
                "display": outcome.display,
                "tokens_in": outcome.tokens_in,
                "tokens_out": outcome.tokens_out,
                "cost": None if outcome.cost is None else str(outcome.cost),
                "cost_known": outcome.cost_known,
                "ms": outcome.ms,
            },
            request,
            hashed,
        )

    def write(self, place: StepPlace, what: dict[str, Any], request: dict[str, Any] | None, hashed: str) -> None:
        """Write a step under the fence; without a request it keeps the one it has. Raises `Fenced`."""
        step = {
            "key": place.key, "kind": place.kind, "role": place.role, "round": place.round, "turn": place.turn,
            "request_hash": hashed, "request": _shown(request or {}) or None, **what,
        }  # fmt: skip
        hold = self.hold
        recorded = while_held(hold, lambda: engine.record(hold.tenant_id, hold.execution_id, hold.fence, cleaned(step)))
        if recorded is None:
            raise Fenced
        hold.cancelled = hold.cancelled or recorded.cancel_requested
        hold.watched = stream.publish_news(hold.tenant_id, hold.execution_id, recorded.event_seq)


def while_held(hold: Hold, write: Callable[[], T]) -> T:
    """Try a database write until PostgreSQL is back or the lease is over (`Fenced`): an answer in hand is paid for,
    and writing it late is free."""
    try:
        return once_back(write, lambda: 0.0 if hold.lost else hold.until)
    except (OperationalError, InterfaceError) as error:
        logger.warning("run %s: the database was away longer than the lease: %s", hold.execution_id, error)
        raise Fenced from error


def request_hash(request: dict[str, Any]) -> str:
    """SHA-256 (hex) of a request, the same for any order of its keys."""
    return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _shown(request: dict[str, Any]) -> dict[str, Any]:
    """The request as stored: without the messages and the tools' schemas, which the spec and the earlier steps give
    again; storing them with each step would grow with the square of the conversation."""
    messages, parameters = request.get("messages"), request.get("parameters") or {}
    if not isinstance(messages, list):
        return request
    shown = {**request, "messages": len(messages)}
    if tools := parameters.get("tools"):
        shown["parameters"] = {**parameters, "tools": [tool["function"]["name"] for tool in tools]}
    return shown
