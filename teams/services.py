"""The only writers of teams. Each change is one short transaction: row lock, checks, version, history, audit.

A version is a history row with `makes_version`; its number rises by one under the row lock. Deleting, restoring and
renaming leave a history row, but no version.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, models
from django.utils import timezone

from teams import audit
from teams.access import Actor
from teams.building import Prepared, prepare
from teams.errors import Conflict, Invalid, Located, NotFound, PreconditionFailed, StoredConfigBroken
from teams.history import ChangeNote
from teams.models import Team
from teams.spec import TeamSpec
from teams.tenancy import tenant

MAX_NAME = 200
MAX_REASON = 2000


@dataclass(frozen=True)
class Saved:
    """A stored change: the team as it is now, and what the caller should know about it."""

    team: Team
    additions: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[Located] = field(default_factory=list)


def team_validate(*, actor: Actor, config: object) -> Prepared:
    """Check a config as `team_create` would, storing nothing."""
    actor.require("teams:read")
    return prepare(actor, config)


def team_create(
    *, actor: Actor, config: object, name: str = "", reason: str = "", team_id: UUID | None = None
) -> Saved:
    """Store a new team as version 1. Raises `Invalid`, `Forbidden`, or `Conflict` when the id is taken."""
    actor.require("teams:write")
    _checked_texts(name, reason)
    prepared = prepare(actor, config)
    team = Team(id=team_id or uuid4(), name=name.strip() or _name_from(prepared.spec))
    try:
        with tenant(actor.tenant_id):
            _store_version(team, actor, prepared, reason, "team.create", before=None)
    except IntegrityError as error:
        # The id may be another tenant's, which row level security does not let us see. One answer for both.
        raise Conflict(f"Team ID {team.id} is taken; leave it out to get a new one") from error
    return Saved(team, prepared.additions, prepared.warnings)


def team_update(
    *, actor: Actor, team_id: UUID, config: object, reason: str = "", expected_version: int | None = None,
    name: str | None = None,
) -> Saved:  # fmt: skip
    """Store a new version of a team.

    Raises `NotFound` before `Invalid`, and `PreconditionFailed` when `expected_version` is no longer the team's.
    """
    actor.require("teams:write")
    _checked_texts(name or "", reason)
    previous = team_get(actor=actor, team_id=team_id)
    prepared = prepare(actor, config, _spec_or_none(previous))
    with _locked(actor, team_id) as team:
        _expect(team, expected_version)
        if name is not None and name.strip():
            team.name = name.strip()
        _store_version(team, actor, prepared, reason, "team.update", before={"version": team.version})
    return Saved(team, prepared.additions, prepared.warnings)


def team_upsert(*, actor: Actor, team_id: UUID | None, config: object, reason: str = "") -> Saved:
    """Create the team, or store a new version when the id is already the caller's.

    Raises `Conflict` for a deleted team's id and for one taken elsewhere: an upsert never revives silently.
    """
    actor.require("teams:write")
    if team_id is None:
        return team_create(actor=actor, config=config, reason=reason)
    with tenant(actor.tenant_id):
        existing = Team.objects.filter(id=team_id).values_list("is_deleted", flat=True).first()
    if existing is None:
        return team_create(actor=actor, config=config, reason=reason, team_id=team_id)
    if existing:
        raise Conflict(f"Team ID {team_id} is deleted; restore it first or leave team_id out")
    return team_update(actor=actor, team_id=team_id, config=config, reason=reason)


def team_rename(
    *, actor: Actor, team_id: UUID, name: str, reason: str = "", expected_version: int | None = None
) -> Team:
    """Give a team another name; no new version. Raises `NotFound`, `Invalid` or `PreconditionFailed`."""
    actor.require("teams:write")
    _checked_texts(name, reason)
    if not name.strip():
        raise Invalid("A team needs a name.", errors=[Located(loc="name", msg="must not be empty")])
    with _locked(actor, team_id) as team:
        _expect(team, expected_version)
        before, team.name = team.name, name.strip()
        _store(team, actor, reason)
        audit.record(actor, "team.rename", team, before={"name": before}, after={"name": team.name}, reason=reason)
    return team


def team_rollback(
    *, actor: Actor, team_id: UUID, target_version: int, reason: str = "", expected_version: int | None = None
) -> Saved:
    """Store an old version's config as a new version. Raises `NotFound` for the team or the version, and
    `PreconditionFailed` when `expected_version` is no longer the team's."""
    actor.require("teams:write")
    _checked_texts("", reason)
    old = team_version(actor=actor, team_id=team_id, version=target_version)
    # Checked again: a provider or a tool may be gone since, and a version that cannot run should say so now.
    # Old versions name the slug the tenant had then.
    prepared = prepare(actor, {**old.config, "tenant_id": actor.tenant_slug})
    reason = reason or f"rolled back to version {target_version}"
    with _locked(actor, team_id) as team:
        _expect(team, expected_version)
        _store_version(team, actor, prepared, reason, "team.rollback", before={"version": team.version})
    return Saved(team, prepared.additions, prepared.warnings)


