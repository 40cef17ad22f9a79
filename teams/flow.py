"""The speaking order of a team, written ``A->B->C``."""

import re
from collections.abc import Iterable
from typing import Final

from teams.errors import Invalid, Located

ARROW: Final = "->"
MAX_ROLE_LENGTH: Final = 100
MAX_FLOW_LENGTH: Final = 20_000
MAX_FLOW_ROLES: Final = 200

# The second turn of a role within a round is journaled under "Critic#2", so no role may itself be called that.
_NUMBERED = re.compile(r"#\d+$")


def role_problem(role: str) -> str | None:
    """What keeps ``role`` (already stripped) from being a role's name, in plain words; None when nothing does."""
    if not role:
        return "must not be empty: write the name this agent has in the flow, for example Critic"
    if len(role) > MAX_ROLE_LENGTH:
        return f"has {len(role)} characters: a role has at most {MAX_ROLE_LENGTH}"
    if ARROW in role:
        return 'must not contain "->", which separates the roles of a flow'
    if not role.isprintable():
        return "must be one line of visible characters, without tabs, line breaks or control characters"
    if _NUMBERED.search(role):
        return "must not end with # and a number, which marks the repeated turns of a role"
    return None


def split_flow(flow: str) -> tuple[list[str], list[str]]:
    """The roles of a flow in speaking order, and what is wrong with it (no roles without an arrow or a name)."""
    if not flow.strip():
        return [], []
    if len(flow) > MAX_FLOW_LENGTH:
        return [], [f"has {len(flow)} characters: a flow has at most {MAX_FLOW_LENGTH}"]
    roles = [part.strip() for part in flow.split(ARROW)]
    if len(roles) > MAX_FLOW_ROLES:
        return roles, [f"has {len(roles)} turns: a flow has at most {MAX_FLOW_ROLES}"]
    problems = []
    for place, role in enumerate(roles, start=1):
        if not role:
            problems.append(f'turn {place} has no role: write roles with one "->" between them, for example A->B->C')
        elif problem := role_problem(role):
            problems.append(f'turn {place}, "{role[:40]}", {problem}')
    return roles, problems


def parse_flow(flow: str | None) -> list[str]:
    """The roles in speaking order, blanks around them ignored; empty for null or a blank text (the list order rules).

    Raises Invalid at ``agent_team_flow``.
    """
    roles, problems = split_flow(flow or "")
    if problems:
        errors = [Located(loc="agent_team_flow", msg=problem) for problem in problems]
        raise Invalid("The flow is not valid.", errors=errors)
    return roles


def join_flow(roles: Iterable[str]) -> str:
    """The inverse of parse_flow for any roles it accepts."""
    return ARROW.join(roles)
