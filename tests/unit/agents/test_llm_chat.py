"""What the client sends and what it makes of the answer."""

import pytest

from agents import llm
from agents.llm import ChatRequest, OpenAICompatible, Provider
from agents.openai_answer import AnswerParts, sse_data
from agents.providers import ModelFacts


def test_a_whole_answer(ask, server):
    answer = ask()

    assert answer.text == f"Answer {server.calls[0].position[:8]} of fake to you."
    assert (answer.finish_reason, answer.model, answer.tool_calls) == ("stop", "fake", [])
    assert (answer.tokens_in, answer.tokens_out) == (6, 6)
    assert answer.raw_ms >= 0


def test_the_same_question_has_the_same_answer(ask, server):
    assert ask().text == ask().text == ask(on_token=lambda _: None).text
    assert server.stats()["by_body_hash"] == {server.calls[0].position: 3}


def test_what_is_sent(ask, server):
    ask(temperature=0.5, max_tokens=None, stop=["END"])

    call = server.calls[0]
    assert call.body["temperature"] == 0.5
    assert call.body["stop"] == ["END"]
    assert "max_tokens" not in call.body
    assert "stream" not in call.body
    assert call.headers["User-Agent"] == "agent-team-builder"


def test_parameters_cannot_replace_the_question(ask, server):
    with pytest.raises(llm.BadRequest):
        ask(messages=[], stream=True)
    assert not server.calls


def test_the_tables_extra_body_is_sent_and_parameters_win(server):
    models = {"fake": ModelFacts(4096, extra_body={"repeat_penalty": 1.2, "temperature": 0.1})}
    provider = Provider(name="p", base_url=server.base_url, extra_body={"cache": True}, models=models)

    OpenAICompatible(provider).chat(ChatRequest("p", "fake", [], {"temperature": 0.9}))

    body = server.calls[0].body
    assert (body["cache"], body["repeat_penalty"], body["temperature"]) == (True, 1.2, 0.9)
    assert "Authorization" not in server.calls[0].headers


def test_one_connection_serves_calls_in_a_row(ask, monkeypatch):
    made = []
    monkeypatch.setattr("agents.llm_http._HTTPConnection.connect", _counting(made))

    for _ in range(3):
        ask()
        ask(on_token=lambda _: None)

    assert len(made) <= 1


def _counting(made: list[object]):
    from urllib3.connection import HTTPConnection

    def connect(self: HTTPConnection) -> None:
        made.append(self)
        HTTPConnection.connect(self)

    return connect


def test_unknown_token_counts_are_none(ask):
    answer = ask("fake+no-usage")

    assert (answer.tokens_in, answer.tokens_out) == (None, None)


def test_a_server_that_wants_the_new_name_of_the_limit(ask, server):
    ask("fake+new-limit", max_tokens=9)
    ask("fake+new-limit", max_tokens=9)

    assert [call.body.get("max_completion_tokens") for call in server.calls] == [None, 9, 9]


def test_an_unwritable_request_is_a_bad_request(client, server):
    with pytest.raises(llm.BadRequest):
        client.chat(ChatRequest("fake", "fake", [{"role": "user", "content": "\ud800"}]))
    assert not server.calls


# --- Streaming --------------------------------------------------------------------------------------------------------


def test_tokens_come_in_order_and_make_the_answer(ask):
    got: list[str] = []

    answer = ask(on_token=got.append)

    assert len(got) > 3
    assert "".join(got) == answer.text
    assert (answer.finish_reason, answer.tokens_out) == ("stop", len(got))


def test_a_server_that_refuses_stream_options_is_asked_again_without(ask, server):
    first, second = (ask("fake+old-server", lambda _: None) for _ in range(2))

    assert first.text == second.text
    assert first.tokens_in is None
    assert ["stream_options" in call.body for call in server.calls] == [True, False, False]


def test_a_server_that_closes_after_each_stream_without_saying_so(ask, server):
    for _ in range(3):
        ask("fake+hangup", lambda _: None)

    assert server.stats()["calls"] == 3  # none was lost, and none was asked for twice


def test_what_on_token_raises_goes_through(ask):
    class Fenced(BaseException):
        pass

    def stop(_: str) -> None:
        raise Fenced

    with pytest.raises(Fenced):
        ask(on_token=stop)
    assert ask().text


def test_tool_calls_streamed_in_pieces():
    parts = AnswerParts()
    for piece in (
        {"index": 0, "id": "a1", "function": {"name": "search", "arguments": '{"q"'}},
        {"index": 0, "function": {"arguments": ': "x"}'}},
        {"index": 1, "id": "a2", "function": {"name": "chunk", "arguments": "{}"}},
    ):
        parts.add({"choices": [{"delta": {"tool_calls": [piece]}}]})

    calls = parts.answer("m", 0).tool_calls
    assert [(call["id"], call["function"]["name"]) for call in calls] == [("a1", "search"), ("a2", "chunk")]
    assert calls[0]["function"]["arguments"] == '{"q": "x"}'


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_read_however_they_are_cut(size):
    raw = b': hello\r\nevent: x\r\ndata: {"a": 1}\r\n\r\ndata:{"b":\ndata: 2}\n\n\ndata: [DONE]\n\ndata: {"unfinished'
    pieces = [raw[start : start + size] for start in range(0, len(raw), size)]

    assert list(sse_data(pieces)) == [b'{"a": 1}', b'{"b":\n2}', b"[DONE]"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": {}},
        {"choices": ["text"]},
        {"choices": [{"message": "text"}]},
        {"choices": [{"message": {"content": " "}}]},
        {"choices": [{"message": {"content": 7}}]},
        {"choices": [{"message": {"content": None}}], "usage": "much"},
        {"choices": [{"message": {"tool_calls": ["x"]}}]},
    ],
)
def test_answers_of_a_wrong_shape(body):
    with pytest.raises(llm.BadAnswer):
        AnswerParts.whole(body).answer("m", 0)


def test_nul_bytes_are_dropped_and_text_parts_joined():
    content = [{"type": "text", "text": "a\x00b"}, {"type": "image"}, {"type": "text", "text": "c"}]

    assert AnswerParts.whole({"choices": [{"message": {"content": content}}]}).answer("m", 0).text == "abc"


def test_nothing_said_within_max_tokens_is_permanent():
    with pytest.raises(llm.BadAnswer) as caught:
        AnswerParts.whole({"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}).answer("m", 0)

    assert not caught.value.retryable
