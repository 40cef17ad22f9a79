"""/api/v1/providers: what can be called and what it costs; never how to sign in there."""

from typing import Any

import pytest

from agents.accounts import accounts_of
from agents.models import ProviderAccount
from teams.tenancy import tenant
from tests.factories import Person
from tests.integration.agents.accounts import ALICES, account, forbid_platform_keys

URL = "/api/v1/providers"


@pytest.fixture(autouse=True)
def _providers(settings: Any) -> None:
    settings.DEFAULT_MODEL = "openai:small"
    settings.LLM_PROVIDERS = {
        "openai": {
            "label": "OpenAI",
            "base_url": "https://user:hidden@llm.example/v1",
            "api_key": "sk-very-secret",
            "key_variable": "OPENAI_API_KEY",
            "models": {"small": {"context_tokens": 4096, "price": ("0.15", "0.6")}, "free": {}},
        },
        "keyless": {"base_url": "https://keyless.example/v1", "key_variable": "KEYLESS_API_KEY"},
    }


def test_providers_and_models_are_listed(api: Any, bob: Person) -> None:
    answer = api(bob).get(URL)

    openai, keyless = answer.json()["results"]
    assert (openai["name"], openai["label"], openai["configured"], openai["missing"]) == ("openai", "OpenAI", True, [])
    assert openai["models"] == [
        {"name": "small", "context_tokens": 4096, "price_in": "0.15", "price_out": "0.6"},
        {"name": "free", "context_tokens": 8192, "price_in": None, "price_out": None},
    ]
    assert (keyless["configured"], keyless["missing"]) == (False, ["KEYLESS_API_KEY"])
    assert (openai["default_model"], keyless["default_model"]) == ("small", None)


def test_what_is_missing_may_be_a_package_or_an_address(api: Any, bob: Person, settings: Any) -> None:
    settings.LLM_PROVIDERS = {
        "claude": {"base_url": "https://x.example", "langchain": {"class": "not_there.Chat", "extra": "anthropic"}},
        "ollama": {"base_url": "", "base_url_variable": "OLLAMA_BASE_URL"},
    }

    found = {one["name"]: (one["configured"], one["missing"]) for one in api(bob).get(URL).json()["results"]}

    assert found == {
        "claude": (False, ["install agent-team-builder[anthropic]"]),
        "ollama": (False, ["OLLAMA_BASE_URL"]),
    }


def test_keys_and_addresses_are_not_shown(api: Any, bob: Person) -> None:
    text = api(bob).get(URL).content.decode()

    assert "sk-very-secret" not in text
    assert "hidden" not in text


def test_the_tenants_own_default_is_told(api: Any, bob: Person) -> None:
    bob.tenant.default_model = "keyless:big"
    bob.tenant.save()

    openai, keyless = api(bob).get(URL).json()["results"]
    assert (openai["default_model"], keyless["default_model"]) == (None, "big")


def test_a_default_that_cannot_be_read_does_not_hide_the_list(api: Any, bob: Person) -> None:
    bob.tenant.default_model = "big"
    bob.tenant.save()

    assert len(api(bob).get(URL).json()["results"]) == 2


def test_a_scope_is_needed(api: Any, bob: Person) -> None:
    assert api(bob, "executions:read").get(URL).status_code == 403


def test_a_tenants_own_account_makes_a_provider_callable_for_it_alone(
    api: Any, bob: Person, alice: Person, charlie: Person
) -> None:
    account(alice, "keyless", ALICES)

    found = {who: api(who).get(URL).json()["results"][1] for who in (bob, charlie)}
    assert (found[bob]["configured"], found[bob]["own_account"], found[bob]["missing"]) == (True, True, [])
    assert (found[charlie]["configured"], found[charlie]["own_account"]) == (False, False)


def test_without_the_platforms_keys_an_account_is_missing(api: Any, bob: Person) -> None:
    forbid_platform_keys(bob)

    openai, _keyless = api(bob).get(URL).json()["results"]
    assert (openai["configured"], openai["missing"]) == (False, ["an account of your tenant's own"])


def test_what_another_process_has_just_changed_is_told(api: Any, bob: Person) -> None:
    accounts_of(bob.tenant.id)  # this process remembers that there is none
    with tenant(bob.tenant.id):
        ProviderAccount.objects.create(tenant=bob.tenant, provider="keyless", api_key="sealed elsewhere")

    assert api(bob).get(URL).json()["results"][1]["own_account"] is True
