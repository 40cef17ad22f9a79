"""The fakes hold what other tests lean on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents import llm
from tests.fakes import ScriptedModel, control

ROOT = Path(__file__).parents[3]


def test_the_scripted_model_follows_its_list():
    model = ScriptedModel(["one two", llm.RateLimited(), "three"])
    request = llm.ChatRequest("p", "m", [{"role": "user", "content": "a b"}])
    got: list[str] = []

    answer = model.chat(request, got.append)

    assert (answer.text, got, answer.tokens_in, answer.tokens_out) == ("one two", ["one ", "two"], 2, 2)
    with pytest.raises(llm.RateLimited):
        model.chat(request)
    assert model.chat(request).text == "three"
    with pytest.raises(AssertionError):
        model.chat(request)


def test_the_scripted_model_answers_by_function():
    model = ScriptedModel(lambda request: request.model.upper())

    assert model.chat(llm.ChatRequest("p", "abc", [])).text == "ABC"


def test_a_fault_shows_so_many_times_for_each_question(ask):
    with pytest.raises(llm.ProviderUnavailable):
        ask("fake+500+times=1")

    assert ask("fake+500+times=1").text


def test_rules_choose_the_answer(ask, server):
    server.rule(match="Critic", answer="FINAL_ANSWER: 42", times=1)
    server.rule(match="nobody", fault="500")

    assert ask().text == "FINAL_ANSWER: 42"
    assert ask().text.startswith("Answer ")


def test_it_runs_as_a_process():
    command = [sys.executable, "-m", "tests.fakes", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stdout
        base_url = process.stdout.readline().split()[-1]
        control(base_url, "/_rules", [{"answer": "from a rule"}])
        client = llm.OpenAICompatible(llm.Provider(name="p", base_url=base_url))
        assert client.chat(llm.ChatRequest("p", "fake", [])).text == "from a rule"
        assert control(base_url, "/_stats")["calls"] == 1
        assert control(base_url, "/_requests")[0]["model"] == "fake"
    finally:
        process.kill()
        process.communicate()
