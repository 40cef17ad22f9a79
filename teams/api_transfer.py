"""/api/v1/teams/export and /import: teams as one document, with a report of what became of each."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter
from pydantic import AfterValidator, Field
from rest_framework.request import Request
from rest_framework.response import Response

from teams import transfer
from teams.access import Actor
from teams.api_base import ApiView
from teams.api_schema import describe
from teams.api_shapes import CONFIG_EXAMPLE, TEAM_ID, Config, Place, Reason
from teams.errors import Invalid, Located
from teams.shapes import Answer, Body, Query

ALL = "all"
_MAX_IDS = 40 * transfer.MAX_TEAMS


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains the NUL character: remove it")
    return text


class ExportQuery(Query):
    """Which teams."""

    ids: Annotated[str, Field(max_length=_MAX_IDS), AfterValidator(_without_nul)] = Field(
        ALL, description="Ids with commas between them, or `all`."
    )

    def team_ids(self) -> list[UUID] | None:
        """The ids; None for all. Raises `Invalid`."""
        return None if self.ids == ALL else [_uuid(text.strip()) for text in self.ids.split(",")]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        problem = Located(loc="ids", msg="must be UUIDs with commas between them, or all")
        raise Invalid("The query has 1 error.", errors=[problem]) from error


class ExportedTeam(Answer):
    """A team in a document. The config names no tenant; agents keep their ids."""

    id: UUID
    name: str
    version: int
    config: Config


class TeamsExport(Answer):
    """Teams as a document that `import` reads."""

    format: str = Field(description="`agent-team-builder`.")
    version: int = Field(description="Of the format.")
    exported_at: datetime
    teams: list[ExportedTeam]


class TeamsImport(Body):
    """A document to be imported."""

    document: Any = Field(
        description="An export; a team, a list of teams or a gallery of AutoGen Studio; or for CrewAI "
        "`{agents, tasks}`, each the text of its YAML file or the same as an object."
    )
    format: transfer.Format = Field("auto", description="What the document is; `auto`: it is found out.")
    mode: transfer.Mode = Field(
        "create",
        description="What to do with a team whose id you have already: make a new team with a new id, store a new "
        "version, or leave it as it is. Other tools' teams are always new.",
    )
    dry_run: bool = Field(False, description="Check everything and tell what would happen; nothing is stored.")
    reason: Reason = ""

    @classmethod
    def read(cls, values: object, saying: str = "The request") -> Self:
        """As always, but a document sent bare is told where it belongs, not that its fields are unknown."""
        if isinstance(values, dict) and "document" not in values and values.keys() - cls.model_fields.keys():
            msg = 'is required: send what is to be imported inside, {"document": { … }}'
            raise Invalid(f"{saying} has 1 error.", errors=[Located(loc="document", msg=msg)])
        return super().read(values, saying)


class ImportResult(Answer):
    """What became of one team of the document."""

    index: int
    id: UUID | None = Field(description="Null where a dry run would make a new team, and where none was made.")
    name: str
    action: transfer.Action
    version: int | None
    detail: str
    errors: list[Place] = Field(description="Why it failed; places start at its config.")
    warnings: list[Place]


class ImportCounts(Answer):
    """How many teams."""

    created: int
    updated: int
    skipped: int
    failed: int


class ImportReport(Answer):
    """What became of a document. With `dry_run`: what would."""

    format: str
    mode: transfer.Mode
    dry_run: bool
    counts: ImportCounts
    results: list[ImportResult]
    notes: list[Place] = Field(
        description="What another tool's document says that is not carried over, or otherwise; places start at the "
        "document."
    )


EXPORT_EXAMPLE: dict[str, Any] = {
    "format": transfer.FORMAT,
    "version": transfer.VERSION,
    "exported_at": "2026-11-21T09:30:00Z",
    "teams": [{"id": TEAM_ID, "name": "Release notes", "version": 3, "config": CONFIG_EXAMPLE}],
}
IMPORT_EXAMPLE: dict[str, Any] = {
    "format": "crewai",
    "document": {
        "agents": "researcher:\n  role: Researcher\n  goal: Find facts about {topic}\n  backstory: Curious.\n",
        "tasks": "research:\n  description: Research {topic}.\n  expected_output: Ten facts.\n  agent: researcher\n",
    },
    "dry_run": True,
}
REPORT_EXAMPLE: dict[str, Any] = {
    "format": "crewai",
    "mode": "create",
    "dry_run": True,
    "counts": {"created": 1, "updated": 0, "skipped": 0, "failed": 0},
    "results": [
        {
            "index": 0,
            "id": None,
            "name": "Crew: researcher",
            "action": "created",
            "version": 1,
            "detail": "",
            "errors": [],
            "warnings": [],
        }
    ],
    "notes": [{"loc": "agents.researcher.tools", "msg": "not carried over: tools of CrewAI do not run here"}],
}
_DISPOSITION = OpenApiParameter(
    "Content-Disposition", str, OpenApiParameter.HEADER, response=[200], description="A name to save it under."
)


class TeamsExportView(ApiView):
    """Teams out."""

    scopes = {"GET": "teams:read"}
    queries = {"GET": ExportQuery}
    query: ExportQuery

    @describe(
        "Export teams",
        answer=TeamsExport,
        example=EXPORT_EXAMPLE,
        problems={404: f"Team ID {TEAM_ID} not found or is deleted"},
        headers=(_DISPOSITION,),
    )
    def get(self, _request: Request) -> Response:
        """Up to 1,000 teams as one document, as they are now; deleted ones are left out."""
        answer = TeamsExport(**transfer.export_teams(actor=self.actor, team_ids=self.query.team_ids()))
        return self.answer(answer, Content_Disposition=f'attachment; filename="{file_name(self.actor)}"')


class TeamsImportView(ApiView):
    """Teams in."""

    may_wait = frozenset({"POST"})
    scopes = {"POST": "teams:write"}

    @describe(
        "Import teams",
        answer=ImportReport,
        example=REPORT_EXAMPLE,
        body=TeamsImport,
        body_example=IMPORT_EXAMPLE,
    )
    def post(self, _request: Request) -> Response:
        """Store the teams of a document, each on its own: one that is refused is told in the report and keeps no other
        out. A document that cannot be read at all is a 400. No model is asked."""
        body = self.body(TeamsImport)
        try:
            report = transfer.import_teams(
                actor=self.actor,
                document=body.document,
                source=body.format,
                mode=body.mode,
                dry_run=body.dry_run,
                reason=body.reason,
            )
        except Invalid as error:
            raise Invalid(error.detail, errors=list(inside_document(error.errors))) from error
        return self.answer(_answer(report))


def file_name(actor: Actor) -> str:
    """A name for the file of an export."""
    return f"teams-{actor.tenant_slug}.json"


def inside_document(errors: Sequence[Located]) -> Sequence[Located]:
    """Places in the document as places in the body."""
    return [Located(loc=f"document.{error['loc']}".rstrip("."), msg=error["msg"]) for error in errors]


def _answer(report: transfer.Report) -> ImportReport:
    return ImportReport(
        format=report.format,
        mode=report.mode,
        dry_run=report.dry_run,
        counts=ImportCounts(**report.counts),
        results=[ImportResult(**asdict(result)) for result in report.results],
        notes=[Place(**note) for note in report.notes],
    )


urlpatterns = [
    path("teams/export", TeamsExportView.as_view(), name="api-teams-export"),
    path("teams/import", TeamsImportView.as_view(), name="api-teams-import"),
]
