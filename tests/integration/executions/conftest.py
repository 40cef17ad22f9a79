"""A model for runs in this process: a real HTTP server that speaks the OpenAI protocol."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes import FakeLLMServer


@pytest.fixture
def fake_model(settings: Any) -> Iterator[FakeLLMServer]:
    """An OpenAI-compatible server on loopback, set as the provider `openai`."""
    with FakeLLMServer() as server:
        settings.LLM_PROVIDERS = {"openai": {"base_url": server.base_url, "api_key": "test", "models": {}}}
        yield server
