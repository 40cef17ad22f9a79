"""Rules between the fields of a team config.

They read the raw JSON, whatever else is wrong with it, so that one answer lists everything there is to correct; a part
of another type than expected is skipped here and reported by the shape.
"""

from collections.abc import Iterator, Mapping
from uuid import UUID

from teams.errors import Located
from teams.flow import split_flow


def rule_problems(config: Mapping[str, object]) -> Iterator[Located]:
    """Every breach of a rule that involves more than one field, or more than one entry of a list."""
    yield from _flow(config.get("agent_team_flow"))
    yield from _repeated("available_tools", config.get("available_tools"))
    agents = config.get("agents")
    if isinstance(agents, list):
        yield from _repeated_roles(agents)
        yield from _repeated_ids(agents)
        yield from _tools(agents, config.get("available_tools"))


def _flow(flow: object) -> Iterator[Located]:
    if isinstance(flow, str):
        for problem in split_flow(flow)[1]:
            yield Located(loc="agent_team_flow", msg=problem)


def _texts(agents: list[object], field: str) -> Iterator[tuple[int, str]]:
    for index, agent in enumerate(agents):
        if isinstance(agent, dict) and isinstance(value := agent.get(field), str):
            yield index, value


def _repeated_roles(agents: list[object]) -> Iterator[Located]:
    first: dict[str, int] = {}
    for index, text in _texts(agents, "agent_role"):
        role = text.strip()
        if role and first.setdefault(role, index) != index:
            msg = f'"{role[:100]}" is already the role of agents.{first[role]}: give each agent its own'
            yield Located(loc=f"agents.{index}.agent_role", msg=msg)


def _repeated_ids(agents: list[object]) -> Iterator[Located]:
    first: dict[UUID, int] = {}
    for index, text in _texts(agents, "agent_id"):
        try:
            agent_id = UUID(text)
        except ValueError:
            continue  # the shape reports it
        if first.setdefault(agent_id, index) != index:
            msg = f"is already the id of agents.{first[agent_id]}: leave it out for a new agent and one is given"
            yield Located(loc=f"agents.{index}.agent_id", msg=msg)


def _repeated(loc: str, tools: object) -> Iterator[Located]:
    if isinstance(tools, list):
        first: dict[str, int] = {}
        for index, tool in enumerate(tools):
            if isinstance(tool, str) and first.setdefault(tool, index) != index:
                yield Located(loc=f"{loc}.{index}", msg=f'"{tool[:100]}" is listed already: remove the repetition')


def _tools(agents: list[object], available: object) -> Iterator[Located]:
    allowed = {tool for tool in available if isinstance(tool, str)} if isinstance(available, list) else None
    for index, agent in enumerate(agents):
        tools = agent.get("agent_tools") if isinstance(agent, dict) else None
        yield from _repeated(f"agents.{index}.agent_tools", tools)
        if allowed is None or not isinstance(tools, list):
            continue
        for place, tool in enumerate(tools):
            if isinstance(tool, str) and tool and tool not in allowed:
                msg = f'"{tool[:100]}" is not in available_tools: add it there or remove it here'
                yield Located(loc=f"agents.{index}.agent_tools.{place}", msg=msg)
