"""The routes of the first version, for callers who know them: thin aliases over the same services, with their shapes.

Answers are unions of the shapes its documents describe, so callers of any of them work. Errors are problems whose
`detail` is the text those callers know.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.conf import settings
from django.urls import path, reverse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from console import compat_shapes as shapes
from executions.conversation import conversation_log
from executions.models import Execution, Status
from executions.services import execution_start
from executions.waiting import wait_for
from teams.api_base import ApiView, expected_version, has_body
from teams.api_schema import IF_MATCH, LOCATION, describe
from teams.api_shapes import TEAM_ID
from teams.errors import Conflict, Invalid, TeamBuilderError
from teams.services import (
    stored_spec,
    team_create,
    team_delete,
    team_get,
    team_rollback,
    team_update,
    team_upsert,
    team_versions,
)
from teams.spec import TeamSpec
from teams.tenancy import tenant

_GONE = {404: f"Team ID {TEAM_ID} not found or is deleted"}
_TAKEN = {409: f"Team ID {TEAM_ID} is taken; leave it out to get a new one"}
_MOVED = {412: "the team is at version 4, not 3: somebody changed it meanwhile"}
_REFUSED = {400: "Invalid configuration: The team config has 1 error. max_turns: must be 1 or more; got 0"}

CODES_OF_PROVIDERS = frozenset(
    {
        "rate_limited",
        "provider_unavailable",
        "provider_timeout",
        "cut_stream",
        "provider_paused",
        "bad_answer",
        "empty_answer",
        "answer_too_large",
        "context_too_long",
        "bad_credentials",
        "bad_request",
        "not_found",
        "content_filter",
        "quota_spent",
    }
)
"""Codes of runs that ended because the model's provider failed or refused."""


class RunFailed(TeamBuilderError):
    """The run failed."""

    status = 500
    title = "Run failed"
    code = "run-failed"

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        super().__init__(f"The run failed: {(execution.error or {}).get('message', 'no reason was recorded')}")

    def problem(self) -> dict[str, object]:
        """The usual members, and which run failed how."""
        return {**super().problem(), "execution_id": str(self.execution.id), "error": self.execution.error}


class RunFailedAtProvider(RunFailed):
    """The model's provider failed or refused, so the run failed."""

    status = 502


class SaveView(ApiView):
    """POST /teams."""

    may_wait: ClassVar = frozenset({"POST"})
    scopes = {"POST": "teams:write"}
    queries = {"POST": shapes.SaveQuery}
    query: shapes.SaveQuery

    @describe(
        "Save a config",
        answer=shapes.Saved,
        status=201,
        example=shapes.SAVED_EXAMPLE,
        body=TeamSpec,
        body_example=shapes.CONFIG,
        problems=_REFUSED | _TAKEN,
    )
    def post(self, request: Request) -> Response:
        """Store a config as a new team, or as a new version of the team that `team_id` names."""
        with _told_as_configuration():
            saved = team_upsert(actor=self.actor, team_id=self.query.team_id, config=request.data)
        team = saved.team
        return self.answer(shapes.Saved(team_id=team.id, message="Team config saved", version=team.version), 201)


class BuildView(ApiView):
    """POST /build."""

    may_wait: ClassVar = frozenset({"POST"})
    scopes = {"POST": "teams:write"}

    @describe(
        "Build a team",
        answer=shapes.Built,
        example=shapes.BUILT_EXAMPLE,
        body=TeamSpec,
        body_example=shapes.CONFIG,
        problems=_REFUSED,
    )
    def post(self, request: Request) -> Response:
        """Build a team from a config and store it as version 1. Nothing is stored when the config is not valid."""
        with _told_as_configuration():
            team = team_create(actor=self.actor, config=request.data).team
        summaries = _summaries(team.config)
        return self.answer(shapes.Built(team_id=team.id, agent_team=summaries, version=team.version))


class UpdateView(ApiView):
    """POST /update_team."""

    may_wait: ClassVar = frozenset({"POST"})
    scopes = {"POST": "teams:write"}
    queries = {"POST": shapes.TeamQuery}
    query: shapes.TeamQuery

    @describe(
        "Update a team",
        answer=shapes.Updated,
        example=shapes.UPDATED_EXAMPLE,
        body=TeamSpec,
        body_example=shapes.CONFIG,
        problems=_REFUSED | _GONE | _MOVED,
        headers=(IF_MATCH,),
    )
    def post(self, request: Request) -> Response:
        """Store a config as the team's next version. A team that is not there is told before a config that is wrong."""
        team_id = self.query.team_id
        team_get(actor=self.actor, team_id=team_id)
        expected = expected_version(request)
        with _told_as_configuration():
            team = team_update(actor=self.actor, team_id=team_id, config=request.data, expected_version=expected).team
        return self.answer(shapes.Updated(team_id=team.id, new_version=team.version, updated_at=team.updated_at))


