"""The only writers of a tenant's role templates and tool switches; each change leaves history and an audit row."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from django.db import IntegrityError
from django.utils import timezone
from pydantic import ValidationError

from agents.checks import tool_problem
from agents.models import RoleTemplate, TenantTool
from agents.registry import as_template
from agents.templates import DEFAULT_TEMPLATES, Template
from agents.tools import CATALOGUE, Asking, Tool
from teams import audit
from teams.access import Actor
from teams.canonical import walk_problems
from teams.errors import Conflict, Invalid, Located, NotFound
from teams.flow import role_problem
from teams.history import noted
from teams.located import located
from teams.refusing import reason_problems, refuse
from teams.spec import MAX_TOOLS
from teams.tenancy import tenant

MAX_TEMPLATES: Final = 200
"""Of a tenant's own: they are listed, and read for every team that is built, all at once."""

Row = TypeVar("Row", RoleTemplate, TenantTool)

_PLACES: Final = {
    "agent_name": "name",
    "agent_personality": "personality",
    "agent_goal_based_prompt": "prompt",
    "agent_tools": "tools",
}


@dataclass(frozen=True)
class TemplateState:
    """A template as it holds now; `changed_at` is None for the default wording."""

    template: Template
    changed_at: datetime | None = None

    @property
    def has_default(self) -> bool:
        """Whether there is a default to go back to."""
        return self.template.role in DEFAULT_TEMPLATES


@dataclass(frozen=True)
class ToolState:
    """A tool of the catalogue, whether agents of the tenant may be given it, and what the tenant has set for it."""

    tool: Tool
    enabled: bool
    approval: Asking = "default"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asks(self) -> str:
        """When a person must approve a call, in words."""
        if self.approval != "default":
            return "each call" if self.approval == "always" else "no call"
        by_tool = self.tool.needs_approval
        return "by its arguments" if callable(by_tool) else "each call" if by_tool else "no call"


# --- templates --------------------------------------------------------------------------------------------------------


def template_list(*, actor: Actor) -> list[TemplateState]:
    """Return every template of the tenant: those with a default first, then its own by role."""
    actor.require("teams:read")
    with tenant(actor.tenant_id):
        own = {row.role: _state(row) for row in RoleTemplate.objects.order_by("role")}
    return list(({role: TemplateState(template) for role, template in DEFAULT_TEMPLATES.items()} | own).values())


def template_get(*, actor: Actor, role: str) -> TemplateState:
    """Return the template for a role, or raise `NotFound`."""
    actor.require("teams:read")
    with tenant(actor.tenant_id):
        # A role that none can have (a NUL, for instance) never reaches the database.
        row = None if role_problem(role) else RoleTemplate.objects.filter(role=role).first()
    return _state(row) if row else _default(role)


def template_set(
    *, actor: Actor, role: str, prompt: str, name: str = "", personality: str = "", tools: Sequence[str] = (),
    reason: str = "",
) -> TemplateState:  # fmt: skip
    """Store the tenant's wording of a role; agents made from now on get it, those of saved teams stay as they are.

    Raises `Invalid`, or `Conflict` when the tenant has as many templates as it may.
    """
    actor.require("templates:write")
    template = Template(role.strip(), name.strip(), personality, prompt, tuple(tools))
    refuse(_template_problems(template, reason))
    template = replace(template, tools=tuple(dict.fromkeys(tools)))
    try:
        with tenant(actor.tenant_id):
            return _state(_store(actor, template, reason))
    except IntegrityError as error:
        raise Conflict(
            f"somebody else made a template for {template.role} just now: read it, then try again"
        ) from error


def template_reset(*, actor: Actor, role: str, reason: str = "") -> TemplateState | None:
    """Drop the tenant's wording of a role. Return the default that holds again, or None when there is none.

    Raises `NotFound`; going back to a default that holds already changes nothing.
    """
    actor.require("templates:write")
    refuse(reason_problems(reason))
    with tenant(actor.tenant_id):
        row = None if role_problem(role) else RoleTemplate.objects.select_for_update().filter(role=role).first()
        if row is None:
            return _default(role)
        audit.record(actor, "template.reset", row, before=_wording(as_template(row)), reason=reason)
        noted(row, actor, reason).delete()
    return TemplateState(DEFAULT_TEMPLATES[role]) if role in DEFAULT_TEMPLATES else None


def _store(actor: Actor, template: Template, reason: str) -> RoleTemplate:
    row = RoleTemplate.objects.select_for_update().filter(role=template.role).first()
    before = _wording(as_template(row)) if row else None
    if row is None:
        if RoleTemplate.objects.count() >= MAX_TEMPLATES:
            raise Conflict(f"a tenant has at most {MAX_TEMPLATES} templates of its own: delete one you do not need")
        row = RoleTemplate(role=template.role)
    elif as_template(row) == template:
        return row
    row.name, row.personality, row.prompt = template.name, template.personality, template.prompt
    row.tools, row.updated_at = list(template.tools), timezone.now()
    noted(row, actor, reason).save()
    audit.record(actor, "template.set", row, before=before, after=_wording(template), reason=reason)
    return row


