"""/api/v1/teams: teams, their versions, and what one may ask about them. Every view is one service call and a shape."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.urls import path, reverse
from rest_framework.request import Request
from rest_framework.response import Response

from teams import paging
from teams.api_base import ApiView, etag, expected_version, has_body
from teams.api_schema import ETAG, IF_MATCH, LOCATION, describe
from teams.api_shapes import (
    CHECKED_EXAMPLE,
    COMPARISON_EXAMPLE,
    CONFIG_EXAMPLE,
    DETAIL_EXAMPLE,
    ROW_EXAMPLE,
    SAVED_EXAMPLE,
    TEAM_ID,
    VERSION_EXAMPLE,
    ChangeAnswer,
    CompareQuery,
    Comparison,
    ReasonQuery,
    RollbackBody,
    TeamChange,
    TeamChecked,
    TeamCreate,
    TeamDeleted,
    TeamDetail,
    TeamListQuery,
    TeamReplace,
    TeamRow,
    TeamSaved,
    TeamValidate,
    VersionDetail,
    VersionRow,
    WhyBody,
    page_example,
)
from teams.diff import compare
from teams.errors import Invalid, Located, StoredConfigBroken
from teams.models import Team
from teams.proposals import shown_proposal
from teams.services import (
    Saved,
    stored_spec,
    team_create,
    team_delete,
    team_get,
    team_rename,
    team_restore,
    team_rollback,
    team_update,
    team_validate,
    team_version,
    team_versions,
)
from teams.shapes import Page, PageQuery, as_json
from teams.spec import TeamSpec, flow_roles
from teams.tenancy import tenant

_MOVED = {412: "the team is at version 4, not 3: somebody changed it meanwhile"}


class TeamsView(ApiView):
    """The tenant's teams."""

    may_wait: ClassVar = frozenset({"POST"})
    scopes = {"GET": "teams:read", "POST": "teams:write"}
    queries = {"GET": TeamListQuery}
    query: TeamListQuery

    @describe("List teams", answer=Page[TeamRow], example=page_example(ROW_EXAMPLE))
    def get(self, _request: Request) -> Response:
        """Newest first. Configs are left out; get a team to see its own."""
        if self.query.deleted:
            self.actor.require("teams:write")
        with tenant(self.actor.tenant_id):
            found = paging.page(_listed(self.query), ("-created_at", "id"), self.query.cursor, self.query.limit)
        return self.page(found, [as_json(_row(team)) for team in found.rows])

    @describe(
        "Create a team",
        answer=TeamSaved,
        status=201,
        example=SAVED_EXAMPLE | {"version": 1},
        body=TeamCreate,
        body_example={"name": "Release notes", "config": CONFIG_EXAMPLE, "reason": "first draft"},
        headers=(LOCATION, ETAG),
    )
    def post(self, _request: Request) -> Response:
        """Store a config as version 1. The Team Builder first fills roles that only the flow names, if it may."""
        body = self.body(TeamCreate)
        saved = team_create(actor=self.actor, config=body.config, name=body.name, reason=body.reason)
        return self.answer(team_saved(saved), 201, Location=address(saved.team.id), ETag=etag(saved.team.version))


class TeamValidateView(ApiView):
    """A try that stores nothing."""

    scopes = {"POST": "teams:read"}

    @describe(
        "Validate a config",
        answer=TeamChecked,
        example=CHECKED_EXAMPLE,
        body=TeamValidate,
        body_example={"config": CONFIG_EXAMPLE | {"max_turns": 0}},
    )
    def post(self, _request: Request) -> Response:
        """Tell what saving the config would do; an invalid one is answered with 200 and its errors."""
        config = self.body(TeamValidate).config
        try:
            prepared = team_validate(actor=self.actor, config=config)
        except Invalid as error:
            return self.answer(_checked(errors=error.errors))
        return self.answer(_checked(prepared.config, additions=prepared.additions, warnings=prepared.warnings))


