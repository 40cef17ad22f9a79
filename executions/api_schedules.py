"""/api/v1/schedules: runs that start by the clock."""

from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from django.urls import path, reverse
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from executions import schedules
from executions.api import execution_answer
from executions.api_shapes import QUEUED_EXAMPLE, ExecutionDetail, Input
from executions.schedule_models import Outcome, Overlap, Schedule
from teams.api_base import ApiView, has_body
from teams.api_schema import LOCATION, describe
from teams.api_shapes import TEAM_ID, NameText, Reason, ReasonQuery, WhyBody, page_example
from teams.paging import page
from teams.shapes import Answer, Body, Page, PageQuery, as_json
from teams.tenancy import tenant

_READ, _WRITE = "executions:read", "schedules:write"
_ID = "5d0f8f5e-3f0b-4a0e-9f5c-2d8a1c7b6e11"

# --- shapes -----------------------------------------------------------------------------------------------------------

Cron = Annotated[
    str,
    Field(
        description="Minute, hour, day of month, month, day of week: `0 9 * * MON-FRI` is nine o'clock on weekdays. "
        "As in Debian's cron; also `L`, `LW` and `MON#1`."
    ),
]
Zone = Annotated[
    str, Field(description="IANA name of the time zone the expression is meant in, such as Europe/Berlin.")
]
# JSON has neither UUIDs nor enums, so a strict body could never hold one.
TeamId = Annotated[UUID, Field(strict=False, description="The team to run, in its current version at each slot.")]
OverlapName = Annotated[
    Overlap,
    Field(
        strict=False,
        description="When the run of an earlier slot has not ended: `allow` both, `skip` this slot, or `cancel_old`.",
    ),
]


class ScheduleBody(Body):
    """A new schedule."""

    name: NameText = Field(description="What it is for.")
    team_id: TeamId
    cron: Cron
    time_zone: Zone = "UTC"
    overlap: OverlapName = Overlap.SKIP
    input: Input = None
    enabled: bool = Field(True, description="False: it is paused from the beginning.")
    reason: Reason = ""


class ScheduleChange(Body):
    """What is to change; what is left out stays."""

    name: NameText = ""
    team_id: TeamId | None = None
    cron: Cron = ""
    time_zone: Zone = ""
    overlap: OverlapName = Overlap.SKIP
    input: Input = None
    enabled: bool = True
    reason: Reason = ""


class PreviewBody(Body):
    """An expression to be tried."""

    cron: Cron
    time_zone: Zone = "UTC"


class PreviewAnswer(Answer):
    """When it would be due."""

    times: list[datetime] = Field(description="The next five times.")


class ScheduleAnswer(Answer):
    """A schedule as it stands."""

    id: UUID
    name: str
    team_id: UUID
    cron: str
    time_zone: str
    overlap: Overlap
    input: Input
    enabled: bool
    next_times: list[datetime] = Field(description="The next five times; none while it is paused.")
    last_slot: datetime | None = Field(description="The latest slot that was dealt with.")
    last_at: datetime | None = Field(description="When it was last fired, by the clock or by hand.")
    last_outcome: Outcome | None
    last_error: str = Field(description="Why the latest slot started no run; empty: it did.")
    last_execution_id: UUID | None = Field(description="The run started last.")
    created_by: str
    created_at: datetime
    updated_at: datetime


class ScheduleDeleted(Answer):
    """What is left to say of a deleted schedule."""

    schedule_id: UUID
    deleted: bool


_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "name": "Morning report",
    "team_id": TEAM_ID,
    "cron": "0 9 * * MON-FRI",
    "time_zone": "Europe/Berlin",
    "overlap": "skip",
    "input": "Yesterday's figures.",
    "enabled": True,
    "next_times": [f"2026-11-{day}T08:00:00Z" for day in (23, 24, 25, 26, 27)],
    "last_slot": None,
    "last_at": None,
    "last_outcome": None,
    "last_error": "",
    "last_execution_id": None,
    "created_by": "user:alice",
    "created_at": "2026-11-21T09:30:00Z",
    "updated_at": "2026-11-21T09:30:00Z",
}
_BODY = {name: _EXAMPLE[name] for name in ("name", "team_id", "cron", "time_zone", "input")}
_NONE = f"Schedule ID {_ID} not found"
_NO_TEAM = f"Team ID {TEAM_ID} not found or is deleted"