def _state(row: RoleTemplate) -> TemplateState:
    return TemplateState(as_template(row), row.updated_at)


def _default(role: str) -> TemplateState:
    if role not in DEFAULT_TEMPLATES:
        raise NotFound("there is no template for this role")
    return TemplateState(DEFAULT_TEMPLATES[role])


def _wording(template: Template) -> dict[str, Any]:
    return {**asdict(template), "tools": list(template.tools)}


def _template_problems(template: Template, reason: str) -> list[Located]:
    """Everything wrong with a template. A tool that is switched off is no fault: it may be switched on again."""
    if problem := role_problem(template.role):
        return [Located(loc="role", msg=problem)]
    problems, readable = walk_problems(_wording(template))
    if readable and not problems:
        problems = _text_problems(template)
    if not template.prompt.strip():
        problems.append(Located(loc="prompt", msg="must not be empty: say what an agent with this role is to do"))
    if len(template.tools) <= MAX_TOOLS:
        named = enumerate(template.tools)
        problems += [
            Located(loc=f"tools.{n}", msg=msg) for n, tool in named if (msg := tool_problem(tool, frozenset()))
        ]
    first = {problem["loc"]: problem for problem in reversed(problems)}  # one is enough of each place
    return [*reversed(first.values()), *reason_problems(reason)]


def _text_problems(template: Template) -> list[Located]:
    try:
        template.as_agent()
    except Invalid as error:
        places = [(problem["loc"].partition("."), problem["msg"]) for problem in error.errors]
        return [Located(loc=f"{_PLACES.get(head, head)}{dot}{tail}", msg=msg) for (head, dot, tail), msg in places]
    return []


# --- tools ------------------------------------------------------------------------------------------------------------


def tool_list(*, actor: Actor) -> list[ToolState]:
    """Return the whole catalogue with what the tenant has set."""
    actor.require("teams:read")
    with tenant(actor.tenant_id):
        rows = {row.name: row for row in TenantTool.objects.all()}
    return [_tool_state(tool, rows.get(tool.name)) for tool in CATALOGUE.values()]


def tool_set(
    *,
    actor: Actor,
    name: str,
    enabled: bool | None = None,
    approval: Asking | None = None,
    settings: Mapping[str, Any] | None = None,
    reason: str = "",
) -> ToolState:
    """Switch a tool of the catalogue on or off for the tenant, say when it asks a person, and replace its settings.

    What is left out stays. It holds at once, also for runs that go on. Raises `NotFound`, or `Invalid` for settings
    that the tool does not have.
    """
    actor.require("tools:write")
    if name not in CATALOGUE:
        raise NotFound("there is no such tool in the catalogue")
    tool = CATALOGUE[name]
    checked, problems = (None, []) if settings is None else _settings(tool, settings)
    refuse([*problems, *reason_problems(reason)])
    wanted = {"enabled": enabled, "approval": approval, "settings": checked}
    try:
        with tenant(actor.tenant_id):
            return _tool_state(tool, _set(actor, name, wanted, reason))
    except IntegrityError as error:
        raise Conflict(f"somebody else changed {name} just now: look at it, then try again") from error


def _set(actor: Actor, name: str, wanted: Mapping[str, Any], reason: str) -> TenantTool:
    row = TenantTool.objects.select_for_update().filter(name=name).first() or TenantTool(name=name)
    after = {key: value for key, value in wanted.items() if value is not None and getattr(row, key) != value}
    if not after:
        return row
    before = {key: getattr(row, key) for key in after}
    for key, value in after.items():
        setattr(row, key, value)
    row.updated_at = timezone.now()
    noted(row, actor, reason).save()
    action = "tool.switch" if after.keys() == {"enabled"} else "tool.set"
    audit.record(actor, action, row, before={"name": name, **before}, after={"name": name, **after}, reason=reason)
    return row


def _settings(tool: Tool, given: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[Located]]:
    """The settings as they are stored, and what is wrong with them."""
    if tool.settings is None:
        return {}, [Located(loc="settings", msg=f"{tool.name} has no settings: leave them out")] if given else []
    try:
        return tool.settings.model_validate(given, strict=True).model_dump(mode="json"), []
    except ValidationError as error:
        return None, [
            Located(loc=f"settings.{found['loc']}".rstrip("."), msg=found["msg"])
            for found in located(error, tool.settings)
        ]


def _tool_state(tool: Tool, row: TenantTool | None) -> ToolState:
    if row is None:
        return ToolState(tool, True)
    return ToolState(tool, row.enabled, cast(Asking, row.approval), row.settings)


# --- both -------------------------------------------------------------------------------------------------------------
