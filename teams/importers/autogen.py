"""AutoGen Studio's team JSON (AutoGen 0.4 components and later) as team configs.

A team speaks in the order of its participants. What a model or a handoff decides there, a flow decides here; the limits
of its termination conditions become rounds, the words that end a conversation become `FINAL_ANSWER:`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from teams.flow import join_flow
from teams.importers.carrying import (
    ForeignTeam,
    Imported,
    Notes,
    Part,
    Path,
    Roles,
    check_readable,
    one_line,
    parameters,
    refused,
)
from teams.spec import MAX_AGENTS

MAX_WORDS: Final = 10
MAX_ROUNDS: Final = 100
DEFAULT_GOAL: Final = "Work as a team on the task given as input."

PROVIDERS: Final = {
    "OpenAIChatCompletionClient": "openai",
    "AzureOpenAIChatCompletionClient": "azure",
    "AzureAIChatCompletionClient": "azure",
    "AnthropicChatCompletionClient": "anthropic",
    "OllamaChatCompletionClient": "ollama",
}
"""The class of a model client, and the name of the provider here."""

# Descriptions that AutoGen writes by itself say nothing about the one team or agent.
_BOILERPLATE: Final = ("A team that ", "A group chat team", "An agent that provides assistance", "An agent that can ")
# Nor do those of the gallery, which tell who is in the team: tools and people that do not come along, for instance.
_MAKE_UP: Final = re.compile(
    r"A team with \w+ agents\b|.*\b(AssistantAgent|RoundRobinGroupChat|SelectorGroupChat)\b", re.DOTALL
)

_WHO_SPEAKS: Final = {
    "SelectorGroupChat": "a model chose who speaks next; here the participants speak in their order, round by round",
    "Swarm": "handoffs chose who speaks next; here the participants speak in their order, round by round",
    "MagenticOneGroupChat": "an orchestrator planned who speaks next; here the participants speak in their order",
    "GraphFlow": "a graph chose who speaks next; here the participants speak in their order, round by round",
}
_MODEL_FIELDS: Final = {
    "base_url": "the address of a model belongs to its provider, in the settings",
    "azure_endpoint": "the address of a model belongs to its provider, in the settings",
}
_AGENT_FIELDS: Final = {
    "tools": "tools of AutoGen do not run here; give the agent tools of the catalogue instead",
    "workbench": "workbenches of AutoGen do not run here; give the agent tools of the catalogue instead",
    "handoffs": "who speaks next is the flow's to say",
    "memory": "memories are kept apart from the team's config",
}


def read(document: object) -> Imported:
    """Every team in a team, a list of teams, a Studio record or a gallery. Raises `Invalid`, and nothing else."""
    check_readable(document)
    notes = Notes()
    notes.secrets(document)
    teams = [_team(Part.of(value, path, notes)) for path, value in _components(document, ())]
    if not teams:
        raise refused((), "holds no AutoGen team: an object with provider, component_type and config was expected")
    return Imported(teams, notes.listed())


def _components(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _components(item, (*path, index))
    elif isinstance(value, dict):
        if value.get("component_type") == "team" or _class_of(value).partition(".teams.")[1]:
            yield path, value
            return
        for name in ("component", "components", "items", "teams", "config"):
            if name in value:
                yield from _components(value[name], (*path, name))
                return


def _class_of(component: dict[str, Any]) -> str:
    provider = component.get("provider")
    return provider if isinstance(provider, str) else ""


# --- a team -----------------------------------------------------------------------------------------------------------


def _team(part: Part) -> ForeignTeam:
    kind, config = _opened(part)
    members = _members(config, part.notes)
    if not members:
        raise refused(config.at("participants"), "has no participant that can be carried over")
    if len(members) > MAX_AGENTS:
        raise refused(config.at("participants"), f"are {len(members)} agents: a team has at most {MAX_AGENTS}")
    ending = Ending()
    limit = _limit(config, ending)
    roles = Roles()
    agents = [_agent(member, roles) for member in members]
    _tell_the_end(agents, ending, config)
    if kind in _WHO_SPEAKS:
        part.notes.left(part.at("provider"), _WHO_SPEAKS[kind])
    config.pass_over("emit_team_events", "name", "description")
    config.leftovers({"model_client": "no model chooses who speaks; the flow does"})
    label, description = one_line(part.text("label")), _own_words(part.text("description"))
    part.pass_over("component_type", "version", "component_version")
    part.leftovers()
    part.notes.add(part.path, _about_goal(description))
    return ForeignTeam(
        name=label if label and label != kind else one_line("AutoGen: " + ", ".join(_roles(agents))),
        config={
            "agent_team_main_goal": f"{DEFAULT_GOAL}\n\n{description}".strip(),
            "agent_team_flow": join_flow(_roles(agents)),
            "max_turns": _rounds(limit, len(agents), config),
            "agents": agents,
            "metadata": {"imported_from": "autogen-studio"},
        },
    )


def _opened(part: Part) -> tuple[str, Part]:
    """The class of a component, without its module, and its config."""
    if "team_type" in part.value and "config" not in part.value:
        raise refused(part.path, "is of AutoGen Studio 0.4.1 or older: open it in a newer one and export it again")
    config = part.part("config")
    if config is None:
        raise refused(part.at("config"), "is required: an AutoGen component has provider and config")
    return part.text("provider").rpartition(".")[2], config


def _roles(agents: list[dict[str, Any]]) -> list[str]:
    return [agent["agent_role"] for agent in agents]


def _about_goal(description: str) -> str:
    told = "its description is the goal" if description else "the goal is a plain sentence"
    return f"changed: an AutoGen team gets its task with each run; {told}, and the task is the run's input"


def _own_words(description: str) -> str:
    return "" if description.startswith(_BOILERPLATE) or _MAKE_UP.match(description) else description.strip()


def _members(config: Part, notes: Notes) -> list[Part]:
    """The participants, those of nested teams in their place."""
    found: list[Part] = []
    for member in config.parts("participants"):
        name = member.text("provider").rpartition(".")[2]
        inner = _inner_team(member, name)
        if name == "UserProxyAgent":
            notes.left(member.path, "a person as a participant; give the person's words as the run's input")
        elif inner is None:
            found.append(member)
        else:
            notes.left(member.path, "a team inside a team; its participants speak in its place")
            found += _members(inner, notes)
    return found


def _inner_team(member: Part, name: str) -> Part | None:
    config = member.value.get("config")
    if member.value.get("component_type") == "team":
        return member.part("config")
    if name == "SocietyOfMindAgent" and isinstance(config, dict) and isinstance(config.get("team"), dict):
        team = Part.of(config["team"], (*member.at("config"), "team"), member.notes)
        return team.part("config")
    return None


# --- an agent ---------------------------------------------------------------------------------------------------------


def _agent(part: Part, roles: Roles) -> dict[str, Any]:
    kind, config = _opened(part)
    if kind != "AssistantAgent":
        part.notes.left(part.at("provider"), f"what {one_line(kind, 60)} can do beyond talking; here it only talks")
    name, description = config.text("name"), _own_words(config.text("description"))
    instructions = config.text("system_message") or config.text("instructions")
    agent = {
        "agent_role": roles.give(name),
        "agent_name": one_line(name),
        "agent_personality": description,
        "agent_goal_based_prompt": instructions,
        **_model(config.part("model_client")),
    }
    if agent["agent_role"] != name:
        part.notes.add(config.at("name"), "changed: the name was not one a flow can hold, or was taken")
    context = config.take("model_context")
    if isinstance(context, dict) and not _class_of(context).endswith("UnboundedChatCompletionContext"):
        part.notes.left(config.at("model_context"), "an agent sees as much of the conversation as its model takes in")
    config.pass_over("model_client_stream", "reflect_on_tool_use", "tool_call_summary_format", "max_tool_iterations")
    if not _has_tools(config.value.get("workbench")):
        config.pass_over("workbench")
    config.leftovers(_AGENT_FIELDS)
    return agent


def _has_tools(workbench: object) -> bool:
    """Whether there is more in a workbench than an empty list of tools, which Studio writes for every agent."""
    benches = workbench if isinstance(workbench, list) else [workbench]
    configs = [bench.get("config") if isinstance(bench, dict) else bench for bench in benches]
    return any(config not in (None, {}, {"tools": []}) for config in configs)


def _model(client: Part | None) -> dict[str, Any]:
    if client is None:
        return {}
    kind, config = _opened(client)
    model, provider = config.text("model").strip(), PROVIDERS.get(kind)
    kept = parameters(config)
    config.pass_over("model_info", "model_capabilities", "stream_options")
    config.leftovers(_MODEL_FIELDS)
    if not model or provider is None:
        client.notes.left(client.path, f"the model of a {one_line(kind, 60)}; the default model speaks")
        return {}
    return {"LLM_model": {"provider": provider, "model": one_line(model)}, "LLM_configuration": kept}


# --- when it ends -----------------------------------------------------------------------------------------------------


@dataclass
class Ending:
    """The words that end a conversation, each with the place it was found at."""

    words: list[tuple[str, Path]] = field(default_factory=list)

    def add(self, word: str, condition: Part) -> None:
        """Keep a word once, and no more than anybody could be told."""
        if not word or word in [known for known, _path in self.words]:
            return
        if len(self.words) < MAX_WORDS:
            self.words.append((word, condition.path))
        else:
            condition.notes.left(condition.path, f"more than {MAX_WORDS} words that end the work")


def _limit(config: Part, ending: Ending) -> int | None:
    """At most so many turns of agents; None: no limit."""
    condition = config.part("termination_condition")
    messages = _most_messages(condition, ending) if condition else None
    # The first message is the task.
    limits = [limit for limit in (messages and messages - 1, config.count("max_turns")) if limit is not None]
    return min(limits) if limits else None


def _most_messages(condition: Part, ending: Ending) -> int | None:
    kind, config = _opened(condition)
    match kind:
        case "MaxMessageTermination":
            return config.count("max_messages")
        case "TextMentionTermination":
            ending.add(config.text("text").strip(), condition)
            config.leftovers({"sources": "the word ends the work whoever says it"})
        case "OrTerminationCondition":
            inner = [_most_messages(one, ending) for one in config.parts("conditions")]
            return min((limit for limit in inner if limit is not None), default=None)
        case "AndTerminationCondition":
            inner = [_most_messages(one, ending) for one in config.parts("conditions")]
            condition.notes.left(condition.path, "that all of these must hold; here a word ends the work by itself")
            # Where one part sets no limit, all of them together set none either.
            return None if None in inner else max((limit for limit in inner if limit is not None), default=None)
        case _:
            condition.notes.left(condition.path, f"the end by {one_line(kind, 60)}")
    return None


def _rounds(limit: int | None, agents: int, config: Part) -> int:
    """Whole rounds for a number of turns, rounded up; an endless conversation gets the default."""
    if limit is None:
        config.notes.add(config.path, "changed: there was no limit to the number of messages; here it is 5 rounds")
        return 5
    rounds = min(max(1, -(-limit // agents)), MAX_ROUNDS)
    if rounds * agents != limit:
        config.notes.add(config.path, f"changed: {limit} turns of {agents} agents are {rounds} whole rounds here")
    return rounds


def _tell_the_end(agents: list[dict[str, Any]], ending: Ending, config: Part) -> None:
    for word, path in ending.words:
        speakers = [agent for agent in agents if word in agent["agent_goal_based_prompt"]]
        for agent in speakers:
            agent["agent_goal_based_prompt"] += (
                f'\n\nWhen you are to say {word}, write "FINAL_ANSWER:" instead, followed by the whole final answer.'
            )
        if speakers:
            config.notes.add(path, "changed: the word that ends the work is FINAL_ANSWER: here; its speakers are told")
        else:
            config.notes.left(path, "the word that ends the work, which no agent is told to say")
