"""The only writers of teams. Each change is one short transaction: row lock, checks, version, history, audit.

A version is a history row with `makes_version`; its number rises by one under the row lock. Deleting, restoring and
renaming leave a history row, but no version.
"""

from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, models
from django.utils import timezone

from teams import audit
from teams.access import Actor
from teams.building import Asking, Past, Prepared, prepare
from teams.errors import Conflict, Invalid, Located, NotFound, StoredConfigBroken
from teams.models import Team
from teams.onerow import one_row
from teams.spec import TeamSpec
from teams.storing import MAX_REASON, Saved, checked_texts, expect, locked, not_found, still_at, store, store_version
from teams.tenancy import tenant

__all__ = ["MAX_REASON", "Saved"]  # where callers of these services look for them


def team_validate(*, actor: Actor, config: object) -> Prepared:
    """Check a config as `team_create` would, storing nothing and asking no model."""
    actor.require("teams:read")
    return prepare(actor, config, asking=Asking.WHEN_SAVED)


def team_prepare(
    *, actor: Actor, config: object, team_id: UUID | None = None, expected_version: int | None = None
) -> Prepared:
    """Do all of a save that may take long (a model may be asked) and needs no lock; store it with `prepared=`.

    For callers who save inside a scope; others leave it to `team_create` and `team_update`, which begin with it.
    Raises `NotFound` before `PreconditionFailed` before `Invalid`: of a version that is gone no model is asked.
    """
    actor.require("teams:write")
    if team_id is None:
        return prepare(actor, config)
    team = team_get(actor=actor, team_id=team_id)
    expect(team, expected_version)
    return prepare(actor, config, team_past(team))


def team_create(
    *, actor: Actor, config: object, name: str = "", reason: str = "", team_id: UUID | None = None,
    prepared: Prepared | None = None,
) -> Saved:  # fmt: skip
    """Store a new team as version 1. Raises `Invalid`, `Forbidden`, or `Conflict` when the id is taken."""
    actor.require("teams:write")
    checked_texts(name, reason)
    prepared = prepared or prepare(actor, config)
    team = Team(id=team_id or uuid4(), name=name.strip() or _name_from(prepared.spec))
    try:
        with tenant(actor.tenant_id):
            store_version(team, actor, prepared, reason, "team.create", before=None)
    except IntegrityError as error:
        # The id may be another tenant's, which row level security does not let us see. One answer for both.
        raise Conflict(f"Team ID {team.id} is taken; leave it out to get a new one") from error
    return Saved(team, prepared.additions, prepared.warnings, prepared.spec)


def team_update(
    *, actor: Actor, team_id: UUID, config: object, reason: str = "", expected_version: int | None = None,
    name: str | None = None, prepared: Prepared | None = None,
) -> Saved:  # fmt: skip
    """Store a new version of a team.

    Raises `NotFound` before `PreconditionFailed` (`expected_version` is no longer the team's) before `Invalid`, and
    `Conflict` when it moved while a model was asked.
    """
    actor.require("teams:write")
    checked_texts(name or "", reason)
    prepared = prepared or team_prepare(actor=actor, config=config, team_id=team_id, expected_version=expected_version)
    with locked(actor, team_id) as team:
        expect(team, expected_version)
        still_at(team, prepared)
        before: dict[str, Any] = {"version": team.version}
        if name is not None and name.strip() not in {"", team.name}:
            before["name"], team.name = team.name, name.strip()
        store_version(team, actor, prepared, reason, "team.update", before=before)
    return Saved(team, prepared.additions, prepared.warnings, prepared.spec)


def team_upsert(*, actor: Actor, team_id: UUID | None, config: object, reason: str = "") -> Saved:
    """Create the team, or store a new version when the id is already the caller's.

    Raises `Conflict` for a deleted team's id and for one taken elsewhere: an upsert never revives silently.
    """
    actor.require("teams:write")
    if team_id is None:
        return team_create(actor=actor, config=config, reason=reason)
    if _is_there(actor, team_id):
        return team_update(actor=actor, team_id=team_id, config=config, reason=reason)
    try:
        return team_create(actor=actor, config=config, reason=reason, team_id=team_id)
    except Conflict:
        # Another request of the caller's own may have created it just now; then this one is its next version.
        if not _is_there(actor, team_id):
            raise
    return team_update(actor=actor, team_id=team_id, config=config, reason=reason)


def _is_there(actor: Actor, team_id: UUID) -> bool:
    """Whether the caller has a team of that id. Raises `Conflict` for a deleted one."""
    with tenant(actor.tenant_id):
        deleted = Team.objects.filter(id=team_id).values_list("is_deleted", flat=True).first()
    if deleted:
        raise Conflict(f"Team ID {team_id} is deleted; restore it first or leave team_id out")
    return deleted is not None


