"""Whatever is imported: a valid answer or `Invalid`, never another error, and never a secret."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teams.errors import Invalid
from teams.importers import autogen, crewai, yaml_text
from teams.importers.carrying import Imported
from tests import samples

WORDS = st.sampled_from([
    "provider", "component_type", "config", "participants", "team", "name", "model_client", "termination_condition",
    "conditions", "max_messages", "text", "autogen_agentchat.teams.Swarm", "x.base.AndTerminationCondition",
    "agents", "tasks", "role", "llm", "agent", "context", "a", "api_key", "teams", "component", "{topic}", "x->y", "#1",
])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=5)
)
TEAMS = [samples.document(f"autogen_{name}.json") for name in ("round_robin", "selector", "swarm", "gallery")]
CREW = {key: yaml_text.read(text, (key,)) for key, text in samples.crew().items()}


def tried(read: Any, document: Any) -> None:
    try:
        imported = read(document)
    except Invalid:
        return
    assert isinstance(imported, Imported)
    json.dumps([team.config for team in imported.teams], allow_nan=False)
    json.dumps(imported.notes)


def places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        here = stack.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else []
        found += [(here, key) for key in keys]
        stack += [here[key] for key in keys]
    return found


@given(VALUES)
def test_anything_as_a_document_of_autogen(document: Any) -> None:
    tried(autogen.read, document)


@given(VALUES, VALUES)
def test_anything_as_a_crew(agents: Any, tasks: Any) -> None:
    tried(crewai.read, {"agents": agents, "tasks": tasks})


@pytest.mark.parametrize(
    ("read", "document"), [*((autogen.read, team) for team in TEAMS), (crewai.read, CREW)], ids=lambda v: ""
)
@settings(max_examples=60)
@given(value=VALUES, seed=st.integers(0, 2**32), count=st.integers(1, 3))
def test_a_real_document_with_something_else_in_it(read: Any, document: Any, value: Any, seed: int, count: int) -> None:
    changed = copy.deepcopy(document)
    chance = random.Random(seed)
    for _ in range(count):
        where, key = chance.choice(places(changed))
        where[key] = copy.deepcopy(value)  # the same one again could hold itself
    tried(read, changed)


@given(st.text(alphabet=st.sampled_from("ab: -[]{}&*!<>|#'\"\n\t,?%@`0.1x_~\\"), max_size=60))
def test_any_text_as_yaml(text: str) -> None:
    tried(crewai.read, {"agents": text})


@given(st.text(max_size=60))
def test_any_unicode_as_yaml(text: str) -> None:
    tried(crewai.read, {"agents": text})
