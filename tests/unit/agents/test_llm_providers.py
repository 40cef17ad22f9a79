"""The provider table, prices, the door, and the switch that keeps tests away from paid models."""

import socket
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from agents import llm
from agents.llm_http import check_allowed
from agents.providers import provider_from

TABLE = {
    "openai": {
        "base_url": "https://api.openai.com/v1/",
        "key_variable": "OPENAI_API_KEY",
        "api_key": "",
        "models": {"mini": {"context_tokens": 128_000, "price": ("0.15", "0.60")}},
    },
    "local": {"base_url": "http://127.0.0.1:9/v1", "key_variable": "LOCAL_KEY", "context_tokens": 2048},
    "scripted": {"base_url": "http://127.0.0.1:9/v1", "client": "tests.fakes.ScriptedModel"},
}


@pytest.fixture(autouse=True)
def table():
    with override_settings(LLM_PROVIDERS=TABLE, ALLOW_MODEL_REQUESTS="local", DEFAULT_MODEL="local:a:b"):
        yield


def test_cost_is_exact():
    assert llm.cost("openai", "mini", 1000, 500) == Decimal("0.00045")


@pytest.mark.parametrize(
    ("provider", "model", "tokens_in", "tokens_out"),
    [("openai", "other", 1, 1), ("nobody", "mini", 1, 1), ("openai", "mini", None, 1), ("openai", "mini", 1, None)],
)
def test_cost_is_none_when_anything_is_unknown(provider, model, tokens_in, tokens_out):
    assert llm.cost(provider, model, tokens_in, tokens_out) is None


def test_facts_of_listed_and_other_models():
    assert llm.provider("openai").facts("mini").context_tokens == 128_000
    assert llm.provider("local").facts("any").context_tokens == 2048
    assert llm.provider("openai").base_url == "https://api.openai.com/v1"


def test_a_key_is_missed_except_on_loopback():
    assert llm.provider("openai").missing == ["OPENAI_API_KEY"]
    assert llm.provider("local").missing == []


def test_the_default_model_may_have_colons():
    assert llm.default_model() == ("local", "a:b")


@pytest.mark.parametrize("name", ["openai", "", ":m", "openai:"])
def test_a_default_model_without_both_parts_is_refused(name):
    with override_settings(DEFAULT_MODEL=name), pytest.raises(ImproperlyConfigured):
        llm.default_model()


@pytest.mark.parametrize(
    "entry", [{}, {"base_url": "x", "colour": 1}, {"base_url": "x", "models": {"m": {"price": 1}}}]
)
def test_a_wrong_entry_is_named(entry):
    with pytest.raises(ImproperlyConfigured, match="LLM_PROVIDERS"):
        provider_from("wrong", entry)


def test_the_door_keeps_one_client_for_each_provider():
    assert llm.chat_model("local", None) is llm.chat_model("local", None)
    assert type(llm.chat_model("scripted", None).model).__name__ == "ScriptedModel"


def test_the_door_makes_a_new_client_when_settings_change():
    before = llm.chat_model("local", None)
    with override_settings(LLM_PROVIDERS=dict(TABLE)):
        assert llm.chat_model("local", None) is not before


def test_the_door_names_what_is_missing():
    with pytest.raises(llm.BadCredentials, match="OPENAI_API_KEY"):
        llm.chat_model("openai", None)
    with pytest.raises(llm.UnknownProvider):
        llm.chat_model("nobody", None)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://localhost:80/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://2130706433/",
        "http://10.0.0.1/",
        "nonsense",
    ],
)
def test_local_means_literal_loopback_addresses(url):
    with pytest.raises(llm.RequestsForbidden):
        check_allowed(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://127.8.9.1/v1", "http://[::1]:1/v1"])
def test_loopback_is_allowed(url):
    check_allowed(url)


def test_nothing_is_looked_up_or_opened_when_forbidden(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a socket was touched")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(socket, "create_connection", never)
    client = llm.OpenAICompatible(llm.Provider(name="p", base_url="https://api.openai.com/v1", api_key="k"))

    with pytest.raises(llm.RequestsForbidden):
        client.chat(llm.ChatRequest("p", "m", []))


def test_all_allows_every_host():
    with override_settings(ALLOW_MODEL_REQUESTS="all"):
        check_allowed("https://api.openai.com/v1")
