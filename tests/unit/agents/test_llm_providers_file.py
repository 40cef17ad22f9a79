"""An operator's file adds providers and overrides entries; what is wrong in it is named before anything is served."""

import json

import pytest
from django.conf import settings as project
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from agents import llm, providers
from agents.settings_checks import providers_are_readable

TOML = """
[openai]
context_tokens = 16_000
[openai.models."gpt-4o-mini"]
context_tokens = 128_000
price = [0.2, "0.8"]

[bigco]
label = "Big Co"
base_url = "https://llm.bigco.example/v1"
key_variable = "BIGCO_KEY"

[bedrock]
base_url = "https://bedrock.example"
langchain = { class = "langchain_aws.ChatBedrockConverse", kwargs = { region_name = "eu-central-1" } }
"""


@pytest.fixture
def table(settings, tmp_path, monkeypatch):
    """`table(text, "p.toml")`: the providers with that file laid over a small table."""
    monkeypatch.setenv("BIGCO_KEY", "sk-big")
    settings.DEFAULT_MODEL = "openai:gpt-4o-mini"
    settings.LLM_PROVIDERS = {
        "openai": {
            "base_url": "https://api.openai.com/v1",
            "api_key": "sk-openai",
            "key_variable": "OPENAI_API_KEY",
            "models": {"gpt-4o": {"price": ("2.50", "10.00")}, "gpt-4o-mini": {"price": ("0.15", "0.60")}},
        }
    }

    def write(text: str, name: str = "providers.toml") -> None:
        (tmp_path / name).write_text(text)
        settings.LLM_PROVIDERS_FILE = str(tmp_path / name)

    return write


def test_entries_are_added_and_overridden_key_by_key(table):
    table(TOML)

    openai, bigco, bedrock = (providers.provider(name) for name in ("openai", "bigco", "bedrock"))
    assert (openai.base_url, openai.api_key) == ("https://api.openai.com/v1", "sk-openai")
    assert str(openai.facts("gpt-4o-mini").price.tokens_in) == "0.2"
    assert str(openai.facts("gpt-4o").price.tokens_out) == "10.00"
    assert openai.facts("any").context_tokens == 16_000
    assert (bigco.label, bigco.api_key, bigco.missing) == ("Big Co", "sk-big", [])
    assert bedrock.client == "agents.langchain_models.LangChainChat"
    assert bedrock.missing == ["install langchain-aws"]
    assert providers_are_readable() == []


def test_json_is_read_too(table):
    table(json.dumps({"bigco": {"base_url": "https://x.example/v1"}}), "providers.json")

    assert providers.provider("bigco").label == "bigco"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[openai", "providers.toml"),
        ("x = 1", "x is not an object"),
        ('["Big Co"]\nbase_url = "https://x"', "'Big Co' is not a name"),
        ('[bigco]\nlabel = "no address"', "base_url: Field required"),
        ('[bigco]\nbase_url = "ftp://x"', "base_url"),
        ('[bigco]\nbase_url = "https://x"\ncolour = 1', "colour: Extra inputs"),
        ('[bigco]\nbase_url = "https://x"\napi_key = "sk-1234"', "keys are not read from this file"),
        ('[openai.models.m]\nprice = [-1, 2]', "models.m.price.0"),
        ('[openai.models.m]\ncontext_tokens = 0', "models.m.context_tokens"),
        ('[openai]\nlangchain = { class = "nodots" }', "langchain.class"),
        ("[openai]\nmodels = 3", "models"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_system_check_that_names_it(table, text, said):
    table(text)

    (error,) = providers_are_readable()
    assert error.id == "ATB.E010"
    assert said in error.msg
    assert "docs/providers.md" in error.hint
    assert "sk-" not in error.msg
    with pytest.raises(ImproperlyConfigured):
        providers.providers()


def test_a_file_that_is_not_there(table, settings, tmp_path):
    settings.LLM_PROVIDERS_FILE = str(tmp_path / "gone.toml")

    (error,) = providers_are_readable()
    assert "No such file" in error.msg


def test_a_default_model_of_a_provider_there_is_not(table, settings):
    table(TOML)
    settings.DEFAULT_MODEL = "opnai:gpt-4o"

    (error,) = providers_are_readable()
    assert (error.id, "bigco" in error.hint) == ("ATB.E011", True)
    assert error in run_checks()


# --- the table that comes with the product ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("openai", ["OPENAI_API_KEY"]),
        ("anthropic", ["ANTHROPIC_API_KEY"]),
        ("featherless", ["FEATHERLESS_API_KEY"]),
        ("openrouter", ["OPENROUTER_API_KEY"]),
        ("groq", ["GROQ_API_KEY"]),
        ("mistral", ["MISTRAL_API_KEY"]),
        ("together", ["TOGETHER_API_KEY"]),
        ("ollama", ["OLLAMA_BASE_URL"]),
        ("vllm", ["VLLM_BASE_URL"]),
    ],
)
def test_each_provider_names_what_it_lacks(settings, name, missing):
    keyless = {**project.LLM_PROVIDERS[name], "api_key": ""}
    if name in ("openai", "ollama", "vllm"):  # whatever the environment of the tests says
        keyless["base_url"] = "https://api.openai.com/v1" if name == "openai" else ""
    settings.LLM_PROVIDERS = {name: keyless}

    assert providers.provider(name).missing == missing
    assert missing[0] in providers.provider(name).unavailable
    with pytest.raises(llm.BadCredentials, match=missing[0]):
        llm.chat_model(name, None)


def test_only_known_prices_are_in_the_table():
    priced = {name for name, entry in project.LLM_PROVIDERS.items() if entry.get("models")}

    assert priced == {"openai", "anthropic"}