# --- views ------------------------------------------------------------------------------------------------------------


class SchedulesView(ApiView):
    """The tenant's schedules."""

    scopes: ClassVar = {"GET": _READ, "POST": _WRITE}
    queries: ClassVar = {"GET": PageQuery}
    query: PageQuery

    @describe("List schedules", answer=Page[ScheduleAnswer], example=page_example(_EXAMPLE))
    def get(self, _request: Request) -> Response:
        """Newest first, the paused ones too."""
        with tenant(self.actor.tenant_id):
            found = page(Schedule.objects.all(), ("-created_at", "id"), self.query.cursor, self.query.limit)
        return self.page(found, [as_json(_answer(row)) for row in found.rows])

    @describe(
        "Create a schedule",
        answer=ScheduleAnswer,
        example=_EXAMPLE,
        status=201,
        body=ScheduleBody,
        body_example=_BODY,
        problems={404: _NO_TEAM, 409: f"a tenant has at most {schedules.MAX_SCHEDULES} schedules"},
        headers=[LOCATION],
    )
    def post(self, _request: Request) -> Response:
        """Have a team run at the times of a cron expression. Needs the scope executions:run as well."""
        body = self.body(ScheduleBody)
        row = schedules.schedule_create(actor=self.actor, fields=_fields(body, all_of_it=True), reason=body.reason)
        return self.answer(_answer(row), 201, Location=reverse("schedule", args=[row.id]))


class SchedulePreview(ApiView):
    """Expressions tried without storing anything."""

    scopes: ClassVar = {"POST": _READ}

    @describe(
        "Preview a cron expression",
        answer=PreviewAnswer,
        example={"times": _EXAMPLE["next_times"]},
        body=PreviewBody,
        body_example={"cron": "0 9 * * MON-FRI", "time_zone": "Europe/Berlin"},
    )
    def post(self, _request: Request) -> Response:
        """The next five times of an expression, changes of the clock reckoned with."""
        body = self.body(PreviewBody)
        return self.answer(
            PreviewAnswer(times=schedules.schedule_preview(cron_text=body.cron, time_zone=body.time_zone))
        )


class ScheduleOne(ApiView):
    """One schedule."""

    scopes: ClassVar = {"GET": _READ, "PATCH": _WRITE, "DELETE": _WRITE}
    queries: ClassVar = {"DELETE": ReasonQuery}

    @describe("Get a schedule", answer=ScheduleAnswer, example=_EXAMPLE, problems={404: _NONE})
    def get(self, _request: Request, schedule_id: UUID) -> Response:
        """With what came of its latest slot, and its next five times."""
        return self.answer(_answer(schedules.schedule_get(actor=self.actor, schedule_id=schedule_id)))

    @describe(
        "Change a schedule",
        answer=ScheduleAnswer,
        example=_EXAMPLE,
        body=ScheduleChange,
        body_example={"cron": "0 9 * * MON-FRI", "reason": "not on weekends"},
        problems={404: _NONE},
    )
    def patch(self, _request: Request, schedule_id: UUID) -> Response:
        """Change what is sent. The next time is reckoned from now, so a slot that was missed does not run."""
        body = self.body(ScheduleChange)
        row = schedules.schedule_change(
            actor=self.actor, schedule_id=schedule_id, fields=_fields(body), reason=body.reason
        )
        return self.answer(_answer(row))

    @describe(
        "Delete a schedule",
        answer=ScheduleDeleted,
        example={"schedule_id": _ID, "deleted": True},
        problems={404: _NONE},
    )
    def delete(self, request: Request, schedule_id: UUID) -> Response:
        """Delete it for good; its runs and its history stay."""
        reason = self.body(WhyBody).reason if has_body(request) else ""
        query: Any = self.query
        schedules.schedule_delete(actor=self.actor, schedule_id=schedule_id, reason=reason or query.reason)
        return self.answer(ScheduleDeleted(schedule_id=schedule_id, deleted=True))


