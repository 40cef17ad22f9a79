"""Team configs as the values of form fields, and back.

A field shows what its kind can show. Whatever does not fit (an unknown key, a number written as text in a config from
long ago) goes to the field `extra`, so that nothing is lost and what is wrong with it can be told where it stands.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, Final

from pydantic_core import PydanticUndefined

from teams.spec import AgentSpec, ModelRef, TeamSpec

Values = dict[str, Any]
"""Values of a form's fields by name."""
Config = Mapping[str, Any]

EXTRA: Final = "extra"

_TEAM: Final[Mapping[str, tuple[type, ...]]] = {
    "tenant_id": (str, NoneType),
    "agent_team_main_goal": (str,),
    "agent_team_flow": (str, NoneType),
    "max_turns": (int,),
    "available_tools": (list, NoneType),
    "allow_TBA_to_recommend_agents": (bool,),
    "allow_TBA_how_many_more": (int,),
    "should_TBA_ask_caller_approval": (bool,),
    "metadata": (dict, NoneType),
}
_AGENT: Final[Mapping[str, tuple[type, ...]]] = {
    "agent_id": (str, NoneType),
    "agent_role": (str,),
    "agent_name": (str,),
    "agent_personality": (str,),
    "agent_goal_based_prompt": (str,),
    "LLM_model": (dict, NoneType),
    "fallback_model": (dict, NoneType),
    "LLM_configuration": (dict, NoneType),
    "allow_team_builder_to_override_model": (bool,),
    "agent_tools": (list, NoneType),
    "agent_asks_before_writes": (bool,),
    "metadata": (dict, NoneType),
}
MODELS: Final = ("LLM_model", "fallback_model")
PARAMETERS: Final[Mapping[str, tuple[type, ...]]] = {"temperature": (int, float), "max_tokens": (int,)}
"""Model parameters with a field of their own."""
OTHER_PARAMETERS: Final = "LLM_other"

LONG_TEXTS: Final = frozenset({"agent_team_main_goal", "agent_personality", "agent_goal_based_prompt"})
SHORT_TEXTS: Final = frozenset({"agent_name"})


# --- JSON to values ---------------------------------------------------------------------------------------------------


def team_values(config: Config) -> Values:
    """The values of the team's own fields; its agents are `agents_of`."""
    known, extra = _parted(config, _TEAM, TeamSpec)
    if isinstance(known["available_tools"], list) and not _all_text(known["available_tools"]):
        extra["available_tools"] = known.pop("available_tools")
    if _agents(config) is not None:
        extra.pop("agents", None)
    tools = known.get("available_tools")
    known["only_these_tools"] = tools is not None
    known["available_tools"] = tools or []
    return {**known, "metadata": known["metadata"] or {}, EXTRA: extra}


def agents_of(config: Config) -> list[Values]:
    """The values of each agent's fields."""
    return [agent_values(agent) for agent in _agents(config) or []]


def agent_values(agent: Config) -> Values:
    """The values of one agent's fields."""
    known, extra = _parted(agent, _AGENT, AgentSpec)
    if not _all_text(known["agent_tools"] or []):
        extra["agent_tools"] = known.pop("agent_tools")
    for name in MODELS:
        model = known.pop(name) or {}
        if not _is_model(model):
            extra[name], model = model, {}
        known |= {f"{name}_provider": model.get("provider") or "", f"{name}_model": model.get("model") or ""}
    parameters = dict(known.pop("LLM_configuration") or {})
    for name, types in PARAMETERS.items():
        known[name] = parameters.pop(name) if type(parameters.get(name)) in types else None
    known[OTHER_PARAMETERS] = {key: value for key, value in parameters.items() if value is not None}
    known["agent_tools"] = known.get("agent_tools") or []
    return {**known, "metadata": known["metadata"] or {}, EXTRA: extra}


def _parted(config: Config, types: Mapping[str, tuple[type, ...]], model: Any) -> tuple[Values, Values]:
    """What fits its field, with the spec's default for what is left out, and the rest."""
    known = {name: config[name] for name in types if name in config and type(config[name]) in types[name]}
    extra = {name: value for name, value in config.items() if name not in known}
    defaults = {name: model.model_fields[name].get_default(call_default_factory=True) for name in types}
    shown = {name: "" if default is PydanticUndefined else default for name, default in defaults.items()}
    return {**shown, **known}, extra


def _agents(config: Config) -> list[Config] | None:
    agents = config.get("agents")
    if agents is None:
        return []
    return agents if isinstance(agents, list) and all(isinstance(agent, dict) for agent in agents) else None


