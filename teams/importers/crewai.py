"""CrewAI's `config/agents.yaml` and `config/tasks.yaml` as a team config.

Each task is one turn of its agent, in the order of the file; an agent's tasks are part of its instructions. The crew
runs through its tasks once, so the team has one round, and the last turn is the answer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from teams.canonical import name_of_type
from teams.flow import join_flow
from teams.importers import yaml_text
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

PROVIDERS: Final = {"gemini": "google", "vertex_ai": "google", "together_ai": "together", "ollama_chat": "ollama"}
"""Names that CrewAI writes before the slash of a model, where the provider is called otherwise here."""

_FAMILIES: Final = (("claude", "anthropic"), ("gemini", "google"), ("gpt-", "openai"), ("chatgpt", "openai"))
_REASONING: Final = re.compile(r"o[134](-|$)")
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,99})\}")

_AGENT_FIELDS: Final = {
    "tools": "tools of CrewAI do not run here; give the agent tools of the catalogue instead",
    "allow_delegation": "who speaks next is the flow's to say",
    "max_iter": "how often it may call tools in one turn is not an agent's to say",
    "function_calling_llm": "an agent calls tools with its own model",
    "knowledge_sources": "knowledge is kept apart from the team's config",
    "memory": "memories are kept apart from the team's config",
}
_TASK_FIELDS: Final = {
    "tools": _AGENT_FIELDS["tools"],
    "output_file": "the answer is stored with the run, in no file",
    "async_execution": "turns follow one another",
    "human_input": "no person is asked between turns",
    "output_json": "an answer is text; ask for its shape in the instructions",
    "output_pydantic": "an answer is text; ask for its shape in the instructions",
}
_NOBODYS_TASK: Final = (
    "changed: no agent has this task, so it is part of the goal; where crew.py says whose it is, add agent: to the task"
)
CREW_PY: Final = (
    "not carried over: what crew.py says (process, tools, callbacks, memory, knowledge, order of tasks); it is not read"
)


@dataclass(frozen=True)
class _Task:
    """One task, with the key of its agent ("" for none)."""

    name: str
    agent: str
    text: str


def read(document: object) -> Imported:
    """The crew in `{agents, tasks}`, each YAML text or an object. Raises `Invalid`, and nothing else."""
    if not isinstance(document, dict):
        raise refused((), f"must be an object with agents and tasks; got {name_of_type(document)}")
    for key in document:
        if key not in ("agents", "tasks"):
            raise refused((str(key),), "is not a known field: give agents and tasks")
    parsed = {key: _parsed(value, (key,)) for key, value in document.items()}
    check_readable(parsed)
    notes = Notes()
    notes.secrets(parsed)
    agents = _entries(parsed.get("agents"), "agents", notes)
    if not agents:
        raise refused(("agents",), "is required: the content of CrewAI's config/agents.yaml")
    if len(agents) > MAX_AGENTS:
        raise refused(("agents",), f"are {len(agents)} agents: a team has at most {MAX_AGENTS}")
    tasks = [_task(name, part, agents) for name, part in _entries(parsed.get("tasks"), "tasks", notes).items()]
    team = _team(agents, tasks, notes)
    _note_placeholders(parsed, notes)
    notes.add((), CREW_PY)
    return Imported([team], notes.listed())


def _parsed(value: object, path: Path) -> object:
    return yaml_text.read(value, path) if isinstance(value, str) else value


def _entries(value: object, name: str, notes: Notes) -> dict[str, Part]:
    if value is None:
        return {}
    return {key: Part.of(inner, (name, key), notes) for key, inner in Part.of(value, (name,), notes).value.items()}


# --- the team ---------------------------------------------------------------------------------------------------------


def _team(agents: dict[str, Part], tasks: list[_Task], notes: Notes) -> ForeignTeam:
    names = Roles()
    roles = {key: names.give(key) for key in agents}
    assigned = [task for task in tasks if task.agent]
    made = [_agent(part, roles[key], [task for task in assigned if task.agent == key]) for key, part in agents.items()]
    flow = [roles[task.agent] for task in assigned]
    for key in agents:
        if flow and roles[key] not in flow:
            notes.add(("agents", key), "changed: it has no task, so it is in the team but not in the flow")
    if not tasks:
        notes.add(
            ("tasks",), "changed: there are no tasks; the agents speak in their order, and the goal is yours to write"
        )
    return ForeignTeam(
        name=one_line("Crew: " + ", ".join(roles.values())),
        config={
            "agent_team_main_goal": _goal(tasks, roles),
            "agent_team_flow": join_flow(flow) or None,
            "max_turns": 1,
            "agents": made,
            "metadata": {"imported_from": "crewai"},
        },
    )


def _goal(tasks: list[_Task], roles: dict[str, str]) -> str:
    if not tasks:
        return "Work as a team on the task given as input."
    lines = [
        "Do these tasks in order, each agent its own when it is its turn; the result of the last one is the answer."
    ]
    for number, task in enumerate(tasks, start=1):
        who = f" ({roles[task.agent]})" if task.agent else f", for all of you: {task.text}"
        lines.append(f"{number}. {one_line(task.name, 100)}{who}")
    return "\n".join(lines)


def _agent(part: Part, role: str, tasks: list[_Task]) -> dict[str, Any]:
    title = one_line(part.text("role")) or role
    goal = part.text("goal").strip()
    lines = [f"You are {title}.", *([f"Your goal: {goal}"] if goal else []), *_orders(tasks)]
    if len(tasks) > 1:
        part.notes.add(part.path, f"changed: it has {len(tasks)} tasks and speaks {len(tasks)} times in the flow")
    agent = {
        "agent_role": role,
        "agent_name": title,
        "agent_personality": part.text("backstory").strip(),
        "agent_goal_based_prompt": "\n\n".join(lines),
        **_model(part),
    }
    part.pass_over("verbose", "cache")
    part.leftovers(_AGENT_FIELDS)
    return agent


def _orders(tasks: list[_Task]) -> Iterable[str]:
    if len(tasks) > 1:
        yield "You have several tasks. Do one each time it is your turn, in this order:"
    for number, task in enumerate(tasks, start=1):
        before = f"{number}. " if len(tasks) > 1 else "Your task, "
        yield f"{before}{one_line(task.name, 100)}: {task.text}"


# --- a task -----------------------------------------------------------------------------------------------------------


def _task(name: str, part: Part, agents: dict[str, Part]) -> _Task:
    agent = part.text("agent").strip()
    if agent and agent not in agents:
        raise refused(part.at("agent"), "is not in agents: name one of them, or none")
    if not agent:
        part.notes.add(part.path, _NOBODYS_TASK)
    lines = [part.text("description").strip()]
    if expected := part.text("expected_output").strip():
        lines.append(f"Expected output: {expected}")
    if before := _context(part):
        lines.append(f"Build on the results of: {', '.join(before)}.")
    if part.take("markdown") is True:
        lines.append("Write it as Markdown.")
    part.pass_over("name")
    part.leftovers(_TASK_FIELDS)
    return _Task(name, agent, "\n".join(line for line in lines if line))


def _context(part: Part) -> list[str]:
    names = [part.take("context")] if isinstance(part.value.get("context"), str) else part.items("context")
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise refused((*part.at("context"), index), f"must be the name of a task; got {name_of_type(name)}")
    return [one_line(name, 100) for name in names]


# --- a model ----------------------------------------------------------------------------------------------------------


def _model(part: Part) -> dict[str, Any]:
    llm = part.take("llm")
    if llm is None:
        return {}
    if isinstance(llm, str):
        return _named(llm.strip(), None, part)
    inner = Part.of(llm, part.at("llm"), part.notes)
    name = (inner.text("model") or inner.text("model_name")).strip()
    kept = parameters(inner)
    inner.leftovers({"base_url": "the address of a model belongs to its provider, in the settings"})
    return _named(name, kept, part)


def _named(name: str, kept: dict[str, Any] | None, part: Part) -> dict[str, Any]:
    prefix, slash, model = name.partition("/")
    provider = PROVIDERS.get(prefix.lower(), prefix.lower()).strip() if slash else _family(name)
    model = one_line(model if slash else name)
    if not provider or not model:
        part.notes.left(part.at("llm"), "it names no provider (or is made in crew.py); the default model speaks")
        return {}
    return {"LLM_model": {"provider": one_line(provider), "model": model}, "LLM_configuration": kept}


def _family(name: str) -> str:
    known = next((provider for start, provider in _FAMILIES if name.lower().startswith(start)), "")
    return known or ("openai" if _REASONING.match(name) else "")


def _note_placeholders(parsed: object, notes: Notes) -> None:
    """Note each {placeholder} once, at its first place; the texts keep them."""
    first: dict[str, Path] = {}
    stack: list[tuple[Path, object]] = [((), parsed)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack += [((*path, key), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            stack += [((*path, index), value[index]) for index in reversed(range(len(value)))]
        elif isinstance(value, str):
            for name in _PLACEHOLDER.findall(value):
                first.setdefault(name, path)
    for name, path in first.items():
        notes.add(path, f'kept: {{{name}}} stays in the text; say its value in the run\'s input, {{"{name}": …}}')
