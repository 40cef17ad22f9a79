"""Which field an error of the config belongs to, and how its words speak of agents."""

import re
from collections.abc import Sequence
from typing import Final

from console.editor.fields import AgentForm, TeamFields
from console.editor.shape import EXTRA, MODELS, OTHER_PARAMETERS, PARAMETERS

_AGENT: Final = re.compile(r"\bagents\.(\d+)\b")


def agent_field(form: AgentForm, path: str) -> str | None:
    """The field of an agent's card for a path such as `LLM_model.provider`; None for the card as a whole."""
    name, _dot, rest = path.partition(".")
    part = rest.partition(".")[0]
    if name in (form.cleaned_data.get(EXTRA) or {}):
        return EXTRA
    if name in MODELS:
        return f"{name}_provider" if part == "provider" else f"{name}_model"
    if name == "LLM_configuration":
        return part if part in PARAMETERS else OTHER_PARAMETERS
    if not name or name == "agent_id":
        return None
    return name if name in form.fields else EXTRA


def inside(path: str, field: str | None) -> str:
    """What of the path must be said besides the field's label."""
    name, _dot, rest = path.partition(".")
    if field in {None, EXTRA}:
        return path
    if field == OTHER_PARAMETERS:
        return rest
    return rest if name == "metadata" else ""


def said(message: str, agents: Sequence[AgentForm]) -> str:
    """The message with `agents.1` as people call it: agent 2 (Critic)."""

    def named(found: re.Match[str]) -> str:
        index = int(found[1])
        role = agents[index].title if index < len(agents) else ""
        return f"agent {index + 1} ({role})" if role else f"agent {index + 1}"

    message = _AGENT.sub(named, message)
    for name, label in _LABELS.items():
        message = message.replace(name, f'"{label}"')
    return message


_LABELS: Final = {
    name: field.label
    for name, field in {**TeamFields.base_fields, **AgentForm.base_fields}.items()
    if name.startswith(("allow_", "available_", "should_"))
}
