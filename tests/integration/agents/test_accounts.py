"""A tenant's calls sign in with its own key where it has one, and never with another tenant's."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from agents import accounts, llm
from agents.accounts import Accounts, KeptAccounts, accounts_of
from agents.llm_errors import BadCredentials, ProviderUnavailable
from agents.models import ProviderAccount
from agents.registry import resolved_agents, revision, unavailable
from executions.models import Execution
from executions.services import execution_start
from teams.errors import Conflict
from teams.spec import TeamSpec
from teams.tenancy import tenant
from tests import factories
from tests.fakes import FakeLLMServer
from tests.integration.agents.accounts import ALICES, CHARLIES, account, forbid_platform_keys

pytestmark = pytest.mark.django_db
PLATFORMS = "sk-platform-0123456789"


@pytest.fixture
def server(settings: Any) -> Iterator[FakeLLMServer]:
    with FakeLLMServer() as made:
        settings.LLM_PROVIDERS = {
            "openai": {"base_url": made.base_url, "api_key": PLATFORMS, "key_variable": "OPENAI_API_KEY"},
            "keyless": {"base_url": "https://keyless.example/v1", "key_variable": "KEYLESS_API_KEY"},
            "movable": {"base_url": made.base_url, "tenant_base_url": True},
        }
        settings.DEFAULT_MODEL = "openai:fake"
        yield made


def signs_in_with(server: FakeLLMServer, who: Any, provider: str = "openai") -> str:
    """The key that the provider really gets."""
    request = llm.ChatRequest(provider=provider, model="fake", messages=[{"role": "user", "content": "hello"}])
    llm.chat_model(provider, who.tenant.id).chat(request)
    return str(server.calls[-1].headers["Authorization"]).removeprefix("Bearer ")


def test_without_an_account_it_is_the_platforms_key(server, alice):
    assert signs_in_with(server, alice) == PLATFORMS


def test_each_tenant_signs_in_with_its_own_key(server, alice, charlie):
    account(alice, "openai", ALICES)
    account(charlie, "openai", CHARLIES)
    for _again in range(2):
        assert signs_in_with(server, alice) == ALICES
        assert signs_in_with(server, charlie) == CHARLIES


def test_an_account_is_nobody_elses(server, alice, charlie):
    account(alice, "openai", ALICES)
    assert signs_in_with(server, alice) == ALICES
    assert signs_in_with(server, charlie) == PLATFORMS


def test_a_key_copied_to_another_tenants_row_is_not_used(server, alice, charlie):
    """As an attacker with write access to the table would: the row is there, the key does not open."""
    stolen = account(alice, "openai", ALICES).api_key
    row = account(charlie, "openai", CHARLIES)
    row.api_key, row.revision = stolen, 2
    with tenant(charlie.tenant.id):
        row.save()
        accounts.changed(charlie.tenant.id)
    with pytest.raises(BadCredentials, match=r"cannot be read \(tampered\)") as refused:
        llm.chat_model("openai", charlie.tenant.id)
    assert ALICES not in str(refused.value)


def test_a_client_is_kept_until_the_account_changes(server, alice):
    row = account(alice, "openai", ALICES)
    first = llm.chat_model("openai", alice.tenant.id)
    assert llm.chat_model("openai", alice.tenant.id) is first
    with tenant(alice.tenant.id):
        row.revision = 2
        row.save()
        accounts.changed(alice.tenant.id)
    assert llm.chat_model("openai", alice.tenant.id) is not first


def test_clients_of_accounts_are_bounded(server, alice, charlie, monkeypatch):
    monkeypatch.setattr(llm, "MAX_OWN_CLIENTS", 1)
    account(alice, "openai", ALICES)
    account(charlie, "openai", CHARLIES)
    first = llm.chat_model("openai", alice.tenant.id)
    llm.chat_model("openai", charlie.tenant.id)
    assert len(llm._own_clients) == 1
    assert llm.chat_model("openai", alice.tenant.id) is not first


def test_an_account_that_is_off_is_as_if_it_were_not_there(server, alice):
    account(alice, "openai", ALICES, enabled=False)
    assert signs_in_with(server, alice) == PLATFORMS


def test_an_account_makes_a_provider_callable_that_the_platform_has_no_key_for(server, alice, charlie):
    account(alice, "keyless", ALICES)
    assert unavailable("keyless", accounts_of(alice.tenant.id)) == ""
    assert "KEYLESS_API_KEY" in unavailable("keyless", accounts_of(charlie.tenant.id))


def test_an_address_of_its_own_is_used_where_the_provider_allows_one(server, alice):
    account(alice, "movable", ALICES, base_url="https://mine.example/v1")
    account(alice, "openai", ALICES, base_url="https://mine.example/v1")
    assert "mine.example" in repr(llm.chat_model("movable", alice.tenant.id))
    with pytest.raises(BadCredentials, match="takes no address"):
        llm.chat_model("openai", alice.tenant.id)


# --- forbidding the platform's keys -----------------------------------------------------------------------------------


def test_a_tenant_that_forbids_the_platforms_keys_never_uses_them(server, alice, charlie):
    forbid_platform_keys(alice)
    with pytest.raises(BadCredentials, match="does not allow the platform's keys"):
        llm.chat_model("openai", alice.tenant.id)
    assert signs_in_with(server, charlie) == PLATFORMS
    account(alice, "openai", ALICES)
    assert signs_in_with(server, alice) == ALICES


def test_its_teams_do_not_start_and_say_why(server, alice):
    forbid_platform_keys(alice)
    team = factories.team(alice)
    with pytest.raises(Conflict, match=r"Writer: openai has no account of your tenant's own"):
        execution_start(actor=alice.actor, team_id=team.id)
    account(alice, "openai", ALICES)
    assert execution_start(actor=alice.actor, team_id=team.id).execution.status == "queued"


def test_a_team_made_ready_before_is_not_run_after_it_was_forbidden(server, alice):
    team = factories.team(alice)
    execution_start(actor=alice.actor, team_id=team.id)
    forbid_platform_keys(alice)
    with pytest.raises(Conflict):
        execution_start(actor=alice.actor, team_id=team.id)


def test_an_agent_that_allows_it_speaks_with_a_model_there_is_an_account_for(server, alice):
    forbid_platform_keys(alice)
    account(alice, "keyless", ALICES)
    alice.tenant.default_model = "keyless:big"
    agents = [{"agent_role": "A", "LLM_model": {"provider": "openai", "model": "fake"}}]
    (agent,) = resolved_agents(TeamSpec.load(factories.config(agents=agents)), alice.tenant)
    assert (agent.provider, agent.swapped_from) == ("keyless", "openai:fake")


def test_no_key_is_in_what_a_run_is_frozen_to(server, alice):
    row = account(alice, "openai", ALICES)
    run = execution_start(actor=alice.actor, team_id=factories.team(alice).id).execution
    with tenant(alice.tenant.id):
        frozen = str(Execution.objects.values().get(id=run.id))
    assert ALICES not in frozen
    assert row.api_key not in frozen


def test_no_text_of_an_account_shows_its_key(server, alice):
    row = account(alice, "openai", ALICES)
    found = accounts_of(alice.tenant.id)
    texts = [found, found.own["openai"].opened(), llm.chat_model("openai", alice.tenant.id), revision(found), row]
    for text in texts:
        assert ALICES not in repr(text) + str(text)
        assert row.api_key not in repr(text) + str(text)


# --- how often the database is asked ----------------------------------------------------------------------------------


def test_asking_again_within_seconds_asks_nothing_of_the_database(server, alice, django_assert_num_queries):
    accounts_of(alice.tenant.id)
    with django_assert_num_queries(0):
        for _call in range(3):
            llm.chat_model("openai", alice.tenant.id)


def test_what_is_too_old_is_asked_for_anew(alice, monkeypatch):
    kept = KeptAccounts(fresh_s=0)
    assert kept.get(alice.tenant.id) == Accounts()
    with tenant(alice.tenant.id):
        ProviderAccount.objects.create(provider="openai", api_key="sealed")
    assert list(kept.get(alice.tenant.id).own) == ["openai"]


def test_while_the_database_is_away_the_last_known_accounts_hold(alice, monkeypatch):
    account(alice, "openai", ALICES)
    kept = KeptAccounts(fresh_s=0)
    known = kept.get(alice.tenant.id)

    def away(_tenant_id: Any) -> Accounts:
        raise OperationalError("away")

    monkeypatch.setattr(accounts, "_read", away)
    assert kept.get(alice.tenant.id) == known
    with pytest.raises(ProviderUnavailable) as refused:
        kept.get(uuid4())
    assert refused.value.retryable


def test_what_is_read_while_it_is_changed_is_not_kept(alice, monkeypatch):
    kept, real = KeptAccounts(), accounts._read

    def changed_meanwhile(tenant_id: Any) -> Accounts:
        read = real(tenant_id)
        kept.forget(tenant_id)
        return read

    monkeypatch.setattr(accounts, "_read", changed_meanwhile)
    kept.get(alice.tenant.id)
    account(alice, "openai", ALICES)
    assert list(kept.get(alice.tenant.id).own) == ["openai"]


def test_the_tenants_kept_are_bounded(alice, charlie):
    kept = KeptAccounts(size=1)
    kept.get(alice.tenant.id)
    kept.get(charlie.tenant.id)
    assert list(kept._values) == [charlie.tenant.id]