def _all_text(names: Iterable[Any]) -> bool:
    return all(isinstance(name, str) for name in names)


def _is_model(model: Config) -> bool:
    return model.keys() <= ModelRef.model_fields.keys() and all(
        type(part) in {str, NoneType} for part in model.values()
    )


# --- values to JSON ---------------------------------------------------------------------------------------------------


def team_json(values: Values, agents: Sequence[Config], before: Config | None = None) -> dict[str, Any]:
    """The config of cleaned values. A field that is missing (it could not be read) is left out.

    `before` is the config the page was made from: what a browser changes by itself, the line ends of texts and the
    order of ticked boxes, is put back as it was there.
    """
    config = {name: values[name] for name in _TEAM if name in values}
    config = _without_blanks(config, "max_turns", "allow_TBA_how_many_more")
    config = _null_where_blank(config, "tenant_id", "agent_team_flow")
    if "available_tools" in config and not values.get("only_these_tools"):
        config["available_tools"] = None
    was = before or {}
    by_id = {agent.get("agent_id"): agent for agent in _agents(was) or []}
    config["agents"] = [_as_before(agent, by_id.get(agent.get("agent_id"), {})) for agent in agents]
    return {**_as_before(config, was), **(values.get(EXTRA) or {})}


def agent_json(values: Values) -> dict[str, Any]:
    """One agent of cleaned values."""
    agent = {name: values[name] for name in _AGENT if name in values}
    agent = _null_where_blank(agent, "agent_id")
    for name in MODELS:
        provider, model = (values.get(f"{name}_{part}", "").strip() for part in ("provider", "model"))
        agent[name] = {"provider": provider or None, "model": model} if provider or model else None
    parameters = {name: values[name] for name in PARAMETERS if values.get(name) is not None}
    agent["LLM_configuration"] = {**parameters, **(values.get(OTHER_PARAMETERS) or {})} or None
    return {**agent, **(values.get(EXTRA) or {})}


def _without_blanks(config: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if not (name in names and value is None)}


def _null_where_blank(config: dict[str, Any], *names: str) -> dict[str, Any]:
    return {
        name: value.strip() or None if name in names and value is not None else value for name, value in config.items()
    }


def _as_before(now: Config, was: Config) -> dict[str, Any]:
    return {name: _kept(name, value, was.get(name)) for name, value in now.items()}


def _kept(name: str, now: Any, was: Any) -> Any:
    if name in LONG_TEXTS:
        text = lines(now)
        return was if isinstance(was, str) and lines(was) == text else text
    if name in SHORT_TEXTS:
        return was if isinstance(was, str) and re.sub(r"[\r\n]", "", was) == now else now
    if name in {"available_tools", "agent_tools"} and isinstance(now, list) and isinstance(was, list):
        return [tool for tool in was if tool in now] + [tool for tool in now if tool not in was]
    return now


def lines(text: str) -> str:
    """The text with line ends as JSON is written with, where browsers send a carriage return before each."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- two people -------------------------------------------------------------------------------------------------------


def on_top(mine: Config, base: Config, theirs: Config) -> dict[str, Any]:
    """My changes of `base`, made to `theirs` instead: field by field and, in agents, by their id.

    Where both changed the same field mine stands.
    """
    merged = _merged(mine, base, theirs)
    mine_by, base_by, theirs_by = (_by_id(config) for config in (mine, base, theirs))
    order = [agent.get("agent_id") for agent in mine["agents"]]
    order += [key for key in theirs_by if key not in order and key not in base_by]
    new = {None: [agent for agent in mine["agents"] if not agent.get("agent_id")]}
    agents: list[Config] = []
    for key in order:
        if key is None:
            agents.append(new[None].pop(0))
        elif key in mine_by and key in base_by and key not in theirs_by:
            # They removed it: it is gone, unless I changed it.
            agents += [mine_by[key]] if mine_by[key] != base_by[key] else []
        elif key in mine_by:
            agents.append(_merged(mine_by[key], base_by.get(key, {}), theirs_by.get(key, mine_by[key])))
        else:
            agents.append(theirs_by[key])
    return {**merged, "agents": agents}


def _by_id(config: Config) -> dict[Any, Config]:
    return {agent["agent_id"]: agent for agent in config.get("agents") or [] if agent.get("agent_id")}


def _merged(mine: Config, base: Config, theirs: Config) -> dict[str, Any]:
    return {
        name: theirs[name] if name in theirs and name in base and mine[name] == base[name] else mine[name]
        for name in mine
    }