class _Switch(ApiView):
    """Pausing and resuming."""

    scopes: ClassVar = {"POST": _WRITE}
    enabled: ClassVar[bool]

    def _switch(self, schedule_id: UUID) -> Response:
        reason = self.body(WhyBody).reason
        row = schedules.schedule_change(
            actor=self.actor, schedule_id=schedule_id, fields={"enabled": self.enabled}, reason=reason
        )
        return self.answer(_answer(row))


class SchedulePause(_Switch):
    """No slot is fired from now on."""

    enabled = False

    @describe(
        "Pause a schedule",
        answer=ScheduleAnswer,
        example={**_EXAMPLE, "enabled": False, "next_times": []},
        body=WhyBody,
        body_example={"reason": "the source is down"},
        problems={404: _NONE},
    )
    def post(self, _request: Request, schedule_id: UUID) -> Response:
        """Fire no slot until it is resumed; a paused one stays as it is."""
        return self._switch(schedule_id)


class ScheduleResume(_Switch):
    """Slots are fired again."""

    enabled = True

    @describe(
        "Resume a schedule",
        answer=ScheduleAnswer,
        example=_EXAMPLE,
        body=WhyBody,
        body_example={"reason": "the source is back"},
        problems={404: _NONE},
    )
    def post(self, _request: Request, schedule_id: UUID) -> Response:
        """Go on from the next slot; those that passed while it was paused do not run."""
        return self._switch(schedule_id)


class ScheduleRun(ApiView):
    """A run out of turn."""

    scopes: ClassVar = {"POST": _WRITE}

    @describe(
        "Run a schedule now",
        answer=ExecutionDetail,
        example={**QUEUED_EXAMPLE, "source": "schedule"},
        status=202,
        problems={404: _NONE, 409: f"Team ID {TEAM_ID} has roles without an agent; nobody can speak for them"},
        headers=[LOCATION],
    )
    def post(self, _request: Request, schedule_id: UUID) -> Response:
        """Start its team with its input at once; its own times stay. Needs the scope executions:run as well."""
        run = schedules.schedule_run(actor=self.actor, schedule_id=schedule_id).execution
        return self.answer(execution_answer(run), 202, Location=reverse("execution", args=[run.id]))


def _fields(body: ScheduleBody | ScheduleChange, *, all_of_it: bool = False) -> dict[str, Any]:
    """The fields of a body that were sent, as the service takes them."""
    return {name: getattr(body, name) for name in schedules.EDITABLE if all_of_it or name in body.model_fields_set}


def _answer(row: Schedule) -> ScheduleAnswer:
    same = (
        "id", "name", "team_id", "cron", "time_zone", "input", "enabled", "last_slot", "last_at", "last_error",
        "last_execution_id", "created_by", "created_at", "updated_at",
    )  # fmt: skip
    return ScheduleAnswer(
        **{name: getattr(row, name) for name in same},
        overlap=Overlap(row.overlap),
        last_outcome=Outcome(row.last_outcome) if row.last_outcome else None,
        next_times=schedules.next_times(row),
    )


urlpatterns = [
    path("schedules", SchedulesView.as_view(), name="schedules"),
    path("schedules/preview", SchedulePreview.as_view(), name="schedule-preview"),
    path("schedules/<id:schedule_id>", ScheduleOne.as_view(), name="schedule"),
    path("schedules/<id:schedule_id>/pause", SchedulePause.as_view(), name="schedule-pause"),
    path("schedules/<id:schedule_id>/resume", ScheduleResume.as_view(), name="schedule-resume"),
    path("schedules/<id:schedule_id>/run", ScheduleRun.as_view(), name="schedule-run"),
]