def team_rename(
    *, actor: Actor, team_id: UUID, name: str, reason: str = "", expected_version: int | None = None
) -> Team:
    """Give a team another name; no new version. Raises `NotFound`, `Invalid` or `PreconditionFailed`."""
    actor.require("teams:write")
    checked_texts(name, reason)
    if not name.strip():
        raise Invalid("A team needs a name.", errors=[Located(loc="name", msg="must not be empty")])
    with locked(actor, team_id) as team:
        expect(team, expected_version)
        before, team.name = team.name, name.strip()
        store(team, actor, reason)
        audit.record(actor, "team.rename", team, before={"name": before}, after={"name": team.name}, reason=reason)
    return team


def team_rollback(
    *, actor: Actor, team_id: UUID, target_version: int, reason: str = "", expected_version: int | None = None
) -> Saved:
    """Store an old version's config as a new version. Raises `NotFound` for the team or the version, and
    `PreconditionFailed` when `expected_version` is no longer the team's."""
    actor.require("teams:write")
    checked_texts("", reason)
    old = team_version(actor=actor, team_id=team_id, version=target_version)
    # Checked again: a provider or a tool may be gone since, and a version that cannot run should say so now.
    # Old versions name the slug the tenant had then.
    prepared = prepare(actor, {**old.config, "tenant_id": actor.tenant_slug}, asking=Asking.NEVER)
    reason = reason or f"rolled back to version {target_version}"
    with locked(actor, team_id) as team:
        expect(team, expected_version)
        before, back = {"version": team.version}, {"from_version": target_version}
        store_version(team, actor, prepared, reason, "team.rollback", before, **back)
    return Saved(team, prepared.additions, prepared.warnings, prepared.spec)


def team_delete(*, actor: Actor, team_id: UUID, reason: str = "", expected_version: int | None = None) -> Team:
    """Delete softly: nothing is removed, runs in hand go on, new ones answer 404. Raises `NotFound`, and
    `PreconditionFailed` when `expected_version` is no longer the team's."""
    actor.require("teams:write")
    checked_texts("", reason)
    with locked(actor, team_id, missing="not found or already deleted") as team:
        expect(team, expected_version)
        team.is_deleted, team.deleted_at = True, timezone.now()
        store(team, actor, reason)
        audit.record(actor, "team.delete", team, before={"version": team.version}, reason=reason)
    return team


def team_restore(*, actor: Actor, team_id: UUID, reason: str = "") -> Team:
    """Bring a deleted team back as it was. Raises `NotFound`, or `Conflict` when it is not deleted."""
    actor.require("teams:write")
    checked_texts("", reason)
    with tenant(actor.tenant_id):
        team = Team.objects.select_for_update().filter(id=team_id).first()
        if team is None:
            raise NotFound(f"Team ID {team_id} not found")
        if not team.is_deleted:
            raise Conflict(f"Team ID {team_id} is not deleted")
        team.is_deleted, team.deleted_at = False, None
        store(team, actor, reason)
        audit.record(actor, "team.restore", team, after={"version": team.version}, reason=reason)
    return team


# --- questions --------------------------------------------------------------------------------------------------------


def team_get(*, actor: Actor, team_id: UUID) -> Team:
    """Return a team that is not deleted; raise `NotFound`, with one text for foreign, deleted and missing."""
    team = one_row(Team, actor.tenant_id, team_id)
    if team is None or team.is_deleted:
        raise not_found(team_id)
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


def team_past(team: Team) -> Past:
    """Return what the Team Builder has to know of a team before it looks at its next version."""
    with tenant(team.tenant_id):
        rows = list(team_versions(team.id).exclude(additions=[]).values_list("additions", flat=True))
    added = {
        addition["agent_id"]: addition["source"]
        for additions in rows
        for addition in additions
        if addition.get("kind") in _AGAINST_THE_SLOTS
    }
    proposed = (team.pending_proposal or {}).get("additions", [])
    waiting = [addition for addition in proposed if addition["kind"] == "flow"]
    return Past(_spec_or_none(team), added, waiting, team.version)


_AGAINST_THE_SLOTS = {"flow", "recommended"}
"""Kinds of additions that count against `allow_TBA_how_many_more`; the default team does not."""


def stored_spec(config: object) -> TeamSpec:
    """Read a stored config; raise `StoredConfigBroken` when it no longer parses."""
    try:
        return TeamSpec.load(config)
    except Invalid as error:
        raise StoredConfigBroken(f"Stored configuration is invalid: {error}", errors=error.errors) from error


# --- inside -----------------------------------------------------------------------------------------------------------


def _spec_or_none(team: Team) -> TeamSpec | None:
    # A stored config that no longer parses must not stop the update that mends it; its agents just get new ids.
    try:
        return TeamSpec.load(team.config)
    except Invalid:
        return None


def _name_from(spec: TeamSpec) -> str:
    words = " ".join(spec.agent_team_main_goal.split())
    return words if len(words) <= 60 else words[:59].rsplit(" ", 1)[0] + "…"
