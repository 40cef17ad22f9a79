"""From the JSON somebody sent to a config that may be stored: shape, filling of roles, checks by other apps.

Everything here happens before a transaction is opened, so a slow check (or, with the Team Builder, a model) never holds
a lock. What other apps know (templates, tools, providers) is asked through names in settings, never by import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from teams.access import Actor
from teams.errors import Forbidden, Invalid, Located
from teams.spec import AgentSpec, TeamSpec, config_hash, dump
from teams.tenancy import current_scope

FOREIGN_TENANT = "tenant_id must be your own tenant's or left out"
"""One text for another tenant's slug and for one that does not exist: the answer must not tell which there are."""


class Asking(Enum):
    """When the Team Builder asks a model."""

    NEVER = "never"
    """What there is must do: a rollback, or a save inside a transaction."""
    WHEN_SAVED = "when saved"
    """A try: only say what saving would ask."""
    NOW = "now"
    """A save: for roles that have to be written, and for further agents where the team calls for them."""
    ON_REQUEST = "on request"
    """Somebody asks for recommendations; they are proposed, never saved."""


@dataclass(frozen=True)
class Past:
    """The version before, and what the Team Builder had to do with the team so far.

    `added` maps the ids of agents it added, in any version, to their source; `proposed` are the additions of a proposal
    that is still pending.
    """

    spec: TeamSpec | None = None
    added: Mapping[str, str] = field(default_factory=dict)
    proposed: Sequence[Mapping[str, Any]] = ()
    version: int | None = None

    def used_by(self, spec: TeamSpec) -> int:
        """How many agents of the spec were added by the Team Builder: they count against what it may add."""
        return sum(str(agent.agent_id) in self.added for agent in spec.agents)

    def known(self, role: str) -> tuple[AgentSpec, str] | None:
        """The agent the Team Builder once added, or proposed, for a role, and its source: it is not written twice."""
        for agent in self.spec.agents if self.spec else ():
            if agent.agent_role == role and str(agent.agent_id) in self.added:
                return agent, self.added[str(agent.agent_id)]
        for addition in self.proposed:
            if addition["role"] == role:
                return AgentSpec.model_validate(addition["agent"]), str(addition["source"])
        return None

    def differs_in_what_matters(self, spec: TeamSpec) -> bool:
        """Whether the spec calls for new recommendations: another goal, or the builder may add more than before.

        Everything else keeps what was decided once; `recommend` asks again.
        """
        before = self.spec
        return (
            before is None
            or before.agent_team_main_goal != spec.agent_team_main_goal
            or not before.allow_TBA_to_recommend_agents
            or before.allow_TBA_how_many_more < spec.allow_TBA_how_many_more
        )


class Built(Protocol):
    """What settings.TEAM_BUILDER returns: the team with ids for all agents; with `errors` it must not be saved.

    `proposed` waits for approval and is not in `spec`; `model` is the one that was asked, "" for none.
    """

    @property
    def spec(self) -> TeamSpec: ...
    @property
    def additions(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def warnings(self) -> Sequence[Located]: ...
    @property
    def errors(self) -> Sequence[Located]: ...
    @property
    def proposed(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def model(self) -> str: ...


class Builder(Protocol):
    """settings.TEAM_BUILDER. Reads the config (raising `Invalid`) and opens its own short scopes.

    It may ask a model, so it runs outside any transaction; inside of one it is called with `Asking.NEVER`.
    """

    def __call__(self, config: object, tenant_id: UUID, past: Past | None, asking: Asking) -> Built: ...


class SpecCheck(Protocol):
    """An entry of settings.TEAM_SPEC_CHECKS: returns (errors, warnings)."""

    def __call__(self, spec: TeamSpec, tenant_id: UUID) -> tuple[Sequence[Located], Sequence[Located]]: ...


@dataclass(frozen=True)
class Prepared:
    """A config ready to be stored, with what the Team Builder added or proposes and what the caller should know.

    `version` is the one it was prepared for; when a model was asked (`model`), it may be stored on no other.
    """

    config: dict[str, Any]
    config_hash: str
    spec: TeamSpec
    additions: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[Located] = field(default_factory=list)
    proposed: list[dict[str, Any]] = field(default_factory=list)
    model: str = ""
    version: int | None = None


def prepare(actor: Actor, config: object, past: Past | None = None, asking: Asking = Asking.NOW) -> Prepared:
    """Validate, fill and check a config.

    Agents without an id get the one their role had before. Raises `Invalid` with a place for each error, or `Forbidden`
    for another tenant's `tenant_id`. No model is asked while a scope is open: its transaction would wait for it.
    """
    refuse_foreign_tenant(actor, config)
    builder: Builder = import_string(settings.TEAM_BUILDER)
    if asking is not Asking.WHEN_SAVED and current_scope() is not None:
        asking = Asking.NEVER
    built = builder(config, actor.tenant_id, past, asking)
    warnings = [*built.warnings, *checked(actor, built.spec, built.errors)]
    spec = built.spec.model_copy(update={"tenant_id": actor.tenant_slug})
    stored = dump(spec)
    return Prepared(
        stored,
        config_hash(stored),
        spec,
        [dict(addition) for addition in built.additions],
        warnings,
        [dict(addition) for addition in built.proposed],
        built.model,
        past.version if past else None,
    )


def checked(actor: Actor, spec: TeamSpec, errors: Sequence[Located] = ()) -> list[Located]:
    """Hold a spec against settings.TEAM_SPEC_CHECKS. Return the warnings; raise `Invalid` with all errors."""
    errors, warnings = list(errors), list[Located]()
    for path in settings.TEAM_SPEC_CHECKS:
        check: SpecCheck = import_string(path)
        wrong, doubtful = check(spec, actor.tenant_id)
        errors += wrong
        warnings += doubtful
    if errors:
        raise Invalid(f"The team config has {len(errors)} error{'s' if len(errors) != 1 else ''}.", errors=errors)
    return warnings


def refuse_foreign_tenant(actor: Actor, config: object) -> None:
    """Raise `Forbidden` when a config names any tenant but the caller's own, existing or not."""
    named = config.get("tenant_id") if isinstance(config, dict) else None
    if isinstance(named, str) and named != actor.tenant_slug:
        raise Forbidden(FOREIGN_TENANT, errors=[Located(loc="tenant_id", msg=FOREIGN_TENANT)])