class TeamView(ApiView):
    """One team."""

    may_wait: ClassVar = frozenset({"PUT"})
    scopes = {"GET": "teams:read", "PUT": "teams:write", "PATCH": "teams:write", "DELETE": "teams:write"}
    queries = {"DELETE": ReasonQuery}
    query: ReasonQuery

    @describe("Get a team", answer=TeamDetail, example=DETAIL_EXAMPLE, headers=(ETAG,))
    def get(self, _request: Request, team_id: UUID) -> Response:
        """The team as it is now; its ETag is its version."""
        team = team_get(actor=self.actor, team_id=team_id)
        return self.answer(TeamDetail(**_detail(team)), ETag=etag(team.version))

    @describe(
        "Replace a team's config",
        answer=TeamSaved,
        example=SAVED_EXAMPLE,
        body=TeamReplace,
        body_example={"config": CONFIG_EXAMPLE, "reason": "the critic was too kind"},
        problems=_MOVED,
        headers=(IF_MATCH, ETAG),
    )
    def put(self, _request: Request, team_id: UUID) -> Response:
        """Store a config as the team's next version. Agents sent without an id keep the one their role had."""
        return self._changed(team_id, self.body(TeamReplace))

    @describe(
        "Change a team",
        answer=TeamSaved,
        example=SAVED_EXAMPLE,
        body=TeamChange,
        body_example={"name": "Release notes, short"},
        problems=_MOVED,
        headers=(IF_MATCH, ETAG),
    )
    def patch(self, request: Request, team_id: UUID) -> Response:
        """Give the team another name, another config, or both. A config is replaced as a whole, as a new version."""
        body = self.body(TeamChange)
        if "config" in body.model_fields_set:
            return self._changed(team_id, body)
        if body.name is None:
            raise Invalid("There is nothing to change.", errors=[Located(loc="", msg="give config, name or both")])
        version = expected_version(request)
        team = team_rename(
            actor=self.actor, team_id=team_id, name=body.name, reason=body.reason, expected_version=version
        )
        return self.answer(team_saved(Saved(team)), ETag=etag(team.version))

    @describe(
        "Delete a team",
        answer=TeamDeleted,
        example={"team_id": TEAM_ID, "deleted": True},
        problems=_MOVED,
        headers=(IF_MATCH,),
    )
    def delete(self, request: Request, team_id: UUID) -> Response:
        """Delete softly: it answers 404 from now on, runs in hand go on, and `restore` brings it back.

        The reason may also be sent as `{"reason": "..."}`, by clients that send a body with DELETE.
        """
        reason = self.body(WhyBody).reason if has_body(request) else ""
        team_delete(
            actor=self.actor,
            team_id=team_id,
            reason=reason or self.query.reason,
            expected_version=expected_version(request),
        )
        return self.answer(TeamDeleted(team_id=team_id, deleted=True))

    def _changed(self, team_id: UUID, body: TeamReplace | TeamChange) -> Response:
        saved = team_update(
            actor=self.actor,
            team_id=team_id,
            config=body.config,
            name=body.name,
            reason=body.reason,
            expected_version=expected_version(self.request),
        )
        return self.answer(team_saved(saved), ETag=etag(saved.team.version))


