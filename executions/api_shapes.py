"""What the API of runs takes and gives, with the examples its documentation shows."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from executions.budgets import Limits
from executions.models import Source, Status, StepKind, StepState
from teams.api_shapes import TEAM_ID, Reason, Version
from teams.shapes import Answer, Body, Moment, PageQuery, Query


def _text_or_object(value: Any) -> Any:
    if value is not None and not isinstance(value, str | dict):
        raise ValueError("must be a text or a JSON object")
    return value


# Checked here rather than as a union, whose errors would name the members of the union as places.
Input = Annotated[
    Any,
    AfterValidator(_text_or_object),
    WithJsonSchema({"type": ["string", "object", "null"], "additionalProperties": True}),
    Field(description="Follows the team's goal: a text, or an object that is shown to the agents as JSON."),
]
EventSeq = Annotated[int, Field(ge=0, le=10**18 - 1)]


class RunHook(Body):
    """An address that is told of one run."""

    url: str = Field(description="Takes a POST; on the open internet, unless an operator allows it.")
    secret: str = Field(description="Yours: `whsec_` and the base64 of 24 to 64 random bytes. It is never shown again.")
    events: list[str] | None = Field(None, description="Null: every event.")


_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?", re.ASCII)


class _AsTold:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_sent_back, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        text = {"type": "string", "pattern": f"^{_MONEY.pattern}$", "description": "Within the same bounds."}
        return {"anyOf": [handler(schema), text]}


AS_TOLD: Final = _AsTold()
"""Takes US dollars in a body as a number, or as the text that answers tell, so that what was got can be sent back.
Comes after the field's bounds, which hold for both."""


def _sent_back(value: object) -> object:
    return float(value) if isinstance(value, str) and _MONEY.fullmatch(value) else value


def dollars(value: float) -> Decimal:
    """A JSON number as money: what was written, not what a float makes of it."""
    return Decimal(repr(value)).quantize(Decimal("0.00000001"))


class Budget(Body):
    """What a run may use; left out: no limit of that kind."""

    tokens: Annotated[int, Field(ge=1, le=10**12)] | None = Field(None, description="In and out together.")
    usd: Annotated[float, Field(ge=0.000001, le=10**6), AS_TOLD] | None = Field(
        None, description="US dollars; the price of each model must be known."
    )
    steps: Annotated[int, Field(ge=1, le=10**6)] | None = Field(None, description="Calls to models and tools.")
    seconds: Annotated[float, Field(ge=0.1, le=10**7)] | None = Field(
        None, description="Spent in calls; time in the queue or waiting for a person does not count."
    )

    def limits(self) -> Limits:
        """As the services take them."""
        usd = None if self.usd is None else dollars(self.usd)
        return Limits(self.tokens, usd, self.steps, self.seconds)


class RaiseBudget(Budget):
    """New limits, each above the old one; what is left out stays."""

    reason: Reason = ""


class BudgetShown(Answer):
    """What a run may use; null: no limit of that kind."""

    tokens: int | None
    usd: str | None = Field(description="US dollars with 8 decimals.")
    steps: int | None
    seconds: float | None


class RunTeam(Body):
    """What a team is to run with."""

    input: Input = None
    version: Version | None = Field(None, description="Left out: the team's current version.")
    stream: bool = Field(
        False,
        description="Send model tokens to `events` from the first call on; else from the first call made while somebody"
        " reads `events`.",
    )
    budget: Budget | None = Field(None, description="What the run may use before it stops; null: no limit.")
    webhook: RunHook | None = Field(None, description="Told of this run alone; needs the scope webhooks:write.")


class StartExecution(RunTeam):
    """Which team is to run, and with what."""

    # JSON has no UUIDs, so a strict body could never hold one.
    team_id: Annotated[UUID, Field(strict=False)]


class ExecutionListQuery(PageQuery):
    """Which runs to list; the newest come first."""

    team_id: UUID | None = Field(None, description="Runs of this team.")
    status: Status | None = None
    source: Source | None = Field(None, description="Runs that came through this door.")
    created_after: Moment | None = Field(None, description="Started at or after this moment, with its offset.")
    created_before: Moment | None = Field(None, description="Started before this moment, with its offset.")


class DetailQuery(Query):
    """How much of a run to show."""

    conversation_log: bool = Field(False, description="Also what each agent said.")


class StepsQuery(Query):
    """Which steps to list."""

    after: EventSeq = Field(0, description="Only what happened after this event: `last_event_id` of the last answer.")
    limit: Annotated[int, Field(ge=1, le=500)] = Field(100, description="At most so many at once.")


class EventsQuery(Query):
    """Where to begin."""

    after: EventSeq = Field(0, description="As Last-Event-ID, for the first connection of a browser.")


class Totals(Answer):
    """What a run has used so far."""

    tokens_in: int
    tokens_out: int
    cost: str | None = Field(description="US dollars with 8 decimals; null: the price of a model is unknown.")
    ms: int = Field(description="Milliseconds spent in steps.")


class RunError(Answer):
    """What ended a run, or what it waits to try again."""

    code: str
    message: str


