"""Teams as one JSON document: out of a tenant, and into it, also from AutoGen Studio and CrewAI.

Each team of a document arrives on its own, in its own short transaction, and the report tells of each what became of
it. No model is asked on the way: what the Team Builder added before is part of the config, and stays as it was.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

from django.db.models import Sum, TextField
from django.db.models.functions import Cast, Length
from django.utils import timezone
from pydantic import AfterValidator, Field

from teams.access import Actor
from teams.building import prepare
from teams.canonical import name_of_type, printable
from teams.errors import Conflict, Forbidden, Invalid, Located, NotFound
from teams.importers import autogen, crewai
from teams.importers.carrying import Imported
from teams.models import Team
from teams.services import team_create, team_rename, team_update
from teams.shapes import Shape
from teams.spec import Name, TeamSpec, config_hash, dump
from teams.tenancy import tenant

FORMAT: Final = "agent-team-builder"
VERSION: Final = 1
MAX_TEAMS: Final = 1_000
MAX_EXPORT_CHARS: Final = 50_000_000

Mode = Literal["create", "update", "skip"]
"""What to do with a team whose id is here already: make a new team, store a new version, or leave it."""

Format = Literal["auto", "agent-team-builder", "autogen-studio", "crewai"]
Action = Literal["created", "updated", "skipped", "failed"]

_FOREIGN: Final[dict[str, Callable[[object], Imported]]] = {
    "autogen-studio": autogen.read,
    "crewai": crewai.read,
}
_PROVIDER: Final = re.compile(r"agents\.(\d+)\.LLM_model\.provider")

T = TypeVar("T")


# --- the document -----------------------------------------------------------------------------------------------------


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of visible characters")
    return text


class TeamInDocument(Shape):
    """One team. Its config is checked on its own, so that one team's errors leave the others alone."""

    config: Any
    id: UUID | None = None
    name: Annotated[Name, AfterValidator(_one_line)] = ""
    version: int | None = None


class TeamsDocument(Shape):
    """What an export writes and an import reads."""

    format: Literal["agent-team-builder"]
    version: int
    teams: Annotated[tuple[TeamInDocument, ...], Field(max_length=MAX_TEAMS)]
    exported_at: datetime | None = None


def export_teams(*, actor: Actor, team_ids: Sequence[UUID] | None = None) -> dict[str, Any]:
    """The document of some teams, in the order asked for, or of all that are not deleted, oldest first.

    Configs leave out the tenant, so that they fit any; agents keep their ids, which are unique in their team only.
    Raises `NotFound`, with one text for foreign, deleted and missing, or `Invalid` when it would be too large.
    """
    actor.require("teams:read")
    with tenant(actor.tenant_id):
        teams = Team.objects.filter(is_deleted=False).order_by("created_at", "id")
        if team_ids is not None:
            teams = teams.filter(id__in=team_ids)
        _check_size(teams.count(), teams.aggregate(chars=Sum(Length(Cast("config", TextField()))))["chars"] or 0)
        found = {team.id: team for team in teams}
    for team_id in team_ids or ():
        if team_id not in found:
            raise NotFound(f"Team ID {team_id} not found or is deleted")
    wanted = list(found) if team_ids is None else dict.fromkeys(team_ids)
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": timezone.now(),
        "teams": [_exported(found[team_id]) for team_id in wanted],
    }


def _check_size(count: int, chars: int) -> None:
    if count > MAX_TEAMS:
        msg = f"are {count} teams: at most {MAX_TEAMS} fit in one document; name fewer"
    elif chars > MAX_EXPORT_CHARS:
        msg = f"are {chars / 1e6:.0f} MB: at most {MAX_EXPORT_CHARS / 1e6:.0f} MB fit in one document; name fewer"
    else:
        return
    raise Invalid("The export is too large.", errors=[Located(loc="ids", msg=msg)])


def _exported(team: Team) -> dict[str, Any]:
    try:
        config = dump(TeamSpec.load(team.config))
    except Invalid:  # it leaves as it is, to be mended
        config = dict(team.config)
    config.pop("tenant_id", None)
    return {"id": team.id, "name": team.name, "version": team.version, "config": config}


