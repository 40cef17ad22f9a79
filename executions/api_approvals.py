"""/api/v1/approvals, and what else people answer a run that waits for them."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from django.urls import path
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from executions import approvals
from executions.api import execution_answer
from executions.api_shapes import QUEUED_EXAMPLE, RUN_ID, ExecutionDetail
from executions.models import Approval, Decision
from teams.api_base import ApiView
from teams.api_schema import describe
from teams.api_shapes import WhyBody, page_example
from teams.paging import page
from teams.shapes import Answer, Body, Page, PageQuery, as_json
from teams.tenancy import tenant

_READ = "executions:read"
_ID = "8f2c1a4e-6b0d-5c7e-9a3f-1d2e3c4b5a69"
_KEY = "r1/Critic/llm0/tool0:Call_Web_API"
_NO_APPROVAL = f"Approval ID {_ID} not found"
_NO_RUN = f"Execution ID {RUN_ID} not found"
_DECIDED = "this was already decided: rejected by user:bob"

Note = Annotated[str, Field(max_length=2000, description="Why; the agent reads it when it is rejected.")]


class ApprovalQuery(PageQuery):
    """Which approvals to list; the newest come first."""

    state: Literal["waiting", "decided"] | None = Field(None, description="Left out: both.")
    execution_id: UUID | None = Field(None, description="Of this run.")


class DecisionBody(Body):
    """Why somebody decides so."""

    note: Note = ""


class ResolveBody(Body):
    """What became of a tool call of which nobody knew."""

    outcome: Literal["happened", "did_not", "fail"] = Field(
        description="`did_not`: it is made again, under a new idempotency key. `fail`: the run ends."
    )
    note: Note = ""
    result: Annotated[str, Field(max_length=20_000, description="With `happened`: what the call answered.")] = ""


class ApprovalAnswer(Answer):
    """A tool call that waits for a person, or waited."""

    id: UUID
    execution_id: UUID
    step_key: str = Field(description="Which call of the run.")
    tool: str
    role: str = Field(description="The agent that wants to call it.")
    arguments: dict[str, Any] = Field(description="What it would be called with; no other call is approved by this.")
    asked_at: datetime
    expires_at: datetime | None = Field(description="When it counts as rejected if nobody decides.")
    decision: Decision | None = Field(description="Null: it waits.")
    decided_by: str
    decided_at: datetime | None
    note: str


_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "execution_id": RUN_ID,
    "step_key": _KEY,
    "tool": "Call_Web_API",
    "role": "Critic",
    "arguments": {"method": "POST", "url": "https://api.example.com/notes", "body": {"text": "done"}},
    "asked_at": "2026-11-21T09:30:00.120000Z",
    "expires_at": "2026-11-28T09:30:00.120000Z",
    "decision": None,
    "decided_by": "",
    "decided_at": None,
    "note": "",
}
_DECIDED_EXAMPLE: dict[str, Any] = {
    **_EXAMPLE, "decided_by": "user:alice", "decided_at": "2026-11-21T09:41:07.000000Z", "note": "looks right",
}  # fmt: skip


class Approvals(ApiView):
    """The approvals of the tenant's runs."""

    scopes: ClassVar = {"GET": _READ}
    queries: ClassVar = {"GET": ApprovalQuery}
    query: ApprovalQuery

    @describe("List approvals", answer=Page[ApprovalAnswer], example=page_example(_EXAMPLE))
    def get(self, _request: Request) -> Response:
        """List tool calls that wait for a person, or waited, the newest first."""
        asked = self.query
        with tenant(self.actor.tenant_id):
            rows = Approval.objects.all()
            if asked.execution_id is not None:
                rows = rows.filter(execution_id=asked.execution_id)
            if asked.state is not None:
                rows = rows.filter(decision="") if asked.state == "waiting" else rows.exclude(decision="")
            found = page(rows, ("-asked_at", "id"), asked.cursor, asked.limit)
        return self.page(found, [as_json(_answer(row)) for row in found.rows])


class ApprovalOne(ApiView):
    """One approval."""

    scopes: ClassVar = {"GET": _READ}

    @describe("Get an approval", answer=ApprovalAnswer, example=_EXAMPLE, problems={404: _NO_APPROVAL})
    def get(self, _request: Request, approval_id: UUID) -> Response:
        """Get a tool call that waits for a person, or waited."""
        return self.answer(_answer(approvals.approval_get(actor=self.actor, approval_id=approval_id)))


