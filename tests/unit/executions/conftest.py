from collections.abc import Callable

import pytest

from executions.graph import AgentRun, RunSpec

MakeSpec = Callable[..., RunSpec]


@pytest.fixture
def make_spec() -> MakeSpec:
    """make_spec("A", "B", max_turns=3, A={"name": "Ann"}): a run for that flow, with one agent's fields changed."""

    def make(*roles: str, max_turns: int = 1, goal: str = "Find it.", **fields: dict[str, object]) -> RunSpec:
        agents = [
            AgentRun(role=role, provider="fake", model="fake", **fields.get(role, {}))  # type: ignore[arg-type]
            for role in dict.fromkeys(roles)
        ]
        return RunSpec.of(goal=goal, roles=roles, max_turns=max_turns, agents=agents)

    return make