# --- the report -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TeamResult:
    """What became of one team. Places start at its config; `id` is None where a dry run would make a new one."""

    index: int
    id: UUID | None
    name: str
    action: Action
    version: int | None = None
    detail: str = ""
    errors: list[Located] = field(default_factory=list)
    warnings: list[Located] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """What became of a document. The places of `notes` start at the document."""

    format: str
    mode: Mode
    dry_run: bool
    results: list[TeamResult]
    notes: list[Located]

    @property
    def counts(self) -> dict[str, int]:
        """How many teams were created, updated, skipped and failed."""
        actions: list[Action] = ["created", "updated", "skipped", "failed"]
        return {action: sum(result.action == action for result in self.results) for action in actions}

    @property
    def failed(self) -> int:
        """How many teams did not arrive."""
        return self.counts["failed"]


# --- the import -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Arriving:
    """A team about to be stored. One from another tool may lose a model that nobody has set up here."""

    index: int
    id: UUID | None
    name: str
    config: Any
    foreign: bool


def import_teams(
    *, actor: Actor, document: object, source: Format = "auto", mode: Mode = "create", dry_run: bool = False,
    reason: str = "",
) -> Report:  # fmt: skip
    """Store the teams of a document, or with `dry_run` only tell what would become of each.

    A team that is refused does not keep the others out. Raises `Invalid`, with paths in the document, when it cannot be
    read at all.
    """
    actor.require("teams:write")
    found = detect(document) if source == "auto" else source
    arriving, notes = _arriving(document, found)
    if len(arriving) > MAX_TEAMS:
        raise _unreadable("", f"holds {len(arriving)} teams: at most {MAX_TEAMS} at once")
    why = reason or f"imported from {found}"
    results = [_arrive(actor, one, mode, dry_run, why) for one in arriving]
    return Report(found, mode, dry_run, results, notes)


def detect(document: object) -> str:
    """The format of a document. Raises `Invalid` when it looks like none."""
    if isinstance(document, dict):
        if document.get("format") == FORMAT or "agent_team_main_goal" in document or _is_one_team(document):
            return FORMAT
        if "agents" in document and "provider" not in document:
            return "crewai"
        if {"provider", "component", "components", "component_type", "team_type"} & document.keys():
            return "autogen-studio"
    elif isinstance(document, list) and document:
        return "autogen-studio"
    raise _unreadable(
        "", f"is in no format that can be imported: an export of teams, a team of AutoGen Studio, or agents and tasks "
        f"of CrewAI were expected; got {name_of_type(document)}"
    )  # fmt: skip


def _is_one_team(document: dict[str, Any]) -> bool:
    """Whether it is one entry of an export, or a team as the API answers and takes it: the config has a goal."""
    config = document.get("config")
    return isinstance(config, dict) and "agent_team_main_goal" in config


def _unreadable(loc: str, msg: str) -> Invalid:
    return Invalid("The document cannot be imported.", errors=[Located(loc=loc, msg=msg)])


def _arriving(document: object, found: str) -> tuple[list[_Arriving], list[Located]]:
    if found in _FOREIGN:
        imported = _FOREIGN[found](document)
        teams = [_Arriving(i, None, team.name, team.config, foreign=True) for i, team in enumerate(imported.teams)]
        return teams, imported.notes
    return [_Arriving(i, t.id, t.name, t.config, foreign=False) for i, t in enumerate(_own(document))], []


def _own(document: object) -> tuple[TeamInDocument, ...]:
    """The teams of an export; a bare config is one team, and so is one with its config inside."""
    if isinstance(document, dict) and "agent_team_main_goal" in document:
        return (TeamInDocument(config=document),)
    if isinstance(document, dict) and _is_one_team(document):
        told = {name: document[name] for name in TeamInDocument.model_fields if name in document}
        return (TeamInDocument.read(told, "The document"),)
    read = TeamsDocument.read(document, "The document")
    if read.version != VERSION:
        raise _unreadable("version", f"is {read.version}: this server reads version {VERSION} of the format")
    first: dict[UUID, int] = {}
    for index, team in enumerate(read.teams):
        if team.id is not None and first.setdefault(team.id, index) != index:
            raise _unreadable(f"teams.{index}.id", f"is already the id of teams.{first[team.id]}: keep one of them")
    return read.teams


