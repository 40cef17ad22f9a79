"""Role templates: what an agent is told when the builder makes one for a role.

The prompts are short because small local models run them too: these follow two plain sentences better than ten.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from teams.canonical import sha256_of
from teams.errors import Invalid
from teams.located import located
from teams.spec import AgentSpec


@dataclass(frozen=True, slots=True)
class Template:
    """How an agent for `role` is worded, and the catalogue names of the tools it is given."""

    role: str
    name: str
    personality: str
    prompt: str
    tools: tuple[str, ...] = ()

    def as_agent(self, role: str | None = None) -> AgentSpec:
        """A new agent, without an id, made from this template; `role` is its name in the flow if not the template's.

        Raises Invalid, at the agent's fields, for a template whose texts no agent may have.
        """
        try:
            return AgentSpec(
                agent_role=role or self.role,
                agent_name=self.name,
                agent_personality=self.personality,
                agent_goal_based_prompt=self.prompt,
                agent_tools=tuple(dict.fromkeys(self.tools)),
            )
        except ValidationError as error:
            detail = f"The template for {self.role} is not valid."
            raise Invalid(detail, errors=located(error, AgentSpec)) from error

    def revision(self) -> str:
        """A hash that changes with any word of the template."""
        return sha256_of(asdict(self))


def templates_revision(templates: Mapping[str, Template]) -> str:
    """A hash of a whole set of templates, for the keys of what is built from them."""
    return _default_revision() if templates is DEFAULT_TEMPLATES else _revision(templates)


@cache
def _default_revision() -> str:
    return _revision(DEFAULT_TEMPLATES)


def _revision(templates: Mapping[str, Template]) -> str:
    return sha256_of({role: template.revision() for role, template in templates.items()})


_DEFAULTS = (
    Template(
        role="DecisionMaker",
        name="Decision Maker",
        personality="You lead the team. You are calm, brief and decisive.",
        prompt=(
            "Read the goal and what the others said. Name the one next step that brings the team closer to the goal, "
            "and who should take it. When the goal is reached, say `FINAL_ANSWER: <text>` with the team's complete "
            "answer. When no answer can be reached, begin a line with CONCLUDE and say why."
        ),
    ),
    Template(
        role="Retriever",
        name="Retriever",
        personality="You find facts. You are exact and never guess.",
        prompt=(
            "List the facts that the goal needs, each with where it comes from. Use what your tools found for you. "
            "Say plainly what you could not find."
        ),
        tools=("Search_Vector_DB", "Search_Graph_DB"),
    ),
    Template(
        role="Critic",
        name="Critic",
        personality="You check the work of others. You are fair, concrete and polite.",
        prompt=(
            "Look for mistakes, gaps and unproven claims in what was said. For each, quote it and say how to put it "
            "right. If nothing is wrong, say so in one sentence."
        ),
    ),
    Template(
        role="Refiner",
        name="Refiner",
        personality="You write clearly and leave out what is not needed.",
        prompt=(
            "Bring the facts and the corrections together into one answer to the goal. Write it so that it can be "
            "read on its own."
        ),
    ),
)

DEFAULT_TEMPLATES: Final[Mapping[str, Template]] = MappingProxyType({template.role: template for template in _DEFAULTS})
"""The four roles of a team that names no agents, in speaking order."""
