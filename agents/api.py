"""/api/v1/templates, /tools and /providers: what agents are made of."""

from datetime import datetime
from typing import Any, Literal, cast

from django.urls import path
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from agents import providers, services
from agents.accounts import Accounts
from agents.registry import default_model_of, own_of
from agents.services import TemplateState, ToolState
from agents.templates import DEFAULT_TEMPLATES
from agents.tools import CATALOGUE
from teams.api_base import ApiView, has_body
from teams.api_schema import describe
from teams.api_shapes import Reason, ReasonQuery, WhyBody, page_example
from teams.errors import Conflict
from teams.models import Tenant
from teams.shapes import Answer, Body, Page

# --- shapes -----------------------------------------------------------------------------------------------------------


class TemplateAnswer(Answer):
    """How an agent for a role is worded."""

    role: str
    name: str
    personality: str
    prompt: str
    tools: list[str]
    is_default: bool = Field(description="The product's own wording; false: your tenant's.")
    has_default: bool = Field(description="Whether deleting it goes back to a default.")
    changed_at: datetime | None = Field(description="When your tenant last changed it; null for a default.")


class TemplateBody(Body):
    """A tenant's own wording of a role."""

    prompt: str = Field(description="What the agent is to do: its instructions.")
    name: str = Field("", description="A name for people; empty: the role.")
    personality: str = Field("", description="Who the agent is and how it speaks.")
    tools: list[str] = Field(default_factory=list, description="Names of tools from the catalogue.")
    reason: Reason = ""


class TemplateReset(Answer):
    """What holds after a template was deleted."""

    role: str
    template: TemplateAnswer | None = Field(description="The default; null: there is none, the role has no template.")


class ToolAnswer(Answer):
    """A tool agents may be given."""

    name: str
    title: str
    description: str
    effects: Literal["read", "write", "external"] = Field(
        description="read: looks something up; write: changes what is kept here; external: reaches another service."
    )
    enabled: bool = Field(description="Whether your tenant's agents may be given it.")
    available: bool = Field(description="False: there is nothing behind it yet, and runs go without it.")
    asks: str = Field(description="Which calls wait for a person: each call, no call, or by its arguments.")
    approval: Literal["default", "always", "never"] = Field(description="What your tenant has set about that.")
    settings: dict[str, Any] = Field(description="What your tenant has set for it.")
    parameters: dict[str, Any] = Field(description="JSON schema of its arguments, as a model is told.")
    timeout_seconds: float = Field(description="How long a call may take.")


class ToolBody(Body):
    """Changes what a tenant has set for a tool; what is left out stays."""

    # Without defaults in the document: what is left out is not set to one.
    enabled: bool = Field(default_factory=bool, description="Whether agents may be given it.")
    approval: Literal["default", "always", "never"] = Field(
        default_factory=lambda: "default",
        description="When a person must approve a call: as the tool says, each time, or not for this tool. Agents that "
        "ask before they write ask all the same.",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Replaces the tool's settings. Call_Web_API: `allowed_hosts`, a list of hosts it may call, such as "
        "api.example.com, *.example.com, api.example.com:8443, and `idempotent_hosts`, those of them that do a write "
        "once however often it comes with the same Idempotency-Key: there a write without an answer is repeated.",
    )
    reason: Reason = ""


class ModelAnswer(Answer):
    """What is known of a model. Any other model name of the provider is accepted, too; its price is unknown then."""

    name: str
    context_tokens: int = Field(description="How much it reads, its answer included.")
    price_in: str | None = Field(description="USD per million tokens read; null: not known.")
    price_out: str | None = Field(description="USD per million tokens written; null: not known.")


class ProviderAnswer(Answer):
    """A provider of models."""

    name: str
    label: str
    configured: bool = Field(description="Whether your tenant can call it.")
    own_account: bool = Field(description="Whether your tenant's own account is used, and not the platform's key.")
    missing: list[str] = Field(
        description="What must be set or installed before it can be called: variables, packages, an account."
    )
    default_model: str | None = Field(
        description="The model of agents that name none; null when that is another provider's."
    )
    context_tokens: int = Field(description="What a model that is not listed is taken to read.")
    models: list[ModelAnswer]


# --- views ------------------------------------------------------------------------------------------------------------


def _template(state: TemplateState) -> TemplateAnswer:
    template = state.template
    return TemplateAnswer(
        role=template.role,
        name=template.name,
        personality=template.personality,
        prompt=template.prompt,
        tools=list(template.tools),
        is_default=state.changed_at is None,
        has_default=state.has_default,
        changed_at=state.changed_at,
    )


def _tool(state: ToolState) -> ToolAnswer:
    tool = state.tool
    return ToolAnswer(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        effects=tool.effects,
        enabled=state.enabled,
        available=tool.available,
        asks=state.asks,
        approval=state.approval,
        settings=dict(state.settings),
        parameters=dict(tool.schema),
        timeout_seconds=tool.timeout_s,
    )


_CRITIC = _template(TemplateState(DEFAULT_TEMPLATES["Critic"])).model_dump(mode="json")
_OWN_CRITIC = {**_CRITIC, "prompt": "Doubt every number.", "is_default": False, "changed_at": "2026-01-15T09:30:00Z"}
_HOSTS = {"allowed_hosts": ["api.example.com", "*.example.org"], "idempotent_hosts": ["api.example.com"]}
_WEB = _tool(ToolState(CATALOGUE["Call_Web_API"], True, settings=_HOSTS)).model_dump(mode="json")
_PROVIDER = {
    "name": "openai",
    "label": "OpenAI or any compatible endpoint",
    "configured": True,
    "own_account": False,
    "missing": [],
    "default_model": "gpt-4o-mini",
    "context_tokens": 8192,
    "models": [{"name": "gpt-4o-mini", "context_tokens": 128000, "price_in": "0.15", "price_out": "0.60"}],
}


