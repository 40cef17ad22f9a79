"""The adapter with LangChain's own fake models, and with Anthropic's class: what only LangChain makes possible."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as project
from django.test import override_settings
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult

from agents import llm
from agents.langchain_models import LangChainChat
from agents.provider_entries import Provider, provider_from
from agents.sdk_errors import translated
from tests.fake_anthropic import FakeAnthropicServer

SAID: dict[str, Any] = {}


class Generic(GenericFakeChatModel):
    """LangChain's fake: splits the text at blanks."""

    def __init__(self, **given: Any) -> None:
        SAID["arguments"] = given
        super().__init__(messages=iter([SAID["message"]]))


class Listed(FakeListChatModel):
    """LangChain's other fake: a character at a time, and it may fail amid them."""

    def __init__(self, **given: Any) -> None:
        super().__init__(responses=[SAID["message"]], **given)


class Failing(GenericFakeChatModel):
    """Raises what a test wants."""

    def __init__(self, **_: Any) -> None:
        super().__init__(messages=iter(()))

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise SAID["error"]

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        raise SAID["error"]


def provider(name: str, **langchain: Any) -> Provider:
    entry = {"class": f"{__name__}.{name}", "tells_finish": False, **langchain}
    return provider_from("fakes", {"base_url": "http://127.0.0.1:9", "langchain": entry})


def ask(model: Provider, on_token: Any = None, **parameters: Any) -> llm.ChatAnswer:
    messages = [{"role": "system", "content": "You are Critic."}, {"role": "user", "content": "Is it so?"}]
    return LangChainChat(model).chat(llm.ChatRequest("fakes", "m", messages, parameters, 5.0), on_token)


@pytest.fixture(autouse=True)
def _all_hosts() -> Iterator[None]:
    """The fakes take no base URL, so nothing says that they stay on this machine."""
    with override_settings(ALLOW_MODEL_REQUESTS="all"):
        yield


def test_a_langchain_model_answers_in_order():
    SAID["message"] = AIMessage("one two three")
    got: list[str] = []

    answer = ask(provider("Generic"), got.append)

    assert (answer.text, "".join(got), len(got)) == ("one two three", "one two three", 5)
    assert (answer.finish_reason, answer.model) == ("stop", "m")
    assert (answer.tokens_in, answer.tokens_out) == (None, None)


def test_a_model_that_does_not_stream_answers_whole():
    SAID["message"] = "whole"
    got: list[str] = []

    answer = ask(provider("Listed", kwargs={"disable_streaming": True}), got.append)

    assert (answer.text, got) == ("whole", ["whole"])


def test_a_stream_without_its_end_is_cut_where_the_model_tells_ends():
    SAID["message"] = "half of"

    with pytest.raises(llm.CutStream):
        ask(provider("Listed", tells_finish=True))


def test_a_stream_that_fails_midway_is_an_error():
    SAID["message"] = "half of"
    got: list[str] = []

    with pytest.raises(llm.LLMError) as caught:
        ask(provider("Listed", kwargs={"error_on_chunk_number": 3}), got.append)

    assert "".join(got) == "hal"
    assert caught.value.code == "client_error"


def test_an_empty_answer_is_an_error():
    SAID["message"] = " "

    with pytest.raises(llm.BadAnswer):
        ask(provider("Listed"))


def test_a_stream_without_a_word_is_an_empty_answer():
    SAID["message"] = ""

    with pytest.raises(llm.BadAnswer) as caught:
        ask(provider("Listed"))

    assert caught.value.retryable


def test_a_class_takes_the_standard_arguments_it_has():
    SAID["message"] = AIMessage("x")

    ask(provider("Generic", kwargs={"tags": ["a"]}))

    assert SAID["arguments"] == {"tags": ["a"]}  # the fake has no field for a key, an address or retries


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), ValueError("top_k is not supported")])
def test_errors_that_are_no_sdks(error):
    SAID["error"] = error

    with pytest.raises(llm.LLMError) as caught:
        ask(provider("Failing"))

    expected = {
        TimeoutError: llm.ProviderTimeout,
        ConnectionResetError: llm.ProviderUnavailable,
        ValueError: llm.BadRequest,
    }
    assert type(caught.value) is expected[type(error)]


def test_a_class_without_a_base_url_may_be_called_only_where_every_host_may():
    SAID["message"] = "x"

    with override_settings(ALLOW_MODEL_REQUESTS="local"), pytest.raises(llm.RequestsForbidden):
        ask(provider("Listed"))


# --- errors by name ---------------------------------------------------------------------------------------------------


class RateLimitError(Exception):
    """As many SDKs name it."""


class APIConnectionError(Exception):
    """As many SDKs name it."""


class RemoteProtocolError(Exception):
    """httpx's."""


def test_a_lost_connection_cuts_an_answer_that_had_begun():
    lost = APIConnectionError("Connection error.")

    assert type(translated(lost, api_key="", begun=True)) is llm.CutStream
    assert type(translated(lost, api_key="", begun=False)) is llm.ProviderUnavailable


