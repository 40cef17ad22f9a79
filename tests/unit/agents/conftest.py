import os
from collections.abc import Iterator
from typing import Protocol

import pytest
from django.conf import settings

from agents.llm import ChatAnswer, ChatRequest, OnToken, OpenAICompatible, Provider
from tests.fakes import FakeLLMServer

# Lets these tests run without the project's settings too.
if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
    settings.configure()

API_KEY = "sk-very-secret-1234567890"


class Ask(Protocol):
    def __call__(
        self, model: str = "fake", on_token: OnToken | None = None, *, timeout_s: float = 5.0, **parameters: object
    ) -> ChatAnswer: ...


@pytest.fixture(scope="module")
def running_server() -> Iterator[FakeLLMServer]:
    with FakeLLMServer() as running:
        yield running


@pytest.fixture
def server(running_server: FakeLLMServer) -> FakeLLMServer:
    running_server.reset()
    return running_server


@pytest.fixture
def client(server: FakeLLMServer) -> OpenAICompatible:
    return OpenAICompatible(Provider(name="fake", base_url=server.base_url, api_key=API_KEY))


@pytest.fixture
def ask(client: OpenAICompatible) -> Ask:
    """Ask the fake server one question through the real client."""
    messages = [{"role": "system", "content": "You are Critic."}, {"role": "user", "content": "Is it so?"}]

    def asking(
        model: str = "fake", on_token: OnToken | None = None, *, timeout_s: float = 5.0, **parameters: object
    ) -> ChatAnswer:
        return client.chat(ChatRequest("fake", model, messages, dict(parameters), timeout_s), on_token)

    return asking
