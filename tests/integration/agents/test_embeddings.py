"""agents.embeddings over a provider's endpoint, with a real server; and the tool that uses it."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import uuid4

import pytest

from agents import embeddings
from agents.embeddings import MAX_TEXTS, embed, similarity
from agents.llm_errors import BadAnswer, BadCredentials, BadRequest, LLMError, RateLimited
from agents.tools import ToolError
from agents.tools.embedding import embedding_service
from tests.factories import Person
from tests.unit.outbound.server import LocalServer, plain
from tests.unit.tools.journal import context


class EmbeddingServer(LocalServer):
    """Answers with a vector of each text's length, in an order of its own."""

    def vectors(self, handler: BaseHTTPRequestHandler) -> None:
        texts = json.loads(self.asked[-1].body)["input"]
        data = [{"index": place, "embedding": [len(text), 1]} for place, text in enumerate(texts)]
        plain(json.dumps({"data": data[::-1]}), content_type="application/json")(handler)

    @property
    def inputs(self) -> list[Any]:
        return [json.loads(asked.body)["input"] for asked in self.asked]


@pytest.fixture
def server(settings: Any) -> Iterator[EmbeddingServer]:
    embeddings.forget()
    with EmbeddingServer() as running:
        running.reply = running.vectors
        settings.LLM_PROVIDERS = {
            "openai": {"base_url": f"{running.url}/v1", "api_key": "sk-test", "key_variable": "OPENAI_API_KEY"},
            "keyless": {"base_url": "https://keyless.example/v1", "key_variable": "KEYLESS_API_KEY"},
        }
        settings.EMBEDDING_MODEL = "openai:text-embedding-3-small"
        yield running


def ask(who: Person, *texts: str) -> list[tuple[float, ...]]:
    return [one.vector for one in embed(texts, tenant_id=who.tenant.id, timeout_s=5).embedded]


def test_texts_are_embedded_in_their_order(alice: Person, server: EmbeddingServer) -> None:
    assert ask(alice, "a", "bbb") == [(1.0, 1.0), (3.0, 1.0)]
    asked = server.asked[0]
    assert (asked.path, asked.headers["authorization"]) == ("/v1/embeddings", "Bearer sk-test")
    assert json.loads(asked.body)["model"] == "text-embedding-3-small"


def test_a_text_is_asked_for_once_a_tenant_and_model(
    alice: Person, charlie: Person, server: EmbeddingServer, settings: Any
) -> None:
    ask(alice, "a", "b", "a")
    ask(alice, "b", "c")
    ask(charlie, "a")
    settings.EMBEDDING_MODEL = "openai:other"
    ask(alice, "a")

    assert server.inputs == [["a", "b"], ["c"], ["a"], ["a"]]


@pytest.mark.parametrize(
    "data",
    [
        {}, {"data": []}, {"data": [{"index": 0, "embedding": []}]}, {"data": [{"index": 0, "embedding": ["x"]}]},
        {"data": [{"index": 1, "embedding": [1]}]}, {"data": [{"index": 0, "embedding": None}]}, {"data": 5},
    ],
)  # fmt: skip
def test_an_answer_without_vectors_is_refused(alice: Person, server: EmbeddingServer, data: Any) -> None:
    server.reply = plain(json.dumps(data), content_type="application/json")

    with pytest.raises(BadAnswer):
        ask(alice, "a")


def test_a_providers_refusal_is_typed_and_without_the_key(alice: Person, server: EmbeddingServer) -> None:
    server.reply = plain('{"error": {"message": "slow down, sk-test"}}', 429)

    with pytest.raises(RateLimited) as raised:
        ask(alice, "a")
    assert "sk-test" not in str(raised.value)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("keyless:big", BadCredentials), ("nobody:big", BadRequest), ("local:other", BadRequest), ("big", BadRequest),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_asked(
    alice: Person, server: EmbeddingServer, settings: Any, model: str, error: type[LLMError]
) -> None:
    settings.EMBEDDING_MODEL = model

    with pytest.raises(error):
        ask(alice, "a")


@pytest.mark.parametrize("count", [0, MAX_TEXTS + 1])
def test_so_many_texts_are_not_taken(alice: Person, count: int) -> None:
    with pytest.raises(BadRequest):
        ask(alice, *["a"] * count)


def test_similarity() -> None:
    assert similarity((1, 0), (2, 0)) == 1.0
    assert similarity((1, 0), (0, 1)) == 0.0
    assert similarity((0, 0), (0, 1)) == 0.0


def test_the_tool_gives_the_vector_or_the_similarities(alice: Person, settings: Any) -> None:
    settings.EMBEDDING_MODEL = "local:all-MiniLM-L6-v2"

    vector, compared = (ran(alice, text="a cat", compare_with=others) for others in ([], ["a kitten", "tax law"]))

    assert (vector["dimensions"], len(vector["vector"])) == (384, 384)
    near, far = compared["similarities"]
    assert near > far


def test_what_goes_wrong_is_a_tools_error(alice: Person, settings: Any) -> None:
    settings.EMBEDDING_MODEL = "local:other"

    with pytest.raises(ToolError, match="all-MiniLM-L6-v2") as raised:
        ran(alice, text="a cat")
    assert raised.value.code == "not_configured"


def ran(who: Person, **arguments: Any) -> dict[str, Any]:
    where = context("Embedding_Service", tenant_id=who.tenant.id, idempotency_key=str(uuid4()))
    result = embedding_service.run(where, embedding_service.arguments.model_validate(arguments))
    read: dict[str, Any] = json.loads(result.content)
    return read