def test_a_body_that_ended_early_is_cut_also_under_another_error():
    lost = APIConnectionError("Connection error.")
    lost.__cause__ = RemoteProtocolError("peer closed connection without sending complete message body")

    assert type(translated(lost, api_key="", begun=False)) is llm.CutStream


def test_the_key_is_in_no_text():
    error = translated(RateLimitError("sk-secret is over its limit"), api_key="sk-secret", begun=False)

    assert type(error) is llm.RateLimited
    assert "sk-secret" not in f"{error} {error!r}"


def test_an_unknown_error_says_its_name_alone():
    class Odd(Exception):
        pass

    error = translated(Odd("sk-secret"), api_key="", begun=False)

    assert (error.code, error.retryable) == ("client_error", False)
    assert "Odd" in str(error)
    assert "sk-secret" not in str(error)


# --- setting up -------------------------------------------------------------------------------------------------------


def _anthropic(**changes: Any) -> Provider:
    return provider_from("anthropic", {**project.LLM_PROVIDERS["anthropic"], **changes})


def test_a_missing_package_names_the_extra():
    langchain = {"class": "agents.anthropic_chat.AnthropicChat", "package": "not_installed", "extra": "anthropic"}
    lacking = _anthropic(api_key="k", langchain=langchain)

    assert lacking.missing == ["install agent-team-builder[anthropic]"]
    with pytest.raises(llm.BadCredentials, match=r"install agent-team-builder\[anthropic\]"):
        LangChainChat(lacking)


def test_the_door_tells_of_a_missing_package_too():
    entry = {"base_url": "http://127.0.0.1:9", "langchain": {"class": "langchain_nowhere.ChatNowhere"}}

    with override_settings(LLM_PROVIDERS={"nowhere": entry}), pytest.raises(llm.BadCredentials, match="install"):
        llm.chat_model("nowhere", None)


@pytest.mark.parametrize("path", ["agents.langchain_models.NotThere", "agents.llm.Provider"])
def test_a_class_that_is_none(path):
    with pytest.raises((llm.BadCredentials, llm.BadRequest)):
        LangChainChat(provider_from("odd", {"base_url": "http://127.0.0.1:9", "langchain": {"class": path}}))


def test_nothing_is_looked_up_when_forbidden(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a socket was touched")

    client = LangChainChat(_anthropic(base_url="https://api.anthropic.com", api_key="k"))
    monkeypatch.setattr(socket, "getaddrinfo", never)

    with override_settings(ALLOW_MODEL_REQUESTS="local"), pytest.raises(llm.RequestsForbidden):
        client.chat(llm.ChatRequest("anthropic", "m", [{"role": "user", "content": "x"}]))


def test_a_key_with_a_line_break_is_refused_without_being_quoted():
    client = LangChainChat(_anthropic(base_url="http://127.0.0.1:9", api_key="sk-secret\nX-Other: 1"))

    with pytest.raises(llm.BadCredentials) as caught:
        client.chat(llm.ChatRequest("anthropic", "m", [{"role": "user", "content": "x"}]))

    assert "sk-secret" not in str(caught.value)


# --- Anthropic's own --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[FakeAnthropicServer]:
    with FakeAnthropicServer() as server:
        yield server


@pytest.fixture
def server(running: FakeAnthropicServer) -> FakeAnthropicServer:
    running.reset()
    return running


def test_what_is_sent_to_anthropic(server, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://elsewhere.example")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    answer = ask(_anthropic(base_url=server.base_url, api_key="sk-mine"), temperature=0.2, stop="END")

    (call,) = server.calls
    headers = {name.lower(): value for name, value in call.headers.items()}
    assert headers["authorization"] == "Bearer sk-mine"
    assert headers["accept-encoding"] == "identity"
    assert call.body["system"] == "You are Critic."
    assert call.body["messages"] == [{"role": "user", "content": "Is it so?"}]
    assert (call.body["max_tokens"], call.body["temperature"], call.body["stop_sequences"]) == (4096, 0.2, ["END"])
    assert answer.model == "m"


def test_what_anthropic_does_not_take_is_refused_here(server):
    with pytest.raises(llm.BadRequest, match="seed"):
        ask(_anthropic(base_url=server.base_url, api_key="k"), seed=1)

    assert not server.calls


@pytest.mark.parametrize("fault", ["cut", "huge", "broken", "429=3", "timeout"])
def test_whole_answers_fail_alike(server, fault):
    langchain = {**project.LLM_PROVIDERS["anthropic"]["langchain"], "kwargs": {"disable_streaming": True}}
    client = LangChainChat(_anthropic(base_url=server.base_url, api_key="k", langchain=langchain))
    question = [{"role": "user", "content": "x"}]
    assert client.chat(llm.ChatRequest("anthropic", "fake", question)).text.startswith("Answer ")

    with pytest.raises(llm.LLMError) as caught:
        client.chat(llm.ChatRequest("anthropic", f"fake+{fault}", question, {}, 3.0 if fault == "huge" else 1.0))

    expected = {
        "cut": llm.CutStream, "huge": llm.AnswerTooLarge, "broken": llm.BadAnswer, "429=3": llm.RateLimited,
        "timeout": llm.ProviderTimeout,
    }  # fmt: skip
    assert type(caught.value) is expected[fault]