class RollbackView(ApiView):
    """POST /rollback_team."""

    scopes = {"POST": "teams:write"}
    queries = {"POST": shapes.RollbackQuery}
    query: shapes.RollbackQuery

    @describe(
        "Roll back to a version",
        answer=shapes.RolledBack,
        example=shapes.ROLLED_BACK_EXAMPLE,
        problems={404: f"Version 7 not found for Team ID {TEAM_ID}"} | _MOVED,
        headers=(IF_MATCH,),
    )
    def post(self, request: Request) -> Response:
        """Store the config of an old version as a new version; the history only grows."""
        target, expected = self.query.target_version, expected_version(request)
        with _told_as_configuration():
            team = team_rollback(
                actor=self.actor, team_id=self.query.team_id, target_version=target, expected_version=expected
            ).team
        done = shapes.RolledBack(
            team_id=team.id, restored_version=target, new_version=team.version, restored_at=team.updated_at
        )
        return self.answer(done)


class DeleteView(ApiView):
    """DELETE /delete_team."""

    scopes = {"DELETE": "teams:write"}
    queries = {"DELETE": shapes.DeleteQuery}
    query: shapes.DeleteQuery

    @describe(
        "Delete softly",
        answer=shapes.Deleted,
        example=shapes.DELETED_EXAMPLE,
        problems={404: f"Team ID {TEAM_ID} not found or already deleted"} | _MOVED,
        headers=(IF_MATCH,),
    )
    def delete(self, request: Request) -> Response:
        """Delete a team softly: nothing is removed, `POST /api/v1/teams/{id}/restore` brings it back."""
        team = team_delete(
            actor=self.actor,
            team_id=self.query.team_id,
            reason=self.query.reason,
            expected_version=expected_version(request),
        )
        return self.answer(shapes.Deleted(team_id=team.id, deleted=True))


class ExecuteView(ApiView):
    """POST /execute."""

    may_wait: ClassVar = frozenset({"POST"})
    scopes = {"POST": "executions:run"}
    queries = {"POST": shapes.TeamQuery}
    query: shapes.TeamQuery

    @describe(
        "Execute and wait",
        answer=shapes.Executed,
        example=shapes.EXECUTED_EXAMPLE,
        body=TeamSpec,
        body_example=shapes.CONFIG,
        also={
            202: OpenApiResponse(
                shapes.Pending,
                "It takes longer than the server waits; the run goes on.",
                [OpenApiExample("Longer", value=shapes.PENDING_EXAMPLE)],
            )
        },
        problems=_REFUSED
        | _GONE
        | {
            409: "the run was cancelled",
            500: "Stored configuration is invalid: The team config has 1 error. agents: must be a list in [ ]",
            502: "The run failed: the provider refused the credentials",
        },
        headers=(LOCATION,),
    )
    def post(self, request: Request) -> Response:
        """Run a team and wait for its answer, up to the server's EXECUTE_WAIT_SECONDS.

        A config in the body is stored first, as the team's next version or, for a new id, as a new team; leave the body
        out to run the team as it is. 502: the model's provider failed; 500 with an `execution_id`: the run failed
        otherwise.
        """
        team_id, version = self.query.team_id, None
        if has_body(request):
            with _told_as_configuration():
                # The version just stored, whoever stores the next one meanwhile.
                version = team_upsert(actor=self.actor, team_id=team_id, config=request.data).team.version
        started = execution_start(actor=self.actor, team_id=team_id, version=version, source="api").execution
        return self._ended(wait_for(self.actor, started.id, settings.EXECUTE_WAIT_SECONDS))

    def _ended(self, execution: Execution) -> Response:
        match execution.status:
            case Status.SUCCEEDED:
                return self.answer(self._executed(execution))
            case Status.FAILED:
                code = (execution.error or {}).get("code", "")
                raise (RunFailedAtProvider if code in CODES_OF_PROVIDERS else RunFailed)(execution)
            case Status.CANCELLED:
                raise Conflict("the run was cancelled")
        url = reverse("execution", args=[execution.id])
        pending = shapes.Pending(execution_id=execution.id, status=execution.status, status_url=url)
        return self.answer(pending, 202, Location=url)

    def _executed(self, execution: Execution) -> shapes.Executed:
        with tenant(self.actor.tenant_id):
            version = team_versions(execution.team_id).get(version=execution.version)
            log = conversation_log(execution.steps.order_by("seq"))
        return shapes.Executed(
            team_id=execution.team_id,
            execution_id=execution.id,
            agent_team=_summaries(version.config),
            conversation_log=log,
            final_answer=(execution.display or {}).get("final_answer", ""),
        )


@contextmanager
def _told_as_configuration() -> Iterator[None]:
    """Whatever is wrong with a config, from its first byte on, is told in the text that callers know."""
    try:
        yield
    except Invalid as error:
        raise Invalid(f"Invalid configuration: {error}", errors=error.errors) from error


def _summaries(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [agent.summary() for agent in stored_spec(config).agents]


urlpatterns = [
    path("teams", SaveView.as_view(), name="compat-teams"),
    path("build", BuildView.as_view(), name="compat-build"),
    path("execute", ExecuteView.as_view(), name="compat-execute"),
    path("update_team", UpdateView.as_view(), name="compat-update"),
    path("rollback_team", RollbackView.as_view(), name="compat-rollback"),
    path("delete_team", DeleteView.as_view(), name="compat-delete"),
]
