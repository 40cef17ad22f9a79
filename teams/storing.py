"""How a change of a team is written: row lock, version, history, audit. Called by the services alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from teams import audit
from teams.access import Actor
from teams.building import Prepared
from teams.errors import Conflict, Invalid, Located, NotFound, PreconditionFailed
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
    spec: TeamSpec | None = None
    """The team's config as it was read for this change; None: it was not."""


@contextmanager
def locked(actor: Actor, team_id: UUID, missing: str = "not found or is deleted") -> Iterator[Team]:
    """Open the tenant's scope with the team's row locked. Raises `NotFound`."""
    with tenant(actor.tenant_id):
        team = Team.objects.select_for_update().filter(id=team_id, is_deleted=False).first()
        if team is None:
            raise not_found(team_id, missing)
        yield team


def not_found(team_id: UUID, missing: str = "not found or is deleted") -> NotFound:
    """The error for a team that is not there, or is another tenant's."""
    return NotFound(f"Team ID {team_id} {missing}")


def expect(team: Team, version: int | None) -> None:
    """Raise `PreconditionFailed` when the team is no longer at the version the caller has seen."""
    if version is not None and team.version != version:
        raise PreconditionFailed(
            f"the team is at version {team.version}, not {version}: somebody changed it meanwhile; "
            f"compare the two, then repeat your change on version {team.version}"
        )


def still_at(team: Team, prepared: Prepared) -> None:
    """Raise `Conflict` when the team moved while a model was asked: its answer was about another version."""
    if prepared.model and prepared.version is not None and team.version != prepared.version:
        raise Conflict(
            f"the team moved from version {prepared.version} to {team.version} while {prepared.model} was asked: "
            "nothing was saved; look at the change, then try again"
        )


def store_version(
    team: Team,
    actor: Actor,
    prepared: Prepared,
    reason: str,
    action: str,
    before: dict[str, Any] | None,
    **more: Any,
) -> None:
    """Write the prepared config as the team's next version, with its proposal if there is one.

    `more` is told in the audit trail beside the version.
    """
    team.version += 1
    team.config, team.config_hash = prepared.config, prepared.config_hash
    if prepared.proposed:
        team.pending_proposal = new_proposal(team, actor, prepared)
    store(team, actor, reason, makes_version=True, additions=prepared.additions)
    after = {"version": team.version, "config_hash": team.config_hash, "additions": prepared.additions, **more}
    if prepared.proposed:
        after["proposal"] = audited_proposal(team.pending_proposal)
    if before and "name" in before:
        after["name"] = team.name
    audit.record(actor, action, team, before=before, after=after, reason=reason)


def store(team: Team, actor: Actor, reason: str, **version: Any) -> None:
    """Write the team's row and its history."""
    team.updated_at = timezone.now()
    team._change = ChangeNote(actor.label, reason, actor.user_id, **version)
    team.save(force_insert=team._state.adding)


def new_proposal(team: Team, actor: Actor, prepared: Prepared) -> dict[str, Any]:
    """What waits for approval, as it is kept with the team: made for this version and no other."""
    return {
        "id": str(uuid4()),
        "version": team.version,
        "made_by": "team-builder",
        "asked_by": actor.label,
        "model": prepared.model or None,
        "created_at": timezone.now().isoformat().replace("+00:00", "Z"),
        "additions": prepared.proposed,
    }


def audited_proposal(proposal: dict[str, Any] | None) -> dict[str, Any] | None:
    """A proposal in few words for the audit trail."""
    if proposal is None:
        return None
    named = [{key: one[key] for key in ("role", "reason", "source", "place")} for one in proposal["additions"]]
    return {"id": proposal["id"], "version": proposal["version"], "model": proposal["model"], "additions": named}


def checked_texts(name: str, reason: str) -> None:
    """Raise `Invalid` for a name or reason that cannot be stored."""
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