def team_delete(*, actor: Actor, team_id: UUID, reason: str = "") -> Team:
    """Delete softly: nothing is removed, runs in hand go on, new ones answer 404. Raises `NotFound`."""
    actor.require("teams:write")
    _checked_texts("", reason)
    with _locked(actor, team_id, missing="not found or already deleted") as team:
        team.is_deleted, team.deleted_at = True, timezone.now()
        _store(team, actor, reason)
        audit.record(actor, "team.delete", team, before={"version": team.version}, reason=reason)
    return team


def team_restore(*, actor: Actor, team_id: UUID, reason: str = "") -> Team:
    """Bring a deleted team back as it was. Raises `NotFound`, or `Conflict` when it is not deleted."""
    actor.require("teams:write")
    _checked_texts("", reason)
    with tenant(actor.tenant_id):
        team = Team.objects.select_for_update().filter(id=team_id).first()
        if team is None:
            raise NotFound(f"Team ID {team_id} not found")
        if not team.is_deleted:
            raise Conflict(f"Team ID {team_id} is not deleted")
        team.is_deleted, team.deleted_at = False, None
        _store(team, actor, reason)
        audit.record(actor, "team.restore", team, after={"version": team.version}, reason=reason)
    return team


# --- questions --------------------------------------------------------------------------------------------------------


def team_get(*, actor: Actor, team_id: UUID) -> Team:
    """Return a team that is not deleted; raise `NotFound`, with one text for foreign, deleted and missing."""
    with tenant(actor.tenant_id):
        team = Team.objects.filter(id=team_id, is_deleted=False).first()
    if team is None:
        raise _not_found(team_id)
    return team


def team_version(*, actor: Actor, team_id: UUID, version: int) -> Any:
    """Return the history row of one version of a team that is not deleted; raise `NotFound`."""
    team_get(actor=actor, team_id=team_id)
    with tenant(actor.tenant_id):
        row = team_versions(team_id).filter(version=version).first()
    if row is None:
        raise NotFound(f"Version {version} not found for Team ID {team_id}")
    return row


def team_versions(team_id: UUID) -> models.QuerySet[Any]:
    """Return the history rows of a team that made a version; evaluate it inside the tenant's scope."""
    rows: models.QuerySet[Any] = Team.history.filter(id=team_id, makes_version=True)
    return rows


def stored_spec(config: object) -> TeamSpec:
    """Read a stored config; raise `StoredConfigBroken` when it no longer parses."""
    try:
        return TeamSpec.load(config)
    except Invalid as error:
        raise StoredConfigBroken(f"Stored configuration is invalid: {error}", errors=error.errors) from error


# --- inside -----------------------------------------------------------------------------------------------------------


@contextmanager
def _locked(actor: Actor, team_id: UUID, missing: str = "not found or is deleted") -> Iterator[Team]:
    with tenant(actor.tenant_id):
        team = Team.objects.select_for_update().filter(id=team_id, is_deleted=False).first()
        if team is None:
            raise _not_found(team_id, missing)
        yield team


def _not_found(team_id: UUID, missing: str = "not found or is deleted") -> NotFound:
    return NotFound(f"Team ID {team_id} {missing}")


def _expect(team: Team, version: int | None) -> None:
    if version is not None and team.version != version:
        raise PreconditionFailed(
            f"the team is at version {team.version}, not {version}: somebody changed it meanwhile; "
            f"compare the two, then repeat your change on version {team.version}"
        )


def _store_version(
    team: Team, actor: Actor, prepared: Prepared, reason: str, action: str, before: dict[str, Any] | None
) -> None:
    team.version += 1
    team.config, team.config_hash = prepared.config, prepared.config_hash
    _store(team, actor, reason, makes_version=True, additions=prepared.additions)
    after = {"version": team.version, "config_hash": team.config_hash, "additions": prepared.additions}
    audit.record(actor, action, team, before=before, after=after, reason=reason)


def _store(team: Team, actor: Actor, reason: str, **version: Any) -> None:
    team.updated_at = timezone.now()
    team._change = ChangeNote(actor.label, reason, actor.user_id, **version)
    team.save(force_insert=team._state.adding)


def _spec_or_none(team: Team) -> TeamSpec | None:
    # A stored config that no longer parses must not stop the update that mends it; its agents just get new ids.
    try:
        return TeamSpec.load(team.config)
    except Invalid:
        return None


def _name_from(spec: TeamSpec) -> str:
    words = " ".join(spec.agent_team_main_goal.split())
    return words if len(words) <= 60 else words[:59].rsplit(" ", 1)[0] + "…"


def _checked_texts(name: str, reason: str) -> None:
    errors = [
        Located(loc=loc, msg=msg)
        for loc, text, most in (("name", name, MAX_NAME), ("reason", reason, MAX_REASON))
        for msg in _text_problems(text, most)
    ]
    if errors:
        raise Invalid("The request is not valid.", errors=errors)


def _text_problems(text: str, most: int) -> Iterator[str]:
    if len(text) > most:
        yield f"has {len(text)} characters, at most {most} are allowed"
    if "\0" in text:
        yield "must not contain NUL characters"
