"""What every client of a model must do, whatever stands behind it: one suite that all of them pass.

Each contestant answers the same questions; the model's name says how its server behaves (tests/fakes.py).
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from agents import llm
from agents.langchain_models import LangChainChat
from agents.llm import ChatAnswer, ChatModel, ChatRequest, OnToken
from agents.provider_entries import provider_from
from tests.fake_anthropic import FakeAnthropicServer
from tests.fake_rules import TOOL_CALL, rule_in_name
from tests.fakes import FakeLLMServer, ScriptedModel

KEY = "sk-very-secret-1234567890"
MESSAGES = [{"role": "system", "content": "You are Critic."}, {"role": "user", "content": "Is it so?"}]

TOOL = {
    "type": "function",
    "function": {
        "name": TOOL_CALL[0],
        "description": "Looks things up.",
        "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
    },
}


class Contestant:
    """A client, and the server it talks to (None for one that needs none)."""

    def __init__(self, client: ChatModel, server: FakeLLMServer | None = None) -> None:
        self.client, self.server = client, server

    def ask(
        self, model: str = "fake", on_token: OnToken | None = None, *, timeout_s: float = 10.0, **parameters: object
    ) -> ChatAnswer:
        return self.client.chat(ChatRequest("p", model, MESSAGES, dict(parameters), timeout_s), on_token)


def _scripted() -> Contestant:
    errors = {"401": llm.BadCredentials, "500": llm.ProviderUnavailable, "cut": llm.CutStream}

    def script(request: ChatRequest) -> Any:
        rule = rule_in_name(request.model)
        if rule.fault == "429":
            return llm.RateLimited(retry_after=float(rule.retry_after))
        if rule.fault == "context":
            return llm.ContextTooLong()
        if rule.fault in errors:
            return errors[rule.fault]()
        text = {"empty": "", "huge": "x" * 10_500_000}.get(rule.fault)
        return text if text is not None else rule.answer or "An answer of five words."

    class Slow:
        def chat(self, request: ChatRequest, on_token: OnToken | None = None) -> ChatAnswer:
            slow = rule_in_name(request.model).fault in ("timeout", "drip")
            return ScriptedModel(script, latency_s=60 if slow else 0).chat(request, on_token)

    return Contestant(Slow())


@pytest.fixture(scope="module")
def contestants() -> Iterator[dict[str, Contestant]]:
    with FakeLLMServer() as openai, FakeAnthropicServer() as anthropic:
        entry = {**settings.LLM_PROVIDERS["anthropic"], "base_url": anthropic.base_url, "api_key": KEY}
        anthropic_provider = provider_from("anthropic", entry)
        made = {
            "openai": Contestant(
                llm.OpenAICompatible(llm.Provider(name="p", base_url=openai.base_url, api_key=KEY)), openai
            ),
            "anthropic": Contestant(LangChainChat(anthropic_provider), anthropic),
            "scripted": _scripted(),
        }
        made["anthropic"].ask()  # its first call loads certificates: not within a test of time limits
        yield made


@pytest.fixture(params=["openai", "anthropic", "scripted"])
def contestant(request: pytest.FixtureRequest, contestants: dict[str, Contestant]) -> Contestant:
    chosen = contestants[request.param]
    if chosen.server:
        chosen.server.reset()
    return chosen


@pytest.fixture(params=["openai", "anthropic"])
def wired(request: pytest.FixtureRequest, contestants: dict[str, Contestant]) -> Contestant:
    """Those that talk to a server."""
    chosen = contestants[request.param]
    assert chosen.server
    chosen.server.reset()
    return chosen


either_way = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


def _sink(streaming: bool) -> OnToken | None:
    return (lambda _: None) if streaming else None


# --- answers ----------------------------------------------------------------------------------------------------------


@either_way
def test_an_answer(contestant, streaming):
    answer = contestant.ask(on_token=_sink(streaming))

    assert answer.text.strip()
    assert (answer.finish_reason, answer.model, answer.tool_calls) == ("stop", "fake", [])
    assert answer.tokens_in == 6 or contestant.server  # Anthropic's prompt is apart from the messages
    assert isinstance(answer.tokens_in, int)
    assert answer.tokens_out == len(answer.text.split())
    assert answer.raw_ms >= 0


def test_tokens_come_in_order_and_make_the_answer(contestant):
    got: list[str] = []

    answer = contestant.ask(on_token=got.append)

    assert len(got) > 3
    assert "".join(got) == answer.text


def test_the_way_it_is_asked_does_not_change_the_answer(contestant):
    assert contestant.ask().text == contestant.ask(on_token=lambda _: None).text


@either_way
def test_nul_characters_are_dropped(contestant, streaming):
    got: list[str] = []

    answer = contestant.ask("fake+answer=one \x00two", got.append if streaming else None)

    assert answer.text == "one two"
    assert "\x00" not in "".join(got)


@either_way
def test_a_tool_call_has_openais_shape(wired, streaming):
    answer = wired.ask("fake+tool", _sink(streaming), tools=[TOOL])

    (call,) = answer.tool_calls
    assert (call["id"], call["type"]) == ("t1", "function")
    assert call["function"]["name"] == TOOL_CALL[0]
    assert call["function"]["arguments"].replace(" ", "") == TOOL_CALL[1].replace(" ", "")
    assert answer.finish_reason == "tool_calls"


def test_model_parameters_arrive(wired):
    wired.ask(temperature=0.5, top_p=0.9, max_tokens=7, stop=["END"])

    body = wired.server.calls[0].body
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.5, 0.9, 7)
    assert body.get("stop") == ["END"] or body.get("stop_sequences") == ["END"]


def test_the_question_cannot_be_replaced_by_a_parameter(wired):
    with pytest.raises(llm.BadRequest):
        wired.ask(messages=[], stream=True)
    assert not wired.server.calls


# --- faults -----------------------------------------------------------------------------------------------------------

FAULTS: list[tuple[str, type[llm.LLMError], bool]] = [
    ("401", llm.BadCredentials, False),
    ("429=7", llm.RateLimited, True),
    ("500", llm.ProviderUnavailable, True),
    ("cut", llm.CutStream, True),
    ("empty", llm.BadAnswer, True),
    ("huge", llm.AnswerTooLarge, False),
    ("context", llm.ContextTooLong, False),
]
WIRE_FAULTS: list[tuple[str, type[llm.LLMError], bool]] = [
    ("302", llm.BadRequest, False),  # redirects are never followed: they would carry the key elsewhere
    ("400", llm.BadRequest, False),
    ("403", llm.BadCredentials, False),
    ("404", llm.BadRequest, False),
    ("408", llm.ProviderTimeout, True),
    ("503", llm.ProviderUnavailable, True),
    ("529", llm.ProviderUnavailable, True),
    ("reset", llm.ProviderUnavailable, True),
    ("broken", llm.BadAnswer, True),
    ("late-error", llm.ProviderUnavailable, True),
]


def _fails(ask: Callable[[], ChatAnswer], expected: type[llm.LLMError], retryable: bool) -> llm.LLMError:
    with pytest.raises(llm.LLMError) as caught:
        ask()
    assert type(caught.value) is expected, repr(caught.value)
    assert caught.value.retryable is retryable
    assert caught.value.code
    assert KEY not in f"{caught.value} {caught.value!r}"
    return caught.value


@either_way
@pytest.mark.parametrize(("fault", "expected", "retryable"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_fault_has_its_type(contestant, fault, expected, retryable, streaming):
    error = _fails(lambda: contestant.ask(f"fake+{fault}", _sink(streaming)), expected, retryable)

    assert error.retry_after == (7.0 if fault == "429=7" else None)
    assert contestant.ask().text  # and leaves the client usable


@either_way
@pytest.mark.parametrize(("fault", "expected", "retryable"), WIRE_FAULTS, ids=[fault[0] for fault in WIRE_FAULTS])
def test_a_servers_fault_has_its_type_and_is_not_repeated(wired, fault, expected, retryable, streaming):
    _fails(lambda: wired.ask(f"fake+{fault}", _sink(streaming)), expected, retryable)

    # A connection kept from an earlier call may have been closed meanwhile: that alone is tried again.
    assert len(wired.server.calls) == 1 or fault == "reset"


@either_way
@pytest.mark.parametrize("fault", ["timeout", "drip"])
def test_the_total_limit_holds_whatever_the_server_does(contestant, fault, streaming):
    started = time.monotonic()

    _fails(lambda: contestant.ask(f"fake+{fault}", _sink(streaming), timeout_s=0.3), llm.ProviderTimeout, True)

    assert time.monotonic() - started < 1.5


def test_the_total_limit_holds_while_tokens_flow(wired):
    got: list[str] = []

    _fails(lambda: wired.ask("fake+latency=5000", got.append, timeout_s=1.2), llm.ProviderTimeout, True)

    assert got


def test_what_was_said_before_a_cut_was_handed_out(wired):
    got: list[str] = []

    _fails(lambda: wired.ask("fake+cut", got.append), llm.CutStream, True)

    assert 2 < len(got) < len(wired.ask().text.split())


def test_what_on_token_raises_goes_through(contestant):
    class Fenced(BaseException):
        pass

    def stop(_: str) -> None:
        raise Fenced

    with pytest.raises(Fenced):
        contestant.ask(on_token=stop)
    assert contestant.ask().text


def test_an_error_of_on_token_is_not_taken_for_the_providers(contestant):
    def stop(_: str) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        contestant.ask(on_token=stop)