class ExecutionRow(Answer):
    """A run in a list."""

    id: UUID
    team_id: UUID
    version: int = Field(description="The version of the team it is pinned to.")
    status: Status
    source: Source
    actor: str = Field(description='Who started it: "user:alice", "key:PREFIX", "system:…".')
    attempt: int = Field(description="Rises with each retry.")
    cancel_requested: bool
    error: RunError | None
    totals: Totals
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class LogEntry(Answer):
    """One agent's turn."""

    turn: int
    round: int
    role: str
    name: str
    message: str
    tool_calls: list[dict[str, Any]]
    tokens: int | None = Field(description="In and out together; null: unknown.")
    ms: int | None


class ExecutionDetail(ExecutionRow):
    """A run as it stands."""

    input: Input
    final_answer: str | None = Field(description="Null until the run has succeeded.")
    last_event_id: int = Field(description="Number of its newest event.")
    conversation_log: list[LogEntry] | None = Field(description="Null unless asked for.")
    budget: BudgetShown | None = Field(description="Null: nothing but the tenant's limits.")


class StepAnswer(Answer):
    """One recorded thing of a run."""

    event_seq: int = Field(description="Number of the event that made or last changed it.")
    seq: int = Field(description="Its place in the run, without gaps.")
    key: str = Field(description="Where in the flow: `r1/Critic/llm0`.")
    kind: StepKind
    state: StepState
    role: str
    round: int
    turn: int
    attempt: int
    display: dict[str, Any] | None = Field(description="What it brought, as people may see it.")
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None = Field(description="US dollars with 8 decimals; null: unknown, or not yet known.")
    ms: int | None
    created_at: datetime
    updated_at: datetime


class StepsAnswer(Answer):
    """Steps in the order of their events."""

    results: list[StepAnswer]
    next: str | None = Field(description="Address of the next page; null when there is no more for now.")
    last_event_id: int = Field(description="Ask with `after=` this number for what happens next.")
    status: Status = Field(description="How the run stands.")


# --- examples ---------------------------------------------------------------------------------------------------------

RUN_ID = "0d9f4a63-55f0-4b5c-9a53-7d6a8f7f4d10"
_AT = "2026-11-21T09:30:00.120000Z"
_ANSWER = "Version 2.0 runs teams durably."

RUN_TEAM_EXAMPLE: dict[str, Any] = {"input": "The readers are operators."}
START_EXAMPLE: dict[str, Any] = {"team_id": TEAM_ID, **RUN_TEAM_EXAMPLE}
ROW_EXAMPLE: dict[str, Any] = {
    "id": RUN_ID,
    "team_id": TEAM_ID,
    "version": 3,
    "status": "succeeded",
    "source": "api",
    "actor": "key:k3v9q2m7xd",
    "attempt": 1,
    "cancel_requested": False,
    "error": None,
    "totals": {"tokens_in": 412, "tokens_out": 187, "cost": "0.00017400", "ms": 3120},
    "created_at": _AT,
    "started_at": _AT,
    "finished_at": "2026-11-21T09:30:03.410000Z",
}
DETAIL_EXAMPLE: dict[str, Any] = {
    **ROW_EXAMPLE,
    "input": RUN_TEAM_EXAMPLE["input"],
    "final_answer": _ANSWER,
    "last_event_id": 4,
    "conversation_log": None,
    "budget": None,
}
QUEUED_EXAMPLE: dict[str, Any] = {
    **DETAIL_EXAMPLE,
    "status": "queued",
    "totals": {"tokens_in": 0, "tokens_out": 0, "cost": "0.00000000", "ms": 0},
    "started_at": None,
    "finished_at": None,
    "final_answer": None,
    "last_event_id": 0,
}
STEP_EXAMPLE: dict[str, Any] = {
    "event_seq": 2,
    "seq": 1,
    "key": "r1/Writer/llm0",
    "kind": "llm",
    "state": "done",
    "role": "Writer",
    "round": 1,
    "turn": 1,
    "attempt": 1,
    "display": {"name": "Writer", "message": f"FINAL_ANSWER: {_ANSWER}", "tool_calls": [], "model": "gpt-4o-mini"},
    "tokens_in": 412,
    "tokens_out": 187,
    "cost": "0.00017400",
    "ms": 3120,
    "created_at": _AT,
    "updated_at": _AT,
}
STEPS_EXAMPLE: dict[str, Any] = {"results": [STEP_EXAMPLE], "next": None, "last_event_id": 4, "status": "succeeded"}
EVENTS_EXAMPLE = """retry: 2000

id: 1
event: status
data: {"status":"running","attempt":1}

event: token
data: {"key":"r1/Writer/llm0","at":0,"text":"FINAL_ANSWER: Version"}

id: 2
event: step
data: {"event_seq":2,"seq":1,"key":"r1/Writer/llm0","state":"done"}

id: 3
event: status
data: {"status":"succeeded","final_answer":"Version 2.0 runs teams durably."}

id: 3
event: end
data: {"reason":"at_rest","status":"succeeded"}

"""
