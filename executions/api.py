"""The API of runs: start, look, cancel, retry. Watching live is executions/live.py."""

from typing import Any, ClassVar
from uuid import UUID

from django.urls import path, reverse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from executions import api_shapes as shapes
from executions import follow
from executions.budgets import Limits
from executions.conversation import conversation_log
from executions.hooks import RunWebhook
from executions.models import Execution, Status, Step
from executions.services import (
    Started,
    execution_cancel,
    execution_get,
    execution_raise_budget,
    execution_retry,
    execution_start,
)
from teams.api_base import ApiView
from teams.api_schema import LOCATION, describe
from teams.api_shapes import TEAM_ID, WhyBody, page_example
from teams.paging import page
from teams.shapes import Page, as_json
from teams.tenancy import tenant

_READ, _RUN = "executions:read", "executions:run"

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200},
    OpenApiParameter.HEADER,
    description="Any text of your own, new for each run you want: sent again, it answers with the run it started. "
    "With another body it answers 409.",
)
REPLAY = OpenApiParameter(
    "Idempotent-Replay",
    {"type": "string", "enum": ["true"]},
    OpenApiParameter.HEADER,
    response=[202],
    description="There when the run was started by an earlier request with this Idempotency-Key.",
)
_START_PROBLEMS = {
    404: f"Team ID {TEAM_ID} not found or is deleted",
    409: f"this Idempotency-Key was used for another request (run {shapes.RUN_ID}); take a new key",
}
_NO_RUN = f"Execution ID {shapes.RUN_ID} not found"


class Executions(ApiView):
    """All runs of the tenant."""

    scopes: ClassVar = {"GET": _READ, "POST": _RUN}
    queries: ClassVar = {"GET": shapes.ExecutionListQuery}
    query: shapes.ExecutionListQuery

    @describe("List executions", answer=Page[shapes.ExecutionRow], example=page_example(shapes.ROW_EXAMPLE))
    def get(self, _request: Request) -> Response:
        """List the runs of the tenant, the newest first."""
        asked = self.query
        wanted: dict[str, Any] = {
            "team_id": asked.team_id,
            "status": asked.status,
            "source": asked.source,
            "created_at__gte": asked.created_after,
            "created_at__lt": asked.created_before,
        }
        with tenant(self.actor.tenant_id):
            rows = Execution.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
            small = rows.defer("resolved_spec", "input", "result", "display")
            found = page(small, ("-created_at", "id"), asked.cursor, asked.limit, wide=True)
        return self.page(found, [as_json(shapes.ExecutionRow(**_row(run))) for run in found.rows])

    @describe(
        "Start an execution",
        answer=shapes.ExecutionDetail,
        example=shapes.QUEUED_EXAMPLE,
        status=202,
        body=shapes.StartExecution,
        body_example=shapes.START_EXAMPLE,
        problems=_START_PROBLEMS,
        headers=[IDEMPOTENCY_KEY, LOCATION, REPLAY],
    )
    def post(self, _request: Request) -> Response:
        """Start a run of a team. It is accepted once it is stored; from then on it is never lost."""
        body = self.body(shapes.StartExecution)
        return _started(self, body.team_id, body)


class TeamExecute(ApiView):
    """The runs of one team."""

    scopes: ClassVar = {"POST": _RUN}

    @describe(
        "Execute a team",
        answer=shapes.ExecutionDetail,
        example=shapes.QUEUED_EXAMPLE,
        status=202,
        body=shapes.RunTeam,
        body_example=shapes.RUN_TEAM_EXAMPLE,
        problems=_START_PROBLEMS,
        headers=[IDEMPOTENCY_KEY, LOCATION, REPLAY],
    )
    def post(self, _request: Request, team_id: UUID) -> Response:
        """Start a run of this team; as `POST /api/v1/executions`."""
        return _started(self, team_id, self.body(shapes.RunTeam))