class TeamRestoreView(ApiView):
    """The way back from a delete."""

    scopes = {"POST": "teams:write"}

    @describe(
        "Restore a team",
        answer=TeamDetail,
        example=DETAIL_EXAMPLE,
        body=WhyBody,
        body_example={"reason": "deleted by mistake"},
        problems={409: f"Team ID {TEAM_ID} is not deleted"},
        headers=(ETAG,),
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Bring a deleted team back as it was. The body may be left out."""
        reason = self.body(WhyBody).reason if has_body(request) else ""
        team = team_restore(actor=self.actor, team_id=team_id, reason=reason)
        return self.answer(TeamDetail(**_detail(team)), ETag=etag(team.version))


class TeamRollbackView(ApiView):
    """The way back to an old version."""

    scopes = {"POST": "teams:write"}

    @describe(
        "Roll back a team",
        answer=TeamSaved,
        example=SAVED_EXAMPLE,
        body=RollbackBody,
        body_example={"target_version": 2, "reason": "version 3 argues in circles"},
        problems=_MOVED,
        headers=(IF_MATCH, ETAG),
    )
    def post(self, request: Request, team_id: UUID) -> Response:
        """Store an old version's config as a new version; the history only grows."""
        body = self.body(RollbackBody)
        saved = team_rollback(
            actor=self.actor,
            team_id=team_id,
            target_version=body.target_version,
            reason=body.reason,
            expected_version=expected_version(request),
        )
        return self.answer(team_saved(saved), ETag=etag(saved.team.version))


# --- versions ---------------------------------------------------------------------------------------------------------


class VersionsView(ApiView):
    """All versions of a team."""

    scopes = {"GET": "teams:read"}
    queries = {"GET": PageQuery}
    query: PageQuery

    @describe("List versions", answer=Page[VersionRow], example=page_example(VERSION_EXAMPLE))
    def get(self, _request: Request, team_id: UUID) -> Response:
        """Newest first: who made each, when and why, and what the Team Builder added."""
        team = team_get(actor=self.actor, team_id=team_id)
        with tenant(self.actor.tenant_id):
            found = paging.page(
                team_versions(team_id).defer("config"), ("-version",), self.query.cursor, self.query.limit
            )
        return self.page(found, [as_json(VersionRow(**_version(row, team.version))) for row in found.rows])


class VersionView(ApiView):
    """One version of a team."""

    scopes = {"GET": "teams:read"}

    @describe(
        "Get a version",
        answer=VersionDetail,
        example=VERSION_EXAMPLE | {"team_id": TEAM_ID, "config": CONFIG_EXAMPLE},
    )
    def get(self, _request: Request, team_id: UUID, version: int) -> Response:
        """A version with its whole config."""
        team = team_get(actor=self.actor, team_id=team_id)
        row = team_version(actor=self.actor, team_id=team_id, version=version)
        return self.answer(VersionDetail(**_version(row, team.version), team_id=team_id, config=row.config))


class CompareView(ApiView):
    """What changed between two versions."""

    scopes = {"GET": "teams:read"}
    queries = {"GET": CompareQuery}
    query: CompareQuery

    @describe("Compare versions", answer=Comparison, example=COMPARISON_EXAMPLE)
    def get(self, _request: Request, team_id: UUID) -> Response:
        """Every difference in a sentence. Agents are followed by their id, so another role is just a new name."""
        before, after = (
            team_version(actor=self.actor, team_id=team_id, version=version).config
            for version in (self.query.a, self.query.b)
        )
        try:
            changes = [ChangeAnswer(**change.as_dict()) for change in compare(before, after)]
        except Invalid as error:
            raise StoredConfigBroken(f"Stored configuration is invalid: {error}", errors=error.errors) from error
        return self.answer(Comparison(team_id=team_id, a=self.query.a, b=self.query.b, changes=changes))


# --- from rows to shapes ----------------------------------------------------------------------------------------------


def address(team_id: UUID) -> str:
    """Where a team is found."""
    return reverse("api-team", args=[team_id])


def _listed(query: TeamListQuery) -> QuerySet[Team]:
    goal = KeyTextTransform("agent_team_main_goal", "config")
    teams = Team.objects.filter(is_deleted=query.deleted).annotate(listed_goal=goal).defer("config")
    if query.name:
        teams = teams.filter(name__icontains=query.name)
    if query.updated_after:
        teams = teams.filter(updated_at__gte=query.updated_after)
    if query.updated_before:
        teams = teams.filter(updated_at__lt=query.updated_before)
    return teams


def _row(team: Team) -> TeamRow:
    return TeamRow(
        id=team.id,
        name=team.name,
        version=team.version,
        goal=team.listed_goal or "",  # type: ignore[attr-defined]
        created_at=team.created_at,
        updated_at=team.updated_at,
        deleted_at=team.deleted_at,
    )


def _detail(team: Team, spec: TeamSpec | None = None) -> dict[str, Any]:
    """Fields of TeamDetail; `spec` is the team's config where it was read already. Raises `StoredConfigBroken`."""
    spec = spec or stored_spec(team.config)
    return {
        "id": team.id,
        "name": team.name,
        "version": team.version,
        "goal": spec.agent_team_main_goal,
        "flow": flow_roles(spec),
        "agents": [agent.summary() for agent in spec.agents],
        "config": team.config,
        "config_hash": team.config_hash,
        "pending_proposal": shown_proposal(team),
        "created_at": team.created_at,
        "updated_at": team.updated_at,
    }


def team_saved(saved: Saved) -> TeamSaved:
    """A stored team as the API answers it."""
    return TeamSaved(**_detail(saved.team, saved.spec), additions=saved.additions, warnings=saved.warnings)


def _checked(config: Mapping[str, Any] | None = None, **found: Any) -> TeamChecked:
    return TeamChecked(
        **{"errors": [], "warnings": [], "additions": [], **found}, valid=config is not None, config=config
    )


def _version(row: Any, current: int) -> dict[str, Any]:
    """Fields of VersionRow, from a row of the team's history."""
    return {
        "version": row.version,
        "created_at": row.history_date,
        "actor": row.actor,
        "reason": row.history_change_reason or "",
        "additions": row.additions,
        "config_hash": row.config_hash,
        "is_current": row.version == current,
    }


urlpatterns = [
    path("teams", TeamsView.as_view(), name="api-teams"),
    path("teams/validate", TeamValidateView.as_view(), name="api-teams-validate"),
    path("teams/<id:team_id>", TeamView.as_view(), name="api-team"),
    path("teams/<id:team_id>/restore", TeamRestoreView.as_view(), name="api-team-restore"),
    path("teams/<id:team_id>/rollback", TeamRollbackView.as_view(), name="api-team-rollback"),
    path("teams/<id:team_id>/versions", VersionsView.as_view(), name="api-versions"),
    path("teams/<id:team_id>/versions/compare", CompareView.as_view(), name="api-versions-compare"),
    path("teams/<id:team_id>/versions/<int:version>", VersionView.as_view(), name="api-version"),
]
