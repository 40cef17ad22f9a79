"""The Team Builder as the teams app asks for it (settings.TEAM_BUILDER): the pure builder with a tenant's own data."""

from dataclasses import replace
from uuid import UUID

from agents.builder import FillResult, fill_roles
from agents.registry import enabled_tools, templates_of
from agents.templates import Template
from teams.errors import Located
from teams.spec import TeamSpec


def fill(spec: TeamSpec, tenant_id: UUID, previous: TeamSpec | None) -> FillResult:
    """Complete a team from the tenant's templates. Agents get only tools that the tenant has enabled; each one left
    out is a warning, since whoever wrote the team has not asked for it by name."""
    templates, enabled = templates_of(tenant_id), enabled_tools(tenant_id)
    usable = {role: _usable(template, enabled) for role, template in templates.items()}
    filled = fill_roles(spec, usable, previous=previous)
    return replace(filled, warnings=(*filled.warnings, *_left_out(filled, templates, usable)))


def _usable(template: Template, enabled: tuple[str, ...]) -> Template:
    return replace(template, tools=tuple(tool for tool in template.tools if tool in enabled))


def _left_out(filled: FillResult, templates: dict[str, Template], usable: dict[str, Template]) -> list[Located]:
    added = {addition["role"] for addition in filled.additions}
    warnings = []
    for index, role in enumerate(filled.spec.roles):
        if role not in added:
            continue
        off = [tool for tool in templates[role].tools if tool not in usable[role].tools]
        if off:
            msg = f"{role} was added without {', '.join(off)}: switched off for your tenant"
            warnings.append(Located(loc=f"agents.{index}.agent_tools", msg=msg))
    return warnings
