"""/api/v1: what a tenant has used, and its limits."""

import base64
import binascii
import json
from datetime import date, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from django.urls import path
from pydantic import Field, model_validator
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from executions.api_shapes import AS_TOLD, dollars
from executions.limits import MOST, LimitValues, TenantUse, as_plain, limits_get, limits_set
from executions.usage import Place, UsageRow, usage
from teams.api_base import ApiView
from teams.api_schema import describe
from teams.api_shapes import TEAM_ID, Reason
from teams.errors import Invalid, Located
from teams.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT
from teams.shapes import Answer, Body, Query

MAX_DAYS = 366

Day = Annotated[date, Field(strict=False)]


class UsageQuery(Query):
    """Which days."""

    first: Day = Field(alias="from", description="First day (UTC), YYYY-MM-DD.")
    last: Day = Field(alias="to", description=f"Last day (UTC), included; at most {MAX_DAYS} days in all.")
    cursor: Annotated[str, Field(max_length=MAX_CURSOR)] | None = Field(
        None, description="From the link `next`; left out for the first page."
    )
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = Field(DEFAULT_LIMIT, description="At most so many on a page.")

    @model_validator(mode="after")
    def _in_order(self) -> "UsageQuery":
        if not 0 <= (self.last - self.first).days < MAX_DAYS:
            raise ValueError(f"`to` must be a day from `from` on, and at most {MAX_DAYS} days are told at once")
        if self.last.year > 9990 or self.first.year < 1:
            raise ValueError("`to` is too far away: give a day that people live in")
        return self


class UsageGroup(Answer):
    """What one team used of one model in a day."""

    day: date
    team_id: UUID
    model: str = Field(description="`provider:model`, as the run was resolved.")
    runs: int = Field(description="Runs that called it that day.")
    calls: int
    tokens_in: int
    tokens_out: int
    cost: str = Field(description="US dollars with 8 decimals, of the calls whose price is known.")
    unpriced_calls: int = Field(description="Calls whose price is not known; they are not in `cost`.")


class UsageAnswer(Answer):
    """A page of usage, by day, team and model."""

    results: list[UsageGroup]
    next: str | None = Field(description="Address of the next page; null on the last one.")


class LimitsShown(Answer):
    """A value for each limit; null: none."""

    tokens_per_day: int | None
    usd_per_day: str | None = Field(description="US dollars with 8 decimals.")
    runs_per_day: int | None
    concurrent_runs: int | None


class LimitsAnswer(Answer):
    """What the tenant may use and uses. Days are UTC's."""

    limits: LimitsShown = Field(description="Set by the tenant's admins.")
    ceilings: LimitsShown = Field(description="Set by the platform; they hold as well.")
    today: LimitsShown = Field(
        description="Used today, calls under way included; counted by day only while there is a limit by day."
    )


class LimitsBody(Body):
    """All limits, as they are to be; null, or left out: none. `concurrent_runs`: the platform's default."""

    tokens_per_day: Annotated[int, Field(ge=0, le=MOST["tokens_per_day"])] | None = None
    usd_per_day: Annotated[float, Field(ge=0, le=MOST["usd_per_day"]), AS_TOLD] | None = None
    runs_per_day: Annotated[int, Field(ge=0, le=MOST["runs_per_day"])] | None = None
    concurrent_runs: Annotated[int, Field(ge=0, le=MOST["concurrent_runs"])] | None = None
    reason: Reason = ""

    def values(self) -> LimitValues:
        """As the service takes them."""
        usd = None if self.usd_per_day is None else dollars(self.usd_per_day)
        return LimitValues(self.tokens_per_day, usd, self.runs_per_day, self.concurrent_runs)


_LIMITS_EXAMPLE: dict[str, Any] = {
    "limits": {"tokens_per_day": 2_000_000, "usd_per_day": "25.00000000", "runs_per_day": None, "concurrent_runs": 50},
    "ceilings": {"tokens_per_day": None, "usd_per_day": "100.00000000", "runs_per_day": None, "concurrent_runs": 200},
    "today": {"tokens_per_day": 41_250, "usd_per_day": "0.05120000", "runs_per_day": 12, "concurrent_runs": 3},
}
_USAGE_EXAMPLE: dict[str, Any] = {
    "results": [
        {
            "day": "2026-11-21", "team_id": TEAM_ID, "model": "openai:gpt-4o-mini", "runs": 12, "calls": 48,
            "tokens_in": 31_900, "tokens_out": 9_350, "cost": "0.01039500", "unpriced_calls": 0,
        }
    ],
    "next": None,
}  # fmt: skip


class UsageView(ApiView):
    """What the tenant has used."""

    scopes: ClassVar = {"GET": "usage:read"}
    queries: ClassVar = {"GET": UsageQuery}
    query: UsageQuery

    @describe("Get usage", answer=UsageAnswer, example=_USAGE_EXAMPLE)
    def get(self, _request: Request) -> Response:
        """Sum up calls to models by day, team and model, the oldest day first. Read from the steps of the runs."""
        asked = self.query
        after = _read_place(asked.cursor) if asked.cursor else None
        rows, more = usage(actor=self.actor, first=asked.first, last=asked.last, after=after, limit=asked.limit)
        following = _cursor(rows[-1].place) if more else None
        here = self.request.build_absolute_uri()
        return self.answer(
            UsageAnswer(
                results=[_group(row) for row in rows],
                next=replace_query_param(here, "cursor", following) if following else None,
            )
        )


class LimitsView(ApiView):
    """The tenant's limits."""

    scopes: ClassVar = {"GET": "usage:read", "PUT": "limits:write"}

    @describe("Get limits", answer=LimitsAnswer, example=_LIMITS_EXAMPLE)
    def get(self, _request: Request) -> Response:
        """What the tenant may use, the platform's ceilings, and what is used today."""
        return self.answer(_limits(limits_get(actor=self.actor)))

    @describe(
        "Set limits",
        answer=LimitsAnswer,
        example=_LIMITS_EXAMPLE,
        body=LimitsBody,
        body_example={"tokens_per_day": 2_000_000, "usd_per_day": 25, "concurrent_runs": 50, "reason": "pilot"},
        problems={409: "somebody else set the first limits just now: read them, then try again"},
    )
    def put(self, _request: Request) -> Response:
        """Set all limits of the tenant, none above the platform's ceiling."""
        body = self.body(LimitsBody)
        return self.answer(_limits(limits_set(actor=self.actor, values=body.values(), reason=body.reason)))


def _limits(use: TenantUse) -> LimitsAnswer:
    shown = {name: LimitsShown(**as_plain(getattr(use, name))) for name in ("limits", "ceilings", "today")}
    return LimitsAnswer(**shown)


def _group(row: UsageRow) -> UsageGroup:
    return UsageGroup(
        day=row.day,
        team_id=row.team_id,
        model=row.model,
        runs=row.runs,
        calls=row.calls,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost=f"{row.cost:.8f}",
        unpriced_calls=row.unpriced,
    )


def _cursor(place: Place) -> str:
    text = json.dumps([place.day.isoformat(), str(place.team_id), place.model])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_place(text: str) -> Place:
    try:
        day, team_id, model = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if "\0" in model:
            raise ValueError(model)
        return Place(datetime.fromisoformat(day).date(), UUID(team_id), str(model))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError) as error:
        problem = Located(loc="cursor", msg="is not a cursor of this list: follow the link `next`")
        raise Invalid("The cursor is not valid.", errors=[problem]) from error


urlpatterns = [
    path("usage", UsageView.as_view(), name="usage"),
    path("limits", LimitsView.as_view(), name="limits"),
]
