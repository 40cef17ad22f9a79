"""The picture of a team that is being typed, with what the flow lacks said in words below it."""

from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from agents.templates import DEFAULT_TEMPLATES
from teams.flow import split_flow
from teams.picture import flow_svg, nodes_of
from teams.spec import MAX_AGENTS


def drawn(config: Mapping[str, Any]) -> SafeString:
    """The picture of a config that may be half typed."""
    config = _readable(config)
    agents = config["agents"] or [
        {"agent_role": template.role, "agent_name": template.name} for template in DEFAULT_TEMPLATES.values()
    ]
    have = {agent["agent_role"] for agent in agents}
    flow, _problems = split_flow(config["agent_team_flow"] or "")
    unknown = [role for role in dict.fromkeys(flow) if role and role not in have]
    silent = [role for role in have if flow and role not in flow]
    shown = {**config, "agents": agents}
    return render_to_string(
        "console/editor/drawing.html",
        {
            "svg": flow_svg(nodes_of(shown), rounds=config["max_turns"], title="Who speaks when"),
            "unknown": unknown,
            "silent": sorted(silent),
            "builder_may_add": bool(config.get("allow_TBA_to_recommend_agents")),
            "is_default": not config["agents"],
        },
    )


def _readable(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with something to draw where it is not one yet."""
    flow, rounds, agents = (config.get(name) for name in ("agent_team_flow", "max_turns", "agents"))
    listed = [agent for agent in agents if isinstance(agent, dict)] if isinstance(agents, list) else []
    named = [{**agent, "agent_role": _role(agent)} for agent in listed[:MAX_AGENTS] if _role(agent)]
    return {
        **config,
        "agent_team_flow": flow if isinstance(flow, str) else None,
        "max_turns": rounds if isinstance(rounds, int) and rounds > 0 else 1,
        "agents": named,
    }


def _role(agent: Mapping[str, Any]) -> str:
    role = agent.get("agent_role")
    return role.strip() if isinstance(role, str) else ""
