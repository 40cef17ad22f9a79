"""What somebody sent: the form as it was filled in, or a whole config as JSON that fills it."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from console.editor.fields import PREFIX, AgentFormSet, TeamFields, packed, posted
from teams import strict_json
from teams.canonical import name_of_type
from teams.errors import Invalid, Located

FILL = "_fill"
"""The button that fills the form from pasted JSON and stores nothing."""
_KEPT = ("name", "reason", "seen_version", "_tenant", "csrfmiddlewaretoken")


def is_whole(data: QueryDict) -> bool:
    """Whether the config comes as JSON alone, without the form: from a script, or before there was a form."""
    return "config" in data and f"{PREFIX}-TOTAL_FORMS" not in data


def read_config(text: str) -> dict[str, Any]:
    """A pasted config. Raises `Invalid` for what is no JSON object; what it says is for the spec to judge."""
    config = strict_json.read(text.encode(errors="replace"))
    if not isinstance(config, dict):
        raise Invalid(errors=[Located(loc="", msg=f"must be a JSON object in {{ }}; got {name_of_type(config)}")])
    return config


def filled_with(data: QueryDict, config: Mapping[str, Any], /, **others: str) -> QueryDict:
    """The data of a page that shows `config`, with the name, the reason and the version of `data`."""
    made = QueryDict(mutable=True)
    for name in _KEPT:
        if name in data:
            made[name] = str(data[name])
    for name, values in posted(config).items():
        made.setlist(name, values)
    made.update(others)
    return made


def as_form(data: QueryDict) -> QueryDict:
    """The data as the form sends it. Raises `Invalid` for JSON that fills no form."""
    return filled_with(data, read_config(str(data["config"]))) if is_whole(data) else data


def config_of(
    data: QueryDict, before: Mapping[str, Any] | None = None, *, strict: bool = True
) -> dict[str, Any] | None:
    """The config that was sent; with `strict` None where a field cannot be read, else without that field."""
    try:
        data = as_form(data)
    except Invalid:
        return None
    team, agents = TeamFields(data), AgentFormSet(data, prefix=PREFIX)
    readable = team.is_valid() and agents.is_valid()
    return packed(team.cleaned_data, agents, before)[0] if readable or not strict else None
