"""A model the Team Builder may ask: a real HTTP server that says what a test tells it to."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes import FakeLLMServer


class BuilderModel(FakeLLMServer):
    """Answers every question with the agents set by `writes`, or with `says`."""

    def writes(self, *agents: dict[str, Any], **answer: Any) -> None:
        self.says(json.dumps({"agents": list(agents), **answer}))

    def says(self, text: str = "", **rule: Any) -> None:
        self.rules.clear()
        self.rule(answer=text, **rule)

    @property
    def question(self) -> dict[str, Any]:
        """The document of the last question."""
        document: dict[str, Any] = json.loads(self.calls[-1].body["messages"][1]["content"])
        return document


@pytest.fixture
def tba_model(settings: Any) -> Iterator[BuilderModel]:
    """The default model, on loopback."""
    with BuilderModel() as server:
        settings.LLM_PROVIDERS = {
            "openai": {"base_url": server.base_url, "api_key": "test", "key_variable": "OPENAI_API_KEY"},
            "keyless": {"base_url": "https://keyless.example/v1", "key_variable": "KEYLESS_API_KEY"},
        }
        settings.DEFAULT_MODEL = "openai:fake"
        yield server


def written(role: str, **fields: Any) -> dict[str, Any]:
    """An agent as the model has to write it."""
    return {"role": role, "prompt": f"Do what a {role} does.", "reason": f"The goal needs a {role}.", **fields}


@pytest.fixture(name="written")
def _written() -> Any:
    return written