def _arrive(actor: Actor, one: _Arriving, mode: Mode, dry_run: bool, reason: str) -> TeamResult:
    try:
        # While a scope is open no model is asked: an import of a thousand teams must not wait for a thousand answers.
        with tenant(actor.tenant_id):
            return _settled(actor, one, mode, dry_run, reason)
    except (Invalid, Conflict, Forbidden, NotFound) as error:
        return TeamResult(one.index, one.id, one.name, "failed", detail=error.detail, errors=error.errors)


def _settled(actor: Actor, one: _Arriving, mode: Mode, dry_run: bool, reason: str) -> TeamResult:
    team_id = None if mode == "create" else one.id
    there = Team.objects.filter(id=team_id).first() if team_id else None
    if there is None:
        return _created(actor, one, team_id, dry_run, reason)
    if mode == "skip":
        return _skipped(one, there, "its id is here already" + (", deleted" if there.is_deleted else ""))
    if there.is_deleted:
        raise Conflict(f"Team ID {team_id} is deleted; restore it first or leave team_id out")
    return _updated(actor, one, there, dry_run, reason)


def _created(actor: Actor, one: _Arriving, team_id: UUID | None, dry_run: bool, reason: str) -> TeamResult:
    if dry_run:
        prepared, swaps = _with_known_models(one, lambda config: prepare(actor, config))
        return TeamResult(one.index, team_id, one.name, "created", 1, warnings=[*swaps, *prepared.warnings])
    saved, swaps = _with_known_models(
        one, lambda config: team_create(actor=actor, config=config, name=one.name, reason=reason, team_id=team_id)
    )
    team = saved.team
    return TeamResult(one.index, team.id, team.name, "created", team.version, warnings=[*swaps, *saved.warnings])


def _updated(actor: Actor, one: _Arriving, team: Team, dry_run: bool, reason: str) -> TeamResult:
    name = one.name.strip() or team.name
    if _same_config(actor, one.config, team):
        if name == team.name:
            return _skipped(one, team, "nothing differs from what is here")
        if not dry_run:
            team_rename(actor=actor, team_id=team.id, name=name, reason=reason)
        return TeamResult(one.index, team.id, name, "updated", team.version, "only its name differs")
    if dry_run:
        prepared = prepare(actor, one.config)
        return TeamResult(one.index, team.id, name, "updated", team.version + 1, warnings=prepared.warnings)
    saved = team_update(actor=actor, team_id=team.id, config=one.config, name=name, reason=reason)
    return TeamResult(one.index, team.id, name, "updated", saved.team.version, warnings=saved.warnings)


def _skipped(one: _Arriving, team: Team, detail: str) -> TeamResult:
    return TeamResult(one.index, team.id, team.name, "skipped", team.version, detail)


def _same_config(actor: Actor, config: object, team: Team) -> bool:
    """Whether saving the config would store what is stored already."""
    if not isinstance(config, dict) or config.get("tenant_id") not in (None, actor.tenant_slug):
        return False
    spec = TeamSpec.load(config).model_copy(update={"tenant_id": actor.tenant_slug})
    return config_hash(dump(spec)) == team.config_hash


def _with_known_models(one: _Arriving, store: Callable[[Any], T]) -> tuple[T, list[Located]]:
    """Store a team. One from another tool that names providers nobody has set up here speaks with the default model."""
    try:
        return store(one.config), []
    except Invalid as error:
        unknown = [_PROVIDER.fullmatch(found["loc"]) for found in error.errors]
        if not one.foreign or not unknown or None in unknown:
            raise
    indexes = {int(match[1]) for match in unknown if match}
    return store(_without_models(one.config, indexes)), list(_swaps(one.config, indexes))


def _without_models(config: dict[str, Any], indexes: set[int]) -> dict[str, Any]:
    agents = [
        {**agent, "LLM_model": None} if index in indexes else agent for index, agent in enumerate(config["agents"])
    ]
    return {**config, "agents": agents}


def _swaps(config: dict[str, Any], indexes: set[int]) -> Iterable[Located]:
    for index in sorted(indexes):
        model = config["agents"][index]["LLM_model"]
        msg = printable(
            f'no provider "{model["provider"]}" is set up here: the default model speaks, not {model["model"]}'
        )
        yield Located(loc=f"agents.{index}.LLM_model", msg=msg)
