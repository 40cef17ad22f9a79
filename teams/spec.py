"""The team config: the typed shape of the JSON an operator or a client writes, and the only door to it.

`TeamSpec.load` reads a config from outside or from the database, `dump` writes one. The field descriptions are the help
texts of the API documentation and of the admin.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Self
from uuid import UUID, uuid4

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidationError,
)
from pydantic_core import CoreSchema

from teams.canonical import MAX_INTEGER, name_of_type, sha256_of, size_problem, walk_problems
from teams.errors import Invalid, Located
from teams.flow import MAX_ROLE_LENGTH, join_flow, parse_flow, role_problem, split_flow
from teams.located import located
from teams.spec_rules import rule_problems

# Part of every build cache key: raise it when load() reads the same JSON differently.
SPEC_VERSION: Final = 2

MAX_AGENTS: Final = 50
MAX_TOOLS: Final = 200
MAX_ERRORS: Final = 50

# V1 wrote a model as one text, with or without its provider. Only these words before a colon were providers: local
# model names have colons of their own ("llama3:8b").
_V1_MODEL: Final = re.compile(
    r"\s*(anthropic|azure|cohere|deepseek|featherless|google|groq|mistral|ollama|openai|openrouter|together|vllm)\s*:(.*)",
    re.IGNORECASE | re.DOTALL,
)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _stripped(text: str) -> str:
    return _not_blank(text).strip()


def _role(text: str) -> str:
    role = text.strip()
    if problem := role_problem(role):
        raise ValueError(problem)
    return role


def _flow(text: str | None) -> str | None:
    # What is wrong with a flow is told by the rules, which list every turn; here it only loses its blanks.
    roles, problems = split_flow(text or "")
    return text if problems else join_flow(roles) or None


class _OrNullInSchema:
    """The JSON schema of a field that reads null as its default."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(core), {"type": "null"}]}


class _OrTextInSchema:
    """The JSON schema of a list that may be written as its only entry."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core), {"type": "null"}]}


def _null_as_empty_list(value: object) -> object:
    return () if value is None else value


def _null_as_empty_object(value: object) -> object:
    return {} if value is None else value


def _text_as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Name = Annotated[str, Field(max_length=200)]
Prompt = Annotated[str, Field(max_length=50_000)]
ToolName = Annotated[str, Field(max_length=100), AfterValidator(_not_blank)]
ToolNames = Annotated[tuple[ToolName, ...], Field(max_length=MAX_TOOLS)]
Word = Annotated[str, Field(max_length=200), AfterValidator(_stripped)]
StopText = Annotated[str, Field(min_length=1, max_length=200)]
StopTexts = Annotated[
    Annotated[tuple[StopText, ...], Field(max_length=4)] | None, BeforeValidator(_text_as_list), _OrTextInSchema()
]
Penalty = Annotated[StrictFloat, Field(ge=-2, le=2)]
Metadata = Annotated[dict[str, Any], BeforeValidator(_null_as_empty_object), _OrNullInSchema()]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRef(_Shape):
    """Which model an agent speaks with."""

    provider: Word | None = Field(None, description="Name of a provider; null: the default model's provider.")
    model: Word = Field(description="The provider's name of the model, for example gpt-4o-mini.")

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}" if self.provider else self.model


class LLMConfiguration(_Shape):
    """Parameters passed to the provider with each call; what is left out or null is the provider's default."""

    temperature: Annotated[StrictFloat, Field(ge=0, le=2)] | None = Field(
        None, description="0 to 2: higher is more varied, lower is more predictable."
    )
    max_tokens: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="Most tokens in one answer, at least 1."
    )
    top_p: Annotated[StrictFloat, Field(ge=0, le=1)] | None = Field(
        None, description="0 to 1: only the most likely tokens up to this share are considered."
    )
    presence_penalty: Penalty | None = Field(None, description="-2 to 2: above 0 favours new subjects.")
    frequency_penalty: Penalty | None = Field(None, description="-2 to 2: above 0 avoids repeating words.")
    stop: StopTexts = Field(None, description="A text, or up to four, at which the answer ends.")
    seed: Annotated[StrictInt, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)] | None = Field(
        None, description="Asks the provider for the same answer to the same question."
    )

    def parameters(self) -> dict[str, Any]:
        """What was set, as JSON, to be passed on to the provider."""
        return self.model_dump(mode="json", exclude_none=True)