class TemplatesView(ApiView):
    """The tenant's role templates."""

    scopes = {"GET": "teams:read"}

    @describe("List templates", answer=Page[TemplateAnswer], example=page_example(_CRITIC))
    def get(self, _request: Request) -> Response:
        """All on one page: the four default roles first, then the tenant's own."""
        return self.answer(_page([_template(state) for state in services.template_list(actor=self.actor)]))


class TemplateView(ApiView):
    """The template for one role."""

    scopes = {"GET": "teams:read", "PUT": "templates:write", "DELETE": "templates:write"}
    queries = {"DELETE": ReasonQuery}

    @describe("Get a template", answer=TemplateAnswer, example=_CRITIC)
    def get(self, _request: Request, role: str) -> Response:
        """The tenant's wording of the role, else the default one."""
        return self.answer(_template(services.template_get(actor=self.actor, role=role)))

    @describe(
        "Set a template",
        answer=TemplateAnswer,
        example=_OWN_CRITIC,
        body=TemplateBody,
        body_example={"prompt": "Doubt every number.", "name": "Critic", "reason": "the figures were wrong twice"},
        problems={
            409: f"a tenant has at most {services.MAX_TEMPLATES} templates of its own: delete one you do not need"
        },
    )
    def put(self, _request: Request, role: str) -> Response:
        """Replace the wording of a role, or give a new role one. Agents of saved teams stay as they are."""
        body = self.body(TemplateBody)
        state = services.template_set(
            actor=self.actor,
            role=role,
            prompt=body.prompt,
            name=body.name,
            personality=body.personality,
            tools=body.tools,
            reason=body.reason,
        )
        return self.answer(_template(state))

    @describe("Reset a template", answer=TemplateReset, example={"role": "Critic", "template": _CRITIC})
    def delete(self, request: Request, role: str) -> Response:
        """Drop the tenant's wording, so that the default holds again; a role without one has no template then."""
        query = cast(ReasonQuery, self.query)
        reason = self.body(WhyBody).reason if has_body(request) else ""
        state = services.template_reset(actor=self.actor, role=role, reason=reason or query.reason)
        return self.answer(TemplateReset(role=role, template=_template(state) if state else None))


class ToolsView(ApiView):
    """The catalogue of tools."""

    scopes = {"GET": "teams:read"}

    @describe("List tools", answer=Page[ToolAnswer], example=page_example(_WEB))
    def get(self, _request: Request) -> Response:
        """All on one page, with what a model is told of each and what the tenant has set."""
        return self.answer(_page([_tool(state) for state in services.tool_list(actor=self.actor)]))


class ToolView(ApiView):
    """One tool of the catalogue."""

    scopes = {"PATCH": "tools:write"}

    @describe(
        "Change a tool",
        answer=ToolAnswer,
        example={**_WEB, "approval": "always", "asks": "each call"},
        body=ToolBody,
        body_example={
            "settings": _HOSTS,
            "approval": "always",
            "reason": "the weather service alone",
        },
    )
    def patch(self, _request: Request, name: str) -> Response:
        """Switch it off: it can no longer be given to an agent, and calls in runs that go on are refused. Or say when a
        person must approve its calls, and what it may reach."""
        body = self.body(ToolBody)
        given = {field: getattr(body, field) for field in body.model_fields_set - {"reason"}}
        return self.answer(_tool(services.tool_set(actor=self.actor, name=name, reason=body.reason, **given)))


class ProvidersView(ApiView):
    """The providers of models."""

    scopes = {"GET": "teams:read"}

    @describe("List providers", answer=Page[ProviderAnswer], example=page_example(_PROVIDER))
    def get(self, _request: Request) -> Response:
        """All on one page: what each needs and what its models cost. Keys are never shown."""
        own = own_of(self.actor.tenant_id)
        default = _default_model(own.tenant)
        return self.answer(_page([_provider(one, default, own.accounts) for one in providers.providers().values()]))


def _default_model(tenant: Tenant) -> tuple[str, str] | None:
    try:
        return default_model_of(tenant)
    except Conflict:
        return None  # a default that cannot be read is told where it matters: on saving and on running a team


def _provider(provider: providers.Provider, default: tuple[str, str] | None, own: Accounts) -> ProviderAnswer:
    missing = own.missing(provider)
    return ProviderAnswer(
        name=provider.name,
        label=provider.label,
        configured=not missing,
        own_account=provider.name in own.own,
        missing=missing,
        default_model=default[1] if default and default[0] == provider.name else None,
        context_tokens=provider.context_tokens,
        models=[_model(name, facts) for name, facts in provider.models.items()],
    )


def _model(name: str, facts: providers.ModelFacts) -> ModelAnswer:
    price = facts.price
    return ModelAnswer(
        name=name,
        context_tokens=facts.context_tokens,
        price_in=str(price.tokens_in) if price else None,
        price_out=str(price.tokens_out) if price else None,
    )


def _page(results: list[Any]) -> Page[Any]:
    return Page[Any](results=results, next=None, previous=None)


urlpatterns = [
    path("templates", TemplatesView.as_view(), name="api-templates"),
    # A role may contain a slash.
    path("templates/<path:role>", TemplateView.as_view(), name="api-template"),
    path("tools", ToolsView.as_view(), name="api-tools"),
    path("tools/<str:name>", ToolView.as_view(), name="api-tool"),
    path("providers", ProvidersView.as_view(), name="api-providers"),
]