class ApprovalApprove(ApiView):
    """A yes."""

    scopes: ClassVar = {"POST": approvals.DECIDE}

    @describe(
        "Approve a tool call",
        answer=ApprovalAnswer,
        example={**_DECIDED_EXAMPLE, "decision": "approved"},
        body=DecisionBody,
        body_example={"note": "looks right"},
        problems={404: _NO_APPROVAL, 409: _DECIDED},
    )
    def post(self, _request: Request, approval_id: UUID) -> Response:
        """Let the call be made. The run goes on once everything it asked is decided."""
        return _decide(self, approval_id, approve=True)


class ApprovalReject(ApiView):
    """A no."""

    scopes: ClassVar = {"POST": approvals.DECIDE}

    @describe(
        "Reject a tool call",
        answer=ApprovalAnswer,
        example={**_DECIDED_EXAMPLE, "decision": "rejected", "note": "not this host"},
        body=DecisionBody,
        body_example={"note": "not this host"},
        problems={404: _NO_APPROVAL, 409: _DECIDED},
    )
    def post(self, _request: Request, approval_id: UUID) -> Response:
        """Forbid the call. The agent is told, with the note, and goes on without it."""
        return _decide(self, approval_id, approve=False)


class StepResolve(ApiView):
    """What became of one tool call."""

    scopes: ClassVar = {"POST": approvals.DECIDE}

    @describe(
        "Resolve a step",
        answer=ExecutionDetail,
        example=QUEUED_EXAMPLE,
        body=ResolveBody,
        body_example={"outcome": "did_not", "note": "the log of the service has no such request"},
        problems={404: _NO_RUN, 409: "the step is done; only one whose effect is unknown can be resolved"},
    )
    def post(self, _request: Request, execution_id: UUID, step_key: str) -> Response:
        """Say what became of a tool call whose worker was lost in the middle: nothing is repeated unless you say so.

        The key is the one of `steps`, percent-encoded.
        """
        body = self.body(ResolveBody)
        run = approvals.step_resolve(
            actor=self.actor,
            execution_id=execution_id,
            key=step_key,
            outcome=body.outcome,
            note=body.note,
            result=body.result,
        )
        return self.answer(execution_answer(run))


class ExecutionRelease(ApiView):
    """Another chance for a run that took down its workers."""

    scopes: ClassVar = {"POST": "executions:run"}

    @describe(
        "Release an execution",
        answer=ExecutionDetail,
        example=QUEUED_EXAMPLE,
        status=202,
        body=WhyBody,
        body_example={"reason": "the worker's memory was raised"},
        problems={404: _NO_RUN, 409: "the run is succeeded; only a quarantined one can be released"},
    )
    def post(self, _request: Request, execution_id: UUID) -> Response:
        """Queue a quarantined run again: one that was in the hands of three workers that were lost."""
        body = self.body(WhyBody)
        run = approvals.execution_release(actor=self.actor, execution_id=execution_id, reason=body.reason)
        return self.answer(execution_answer(run), 202)


def _decide(view: ApiView, approval_id: UUID, *, approve: bool) -> Response:
    note = view.body(DecisionBody).note
    decided = approvals.approval_decide(actor=view.actor, approval_id=approval_id, approve=approve, note=note)
    return view.answer(_answer(decided))


def _answer(row: Approval) -> ApprovalAnswer:
    return ApprovalAnswer(
        id=row.id,
        execution_id=row.execution_id,
        step_key=row.step_key,
        tool=row.tool,
        role=row.role,
        arguments=row.args,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        decision=Decision(row.decision) if row.decision else None,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        note=row.note,
    )


urlpatterns = [
    path("approvals", Approvals.as_view(), name="approvals"),
    path("approvals/<id:approval_id>", ApprovalOne.as_view(), name="approval"),
    path("approvals/<id:approval_id>/approve", ApprovalApprove.as_view(), name="approval-approve"),
    path("approvals/<id:approval_id>/reject", ApprovalReject.as_view(), name="approval-reject"),
    path("executions/<id:execution_id>/steps/<path:step_key>/resolve", StepResolve.as_view(), name="execution-resolve"),
    path("executions/<id:execution_id>/release", ExecutionRelease.as_view(), name="execution-release"),
]