def _nothing_set_as_null(configuration: LLMConfiguration | None) -> LLMConfiguration | None:
    return configuration if configuration and configuration.parameters() else None


class AgentSpec(_Shape):
    """One agent of a team."""

    agent_id: UUID | None = Field(
        None, description="Stays with the agent through every change, also of its role; given on save when left out."
    )
    agent_role: Annotated[str, Field(max_length=MAX_ROLE_LENGTH), AfterValidator(_role)] = Field(
        description='The name used in the flow, unique in the team, at most 100 characters, without "->".'
    )
    agent_name: Name = Field("", description="A name for people to read; empty: the role.")
    agent_personality: Prompt = Field("", description="Who the agent is and how it speaks.")
    agent_goal_based_prompt: Prompt = Field("", description="What the agent is to do: its instructions.")
    LLM_model: ModelRef | None = Field(None, description="The model it speaks with; null: the tenant's default model.")
    fallback_model: ModelRef | None = Field(
        None,
        description="Asked once for an answer that LLM_model does not give; not used when the model may not be "
        "overridden. Null: none.",
    )
    LLM_configuration: Annotated[LLMConfiguration | None, AfterValidator(_nothing_set_as_null)] = Field(
        None, description="Parameters such as temperature; null: the provider's defaults."
    )
    allow_team_builder_to_override_model: StrictBool = Field(
        True, description="The Team Builder may replace a model that is not available; the swap is recorded."
    )
    agent_tools: Annotated[ToolNames, BeforeValidator(_null_as_empty_list), _OrNullInSchema()] = Field(
        (), description="Names of the tools it may call, out of available_tools; null or empty: none."
    )
    agent_asks_before_writes: StrictBool = Field(
        False, description="Each of its tool calls that changes something or leaves the product waits for a person."
    )
    metadata: Metadata = Field(default_factory=dict, description="Your own data about the agent; never read here.")

    @property
    def shown_name(self) -> str:
        """The name people read."""
        return self.agent_name or self.agent_role

    def summary(self) -> dict[str, Any]:
        """The agent as answers list it; a model of null is the tenant's default."""
        return {
            "name": self.shown_name,
            "role": self.agent_role,
            "personality": self.agent_personality,
            "model": str(self.LLM_model) if self.LLM_model else None,
            "tools": list(self.agent_tools),
        }


class TeamSpec(_Shape):
    """A team of agents, the order they speak in and the question they work on."""

    tenant_id: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="Slug of the tenant the team belongs to; null: yours. Any other than yours is refused."
    )
    agent_team_main_goal: Annotated[str, Field(max_length=20_000), AfterValidator(_not_blank)] = Field(
        description="The question or task put to the team."
    )
    agent_team_flow: Annotated[str | None, AfterValidator(_flow)] = Field(
        None,
        description='Roles in speaking order, "A->B->C"; a role may speak twice. Null or empty: agents in list order.',
    )
    max_turns: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        5, description="At most so many rounds through the whole flow, 1 to 100."
    )
    agents: Annotated[
        tuple[AgentSpec, ...], Field(max_length=MAX_AGENTS), BeforeValidator(_null_as_empty_list), _OrNullInSchema()
    ] = Field((), description="The agents; null or empty: DecisionMaker, Retriever, Critic and Refiner.")
    available_tools: ToolNames | None = Field(
        None, description="Tools agents may be given; null: every tool the tenant has enabled."
    )
    allow_TBA_to_recommend_agents: StrictBool = Field(  # noqa: N815 - the name callers write
        False, description="The Team Builder may add agents, for example for roles that only the flow names."
    )
    allow_TBA_how_many_more: Annotated[StrictInt, Field(ge=0, le=MAX_AGENTS)] = Field(  # noqa: N815 - the name callers write
        0, description="At most so many agents may be added."
    )
    should_TBA_ask_caller_approval: StrictBool = Field(  # noqa: N815 - the name callers write
        False, description="Added agents wait for a person's approval before they join the team."
    )
    metadata: Metadata = Field(default_factory=dict, description="Your own data about the team; never read here.")

    @classmethod
    def load(cls, config: object) -> Self:
        """Read a config written now or long ago. Raises Invalid with everything that is wrong with it."""
        document, readable = _document_problems(config)
        if not readable or not isinstance(config, dict):
            raise _invalid(document)
        config = _upgraded(config)
        spec = None
        shape: list[Located] = []
        try:
            spec = cls.model_validate(config)
        except ValidationError as error:
            shape = list(located(error, cls))
        rules = list(rule_problems(config))
        if spec is None or document or rules:
            raise _invalid(document, shape, rules)
        return spec

    @property
    def roles(self) -> list[str]:
        """The roles of the agents, in list order."""
        return [agent.agent_role for agent in self.agents]


