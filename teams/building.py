"""From the JSON somebody sent to a config that may be stored: shape, filling of roles, checks by other apps.

Everything here happens before a transaction is opened, so a slow check (or, with the Team Builder, a model) never holds
a lock. What other apps know (templates, tools, providers) is asked through names in settings, never by import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from teams.access import Actor
from teams.errors import Forbidden, Invalid, Located
from teams.spec import TeamSpec, config_hash, dump

FOREIGN_TENANT = "tenant_id must be your own tenant's or left out"
"""One text for another tenant's slug and for one that does not exist: the answer must not tell which there are."""


class Built(Protocol):
    """What settings.TEAM_BUILDER returns: the team with ids for all agents; with `errors` it must not be saved."""

    @property
    def spec(self) -> TeamSpec: ...
    @property
    def additions(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def warnings(self) -> Sequence[Located]: ...
    @property
    def errors(self) -> Sequence[Located]: ...


class Builder(Protocol):
    """settings.TEAM_BUILDER. Runs outside any transaction and opens its own short scopes."""

    def __call__(self, spec: TeamSpec, tenant_id: UUID, previous: TeamSpec | None) -> Built: ...


class SpecCheck(Protocol):
    """An entry of settings.TEAM_SPEC_CHECKS: returns (errors, warnings)."""

    def __call__(self, spec: TeamSpec, tenant_id: UUID) -> tuple[Sequence[Located], Sequence[Located]]: ...


@dataclass(frozen=True)
class Prepared:
    """A config ready to be stored, with what the Team Builder added and what the caller should know."""

    config: dict[str, Any]
    config_hash: str
    spec: TeamSpec
    additions: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[Located] = field(default_factory=list)


def prepare(actor: Actor, config: object, previous: TeamSpec | None = None) -> Prepared:
    """Validate, fill and check a config.

    Agents without an id get the one their role had in `previous`. Raises `Invalid` with a place for each error, or
    `Forbidden` for another tenant's `tenant_id`.
    """
    refuse_foreign_tenant(actor, config)
    builder: Builder = import_string(settings.TEAM_BUILDER)
    built = builder(TeamSpec.load(config), actor.tenant_id, previous)
    errors, warnings = list(built.errors), list(built.warnings)
    for path in settings.TEAM_SPEC_CHECKS:
        check: SpecCheck = import_string(path)
        wrong, doubtful = check(built.spec, actor.tenant_id)
        errors += wrong
        warnings += doubtful
    if errors:
        raise Invalid(f"The team config has {len(errors)} error{'s' if len(errors) != 1 else ''}.", errors=errors)
    spec = built.spec.model_copy(update={"tenant_id": actor.tenant_slug})
    stored = dump(spec)
    return Prepared(stored, config_hash(stored), spec, [dict(addition) for addition in built.additions], warnings)


def refuse_foreign_tenant(actor: Actor, config: object) -> None:
    """Raise `Forbidden` when a config names any tenant but the caller's own, existing or not."""
    named = config.get("tenant_id") if isinstance(config, dict) else None
    if isinstance(named, str) and named != actor.tenant_slug:
        raise Forbidden(FOREIGN_TENANT, errors=[Located(loc="tenant_id", msg=FOREIGN_TENANT)])
