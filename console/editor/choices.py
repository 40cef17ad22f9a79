"""What the editor offers to pick from: models, tools, role templates, as the tenant has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from agents import providers
from agents.accounts import Accounts
from agents.registry import default_model_of, own_of, unavailable
from agents.templates import DEFAULT_TEMPLATES, Template
from agents.tools import CATALOGUE
from console.editor.shape import agent_values
from teams.errors import Conflict, Invalid
from teams.models import Tenant

MAY_NOT = "switched off for your tenant"


@dataclass(frozen=True)
class Choices:
    """What one tenant's agents may be given. `accounts` is None where no single tenant is looked at."""

    tenant: Tenant = field(default_factory=Tenant)
    templates: Mapping[str, Template] = field(default_factory=lambda: DEFAULT_TEMPLATES)
    off: frozenset[str] = frozenset()
    accounts: Accounts | None = None

    @cached_property
    def default_model(self) -> str:
        """The model of agents that name none; "" when the tenant's cannot be read."""
        try:
            return ":".join(default_model_of(self.tenant))
        except Conflict:
            return ""

    # --- models ---

    def provider_options(self, current: str) -> list[tuple[str, str]]:
        """The providers by name, with what keeps one from being called; `current` stays even if it is gone."""
        own = [(name, self._labelled(name)) for name in providers.providers()]
        gone = [(current, f"{current} (not configured here)")] if current and current not in dict(own) else []
        return [("", "The default's provider"), *own, *gone]

    def _labelled(self, name: str) -> str:
        lacking = bool(self.accounts and unavailable(name, self.accounts))
        return f"{name} (cannot be called yet)" if lacking else name

    @cached_property
    def models(self) -> Mapping[str, Mapping[str, str]]:
        """What is known of each listed model, by provider and name."""
        return {
            name: {model: _facts(entry.facts(model)) for model in entry.models}
            for name, entry in providers.providers().items()
        }

    def facts_of(self, provider: str, model: str) -> str:
        """What to say under the field of the model."""
        if not provider and not model:
            return f"The default model{f': {self.default_model}' if self.default_model else ''}"
        return self.models.get(provider or self.default_model.partition(":")[0], {}).get(model, "")

    # --- tools ---

    def tool_rows(self, ticked: Any) -> list[Mapping[str, Any]]:
        """The catalogue and whatever else is ticked, as rows to tick; `ticked` is the form's bound field."""
        chosen = list(ticked.value() or [])
        names = [*CATALOGUE, *(name for name in dict.fromkeys(chosen) if name not in CATALOGUE)]
        return [
            {
                "id": f"{ticked.auto_id}_{index}",
                "name": name,
                "checked": name in chosen,
                "title": CATALOGUE[name].title if name in CATALOGUE else name,
                "description": CATALOGUE[name].description.partition(" Returns ")[0] if name in CATALOGUE else "",
                "note": self._tool_note(name),
            }
            for index, name in enumerate(names)
        ]

    def _tool_note(self, name: str) -> str:
        if name not in CATALOGUE:
            return "not a known tool"
        if name in self.off:
            return MAY_NOT
        return "" if CATALOGUE[name].available else "not available yet"

    # --- templates ---

    @cached_property
    def cards(self) -> Mapping[str, Mapping[str, Any]]:
        """The values of an agent made from each template, by its role."""
        found = {}
        for role, template in self.templates.items():
            try:
                agent = template.as_agent()
            except Invalid:
                continue  # a template nobody could use is not offered; its own page says what is wrong with it
            tools = [tool for tool in agent.agent_tools if tool not in self.off and tool in CATALOGUE]
            values = agent_values({**agent.model_dump(mode="json"), "agent_tools": tools})
            found[role] = {name: value for name, value in values.items() if isinstance(value, (str, list)) and value}
        return found


def choices_for(tenant_id: UUID | None) -> Choices:
    """What a tenant's editor offers; without a tenant what the platform has."""
    if tenant_id is None:
        return Choices()
    own = own_of(tenant_id)
    return Choices(own.tenant, own.templates, own.off, own.accounts)


def _facts(facts: providers.ModelFacts) -> str:
    told = f"{facts.context_tokens:,} tokens of context"
    if facts.price:
        told += f"; ${facts.price.tokens_in} in, ${facts.price.tokens_out} out per million tokens"
    return told