def dump(spec: TeamSpec) -> dict[str, Any]:
    """The config as stored: every field, and of LLM_configuration what is set. `load(dump(spec)) == spec`."""
    config = spec.model_dump(mode="json")
    for agent, written in zip(spec.agents, config["agents"], strict=True):
        if agent.LLM_configuration is not None:
            written["LLM_configuration"] = agent.LLM_configuration.parameters()
    return config


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 of a stored config, the same for any order of its keys and after a round trip through jsonb."""
    return sha256_of(config)


def flow_roles(spec: TeamSpec) -> list[str]:
    """Who speaks in one round, in order: the flow, or without one the agents in list order."""
    return parse_flow(spec.agent_team_flow) or spec.roles


def unfilled_roles(spec: TeamSpec) -> list[str]:
    """Roles the flow names that no agent has, each once, in speaking order."""
    have = set(spec.roles)
    return [role for role in dict.fromkeys(flow_roles(spec)) if role not in have]


def assign_ids(spec: TeamSpec, previous: TeamSpec | None = None, *, new_id: Callable[[], UUID] = uuid4) -> TeamSpec:
    """Give every agent without an id the one its role had in `previous`, or a new one.

    A client that writes a config again without ids changes its agents; it does not replace them.
    """
    taken = {agent.agent_id for agent in spec.agents}
    known = {agent.agent_role: agent.agent_id for agent in previous.agents} if previous else {}

    def identified(agent: AgentSpec) -> AgentSpec:
        if agent.agent_id is not None:
            return agent
        before = known.get(agent.agent_role)
        agent_id = new_id() if before is None or before in taken else before
        return agent.model_copy(update={"agent_id": agent_id})

    return spec.model_copy(update={"agents": tuple(identified(agent) for agent in spec.agents)})


def json_schema() -> dict[str, Any]:
    """The JSON schema of a config, for the API documentation (OpenAPI 3.1) and for editors."""
    return TeamSpec.model_json_schema(ref_template="#/components/schemas/{model}")


def _document_problems(config: object) -> tuple[list[Located], bool]:
    """What is wrong with the document as such, and whether it can be read as a config at all."""
    if not isinstance(config, dict):
        msg = f"must be a JSON object {{ }} with at least agent_team_main_goal; got {name_of_type(config)}"
        return [Located(loc="", msg=msg)], False
    problems, readable = walk_problems(config)
    if readable and (too_large := size_problem(config)):
        return [Located(loc="", msg=f"the config {too_large}")], False
    return problems, readable


def _upgraded(config: dict[str, Any]) -> dict[str, Any]:
    """The config in today's shape; `config` itself is left as it is."""
    agents = config.get("agents")
    if not isinstance(agents, list):
        return config
    return {**config, "agents": [_upgraded_agent(agent) for agent in agents]}


def _upgraded_agent(agent: object) -> object:
    if not isinstance(agent, dict) or not isinstance(model := agent.get("LLM_model"), str):
        return agent
    if named := _V1_MODEL.fullmatch(model):
        return {**agent, "LLM_model": {"provider": named[1].lower(), "model": named[2]}}
    return {**agent, "LLM_model": {"model": model}}


def _invalid(*sources: list[Located]) -> Invalid:
    """One error of all sources; where an earlier source has found fault, a later one has nothing to add.

    (A NUL in a role is found by the walk through the document, and again by the shape and by the rules.)
    """
    problems: list[Located] = []
    for source in sources:
        known = {problem["loc"] for problem in problems}
        problems += [problem for problem in source if problem["loc"] not in known]
    count = len(problems)
    shown = f", the first {MAX_ERRORS} are shown" if count > MAX_ERRORS else ""
    detail = f"The team config has {count} error{'s' if count != 1 else ''}{shown}."
    return Invalid(detail, errors=problems[:MAX_ERRORS])
