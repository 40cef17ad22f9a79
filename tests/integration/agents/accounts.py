"""Accounts as tests make them: rows with sealed keys."""

from typing import Any

from agents import accounts
from agents.models import ProviderAccount
from teams.secrets import seal_into
from teams.tenancy import tenant
from tests.factories import Person

ALICES, CHARLIES = "sk-alice-0123456789", "sk-charlie-0123456789"


def account(who: Person, provider: str, key: str, **fields: Any) -> ProviderAccount:
    """An account of the person's tenant with a provider."""
    row = ProviderAccount(tenant=who.tenant, provider=provider, **fields)
    seal_into(row, "api_key", key)
    with tenant(who.tenant.id):
        row.save()
        accounts.changed(who.tenant.id)
    return row


def forbid_platform_keys(who: Person) -> None:
    """The tenant wants its own accounts alone."""
    who.tenant.platform_keys = "forbidden"
    who.tenant.save()
    accounts._KEPT.forget(who.tenant.id)