class ExecutionOne(ApiView):
    """One run."""

    scopes: ClassVar = {"GET": _READ}
    queries: ClassVar = {"GET": shapes.DetailQuery}
    query: shapes.DetailQuery

    @describe("Get an execution", answer=shapes.ExecutionDetail, example=shapes.DETAIL_EXAMPLE, problems={404: _NO_RUN})
    def get(self, _request: Request, execution_id: UUID) -> Response:
        """Get a run as it stands: its status, its answer, what it has used."""
        run = execution_get(actor=self.actor, execution_id=execution_id)
        return self.answer(_detail(run, _log(run) if self.query.conversation_log else None))


class ExecutionSteps(ApiView):
    """What happened in one run."""

    scopes: ClassVar = {"GET": _READ}
    queries: ClassVar = {"GET": shapes.StepsQuery}
    query: shapes.StepsQuery

    @describe(
        "List the steps of an execution",
        answer=shapes.StepsAnswer,
        example=shapes.STEPS_EXAMPLE,
        problems={404: _NO_RUN},
    )
    def get(self, _request: Request, execution_id: UUID) -> Response:
        """List the steps of a run in the order of their events.

        To follow a run by asking again and again, send `after` = `last_event_id` of the answer before, until `status`
        says that it has ended. A step that changed comes again, with a new `event_seq`.
        """
        found = follow.read_events(self.actor.tenant_id, execution_id, self.query.after, self.query.limit)
        here = self.request.build_absolute_uri(self.request.path)
        more = f"{here}?after={found.upto}&limit={self.query.limit}" if found.more else None
        return self.answer(
            shapes.StepsAnswer(
                results=[shapes.StepAnswer(**event.data) for event in found.events if event.name == "step"],
                next=more,
                last_event_id=max(found.upto, self.query.after),
                status=Status(found.status),
            )
        )


class ExecutionCancel(ApiView):
    """The end of one run."""

    scopes: ClassVar = {"POST": _RUN}

    @describe(
        "Cancel an execution",
        answer=shapes.ExecutionDetail,
        example={**shapes.QUEUED_EXAMPLE, "status": "cancelled", "cancel_requested": True},
        body=WhyBody,
        body_example={"reason": "started by mistake"},
        problems={404: _NO_RUN, 409: "the run is succeeded; only a run that has not ended can be cancelled"},
        also={
            202: OpenApiResponse(
                shapes.ExecutionDetail,
                "It is running: it stops before its next call to a model.",
                [
                    OpenApiExample(
                        "Running", value={**shapes.QUEUED_EXAMPLE, "status": "running", "cancel_requested": True}
                    )
                ],
            )
        },
    )
    def post(self, _request: Request, execution_id: UUID) -> Response:
        """Cancel a run: at once when no worker holds it (200), else before its next call to a model (202)."""
        body = self.body(WhyBody)
        run = execution_cancel(actor=self.actor, execution_id=execution_id, reason=body.reason)
        return self.answer(_detail(run), 200 if run.status == Status.CANCELLED else 202)


class ExecutionRetry(ApiView):
    """Another attempt at one run."""

    scopes: ClassVar = {"POST": _RUN}

    @describe(
        "Retry an execution",
        answer=shapes.ExecutionDetail,
        example={**shapes.QUEUED_EXAMPLE, "attempt": 2},
        status=202,
        body=WhyBody,
        body_example={"reason": "the provider is back"},
        problems={404: _NO_RUN, 409: "the run is succeeded; only a failed or cancelled one can be retried"},
        headers=[LOCATION],
    )
    def post(self, _request: Request, execution_id: UUID) -> Response:
        """Queue a failed or cancelled run again. What it has recorded is kept, so no answer is paid for twice."""
        body = self.body(WhyBody)
        run = execution_retry(actor=self.actor, execution_id=execution_id, reason=body.reason)
        return self.answer(_detail(run), 202, Location=_address(run.id))


