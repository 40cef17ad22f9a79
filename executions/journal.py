"""The replay guarantee: what is recorded is reused, what is not is done once and recorded before it is used.

A run taken up again starts from the beginning and asks for the same steps under the same keys; the graph is
deterministic given the pinned version, the input and this journal.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from django.db import InterfaceError, OperationalError

from executions import engine, stream
from executions.control import Fenced, NonDeterminism
from executions.faults import faultpoint
from executions.shown import cleaned
from executions.worker import Hold, Worker

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 0.5

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
        self.worker.check(self.hold)
        faultpoint("before_call")
        outcome = do()
        faultpoint("after_call")
        self._write(place, "done", request, wanted, outcome)
        return {**outcome.result, "tokens_in": outcome.tokens_in, "tokens_out": outcome.tokens_out}

    def note(self, key: str, text: str) -> None:
        """Write a remark for people; a repeated one is kept once."""
        place = StepPlace(key, "note")
        self.step(place, {"note": text}, lambda: Outcome({"note": text}, {"note": text}, ms=0))

    def failed(self, place: StepPlace, request: dict[str, Any], error: dict[str, Any], ms: int) -> None:
        """Write that a step failed; a later try of the same key takes its place."""
        what = {"state": "failed", "error": error, "display": {"error": error["message"]}, "ms": ms}
        self._record(place, what, request, request_hash(request))

    def _write(self, place: StepPlace, state: str, request: dict[str, Any], hashed: str, outcome: Outcome) -> None:
        self._record(
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

    def _record(self, place: StepPlace, what: dict[str, Any], request: dict[str, Any], hashed: str) -> None:
        step = {
            "key": place.key, "kind": place.kind, "role": place.role, "round": place.round, "turn": place.turn,
            "request_hash": hashed, "request": _shown(request), **what,
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
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            if hold.lost or time.monotonic() + RECONNECT_SECONDS > hold.until:
                logger.warning("run %s: the database was away longer than the lease: %s", hold.execution_id, error)
                raise Fenced from error
            time.sleep(RECONNECT_SECONDS)


def request_hash(request: dict[str, Any]) -> str:
    """SHA-256 (hex) of a request, the same for any order of its keys."""
    return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _shown(request: dict[str, Any]) -> dict[str, Any]:
    """The request as stored: without the messages, which the spec and the earlier steps give again; storing them with
    each step would grow with the square of the conversation."""
    messages = request.get("messages")
    return {**request, "messages": len(messages)} if isinstance(messages, list) else request