class ExecutionBudget(ApiView):
    """What one run may use."""

    scopes: ClassVar = {"POST": _RUN}

    @describe(
        "Raise the budget of an execution",
        answer=shapes.ExecutionDetail,
        example=shapes.QUEUED_EXAMPLE,
        status=202,
        body=shapes.RaiseBudget,
        body_example={"tokens": 50_000, "reason": "worth it"},
        problems={
            404: _NO_RUN,
            409: "the run is running; only one that is budget_exceeded goes on with another budget",
        },
        headers=[LOCATION],
    )
    def post(self, _request: Request, execution_id: UUID) -> Response:
        """Let a run that is `budget_exceeded` go on: recorded answers are used as they are and not paid twice.

        When it was the tenant's limit that had no room, leave all limits out to have it tried again.
        """
        body = self.body(shapes.RaiseBudget)
        limits, reason = body.limits(), body.reason
        run = execution_raise_budget(actor=self.actor, execution_id=execution_id, limits=limits, reason=reason)
        return self.answer(_detail(run), 202, Location=_address(run.id))


# --- answers ----------------------------------------------------------------------------------------------------------


def _started(view: ApiView, team_id: UUID, body: shapes.RunTeam) -> Response:
    started: Started = execution_start(
        actor=view.actor,
        team_id=team_id,
        input=body.input,
        version=body.version,
        idempotency_key=view.request.headers.get("Idempotency-Key"),
        stream_tokens=body.stream,
        webhook=RunWebhook(**body.webhook.model_dump()) if body.webhook else None,
        budget=body.budget.limits() if body.budget else None,
    )
    headers = {"Location": _address(started.execution.id)}
    if started.replayed:
        headers["Idempotent_Replay"] = "true"
    return view.answer(_detail(started.execution), 202, **headers)


def _address(execution_id: UUID) -> str:
    return reverse("execution", args=[execution_id])


def _row(run: Execution) -> dict[str, Any]:
    return {
        "id": run.id,
        "team_id": run.team_id,
        "version": run.version,
        "status": Status(run.status),
        "source": run.source,
        "actor": run.actor,
        "attempt": run.attempt,
        "cancel_requested": run.cancel_requested,
        "error": follow.error_shown(run.error),
        "totals": follow.totals(run),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _detail(run: Execution, log: list[dict[str, Any]] | None = None) -> shapes.ExecutionDetail:
    return shapes.ExecutionDetail(
        **_row(run),
        input=run.input,
        final_answer=(run.display or {}).get("final_answer"),
        last_event_id=run.event_seq,
        conversation_log=None if log is None else [shapes.LogEntry(**entry) for entry in log],
        budget=_budget(run),
    )


execution_answer = _detail
"""For the other views that answer with a run."""


def _budget(run: Execution) -> shapes.BudgetShown | None:
    if run.budget is None:
        return None
    limits = Limits.of(run.budget)
    usd = follow.money(limits.usd)
    return shapes.BudgetShown(tokens=limits.tokens, usd=usd, steps=limits.steps, seconds=limits.seconds)


def _log(run: Execution) -> list[dict[str, Any]]:
    with tenant(run.tenant_id):
        return conversation_log(Step.objects.filter(execution_id=run.id).defer("request", "result").order_by("seq"))


urlpatterns = [
    path("executions", Executions.as_view(), name="executions"),
    path("executions/<id:execution_id>", ExecutionOne.as_view(), name="execution"),
    path("executions/<id:execution_id>/steps", ExecutionSteps.as_view(), name="execution-steps"),
    path("executions/<id:execution_id>/cancel", ExecutionCancel.as_view(), name="execution-cancel"),
    path("executions/<id:execution_id>/retry", ExecutionRetry.as_view(), name="execution-retry"),
    path("executions/<id:execution_id>/budget", ExecutionBudget.as_view(), name="execution-budget"),
    path("teams/<id:team_id>/execute", TeamExecute.as_view(), name="team-execute"),
]
