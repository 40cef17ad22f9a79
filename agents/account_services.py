"""The only writers of a tenant's provider accounts, and of whether it allows the platform's keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection
from django.utils import timezone

from agents import accounts, providers
from agents.llm import ChatRequest, LLMError, chat_model
from agents.models import ProviderAccount
from agents.provider_entries import address_problem
from agents.registry import default_model_of, known_providers, tenant_defaults
from agents.secret_rows import (
    MAX_NOTE,
    fields_of,
    found,
    secret_problems,
    take,
)
from teams import audit
from teams.access import Actor
from teams.errors import Conflict, Located
from teams.history import noted
from teams.models import PlatformKeys, Tenant
from teams.refusing import reason_problems, refuse, text_problems
from teams.tenancy import tenant

MAX_URL: Final = 500
TEST_SECONDS: Final = 15.0
_SHOWN: Final = ("provider", "base_url", "enabled", "note", "revision")


@dataclass(frozen=True)
class Tested:
    """What came of a cheap call; `code` and `message` say why it failed."""

    ok: bool
    model: str
    code: str = ""
    message: str = ""


# --- reading ----------------------------------------------------------------------------------------------------------


def account_list(*, actor: Actor) -> list[ProviderAccount]:
    """Return the tenant's accounts by provider: at most one for each."""
    actor.require("secrets:write")
    with tenant(actor.tenant_id):
        return list(ProviderAccount.objects.order_by("provider"))


def account_get(*, actor: Actor, account_id: UUID) -> ProviderAccount:
    """Return an account, or raise `NotFound`."""
    actor.require("secrets:write")
    with tenant(actor.tenant_id):
        return found(ProviderAccount.objects.filter(id=account_id).first(), "provider account", account_id)


def platform_keys_get(*, actor: Actor) -> str:
    """Return "allowed" or "forbidden"."""
    actor.require("secrets:write")
    with tenant(actor.tenant_id):
        return Tenant.objects.values_list("platform_keys", flat=True).get(id=actor.tenant_id)


# --- writing ----------------------------------------------------------------------------------------------------------


def account_create(
    *, actor: Actor, provider: str, api_key: str, base_url: str = "", note: str = "", enabled: bool = True,
    reason: str = "",
) -> ProviderAccount:  # fmt: skip
    """Store a key of the tenant's own for a provider. Raises `Invalid`, and `Conflict` where there is one already."""
    actor.require("secrets:write")
    row = ProviderAccount(
        tenant_id=actor.tenant_id, provider=provider.strip(), base_url=base_url.strip(), note=note, enabled=enabled
    )
    refuse([*_problems(row), *secret_problems("api_key", api_key), *reason_problems(reason)])
    take(row, "api_key", api_key)
    taken = f"there is an account with {row.provider} already: rotate its key, or delete it"
    try:
        with tenant(actor.tenant_id):
            if ProviderAccount.objects.filter(provider=row.provider).exists():
                raise Conflict(taken)
            _store(actor, row, "provider_account.create", None, reason)
    except IntegrityError as error:
        raise Conflict(taken) from error
    return row


def account_change(*, actor: Actor, account_id: UUID, changes: Mapping[str, Any], reason: str = "") -> ProviderAccount:
    """Change `base_url`, `note` or `enabled`; the key stays. Raises `NotFound` and `Invalid`."""
    actor.require("secrets:write")
    refuse(reason_problems(reason))
    with tenant(actor.tenant_id):
        row = _locked(account_id)
        before = fields_of(row, _SHOWN)
        for name, value in changes.items():
            setattr(row, name, value.strip() if name == "base_url" else value)
        refuse(_problems(row))
        if fields_of(row, _SHOWN) != before:
            _store(actor, row, "provider_account.update", before, reason)
    return row


def account_rotate(*, actor: Actor, account_id: UUID, api_key: str, reason: str = "") -> ProviderAccount:
    """Put a new key in the place of the old one; calls from now on sign in with it. Raises `NotFound`, `Invalid`."""
    actor.require("secrets:write")
    refuse([*secret_problems("api_key", api_key), *reason_problems(reason)])
    with tenant(actor.tenant_id):
        row = _locked(account_id)
        take(row, "api_key", api_key)
        _store(actor, row, "provider_account.rotate", fields_of(row, _SHOWN), reason)
    return row


def account_delete(*, actor: Actor, account_id: UUID, reason: str = "") -> None:
    """Drop an account with its key; the platform's is used from now on, where the tenant allows it."""
    actor.require("secrets:write")
    refuse(reason_problems(reason))
    with tenant(actor.tenant_id):
        row = _locked(account_id)
        audit.record(actor, "provider_account.delete", row, before=fields_of(row, _SHOWN), reason=reason)
        noted(row, actor, reason).delete()
        accounts.changed(actor.tenant_id)


def platform_keys_set(*, actor: Actor, value: str, reason: str = "") -> str:
    """Allow or forbid that the tenant's models are called with the platform's keys. Raises `Invalid`."""
    actor.require("secrets:write")
    wrong = Located(loc="platform_keys", msg=f"must be one of {', '.join(PlatformKeys.values)}")
    refuse([*reason_problems(reason), *([] if value in PlatformKeys.values else [wrong])])
    with tenant(actor.tenant_id):
        row = Tenant.objects.select_for_update().get(id=actor.tenant_id)
        before, row.platform_keys = row.platform_keys, value
        if before != value:
            row.save(update_fields=["platform_keys"])
            then, now = {"platform_keys": before}, {"platform_keys": value}
            audit.record(actor, "tenant.platform_keys", row, before=then, after=now, reason=reason)
            accounts.changed(actor.tenant_id)
    return value


def _locked(account_id: UUID) -> ProviderAccount:
    row = ProviderAccount.objects.select_for_update().filter(id=account_id).first()
    return found(row, "provider account", account_id)


def _store(actor: Actor, row: ProviderAccount, action: str, before: dict[str, Any] | None, reason: str) -> None:
    if before is not None:
        row.revision += 1
    row.updated_at = timezone.now()
    noted(row, actor, reason).save()
    audit.record(actor, action, row, before=before, after=fields_of(row, _SHOWN), reason=reason)
    accounts.changed(actor.tenant_id)


def _problems(row: ProviderAccount) -> list[Located]:
    problems = text_problems("note", row.note, MAX_NOTE)
    if row.provider not in providers.providers():
        return [*problems, Located(loc="provider", msg=f"is not a known provider; {known_providers()}")]
    if row.base_url and (problem := _address_problem(row)):
        problems.append(Located(loc="base_url", msg=problem))
    return problems


def _address_problem(row: ProviderAccount) -> str:
    """Why an account cannot be called at this address, as far as the text of it tells."""
    if not providers.provider(row.provider).tenant_base_url:
        return f"{row.provider} takes no address of a tenant's: leave it empty"
    if text_problems("base_url", row.base_url, MAX_URL) or not row.base_url.isascii() or " " in row.base_url:
        return f"must be an address of at most {MAX_URL} ASCII characters"
    return address_problem(row.base_url)


# --- trying -----------------------------------------------------------------------------------------------------------


def account_test(*, actor: Actor, account_id: UUID, model: str = "") -> Tested:
    """Ask a model for one word with this account. Call outside every transaction: it waits for another service.

    Without a model it is the tenant's default where that is this provider's, else the first that is known of it.
    Raises `NotFound`, `Conflict` for an account that is off, and `Invalid` when no model is known.
    """
    row = account_get(actor=actor, account_id=account_id)
    if not row.enabled:
        raise Conflict("the account is off: switch it on, then test it")
    refuse(text_problems("model", model, 200))
    chosen = model or _some_model(actor, row.provider)
    if not chosen:
        refuse([Located(loc="model", msg=f"name one: no model of {row.provider} is known here")])
    request = ChatRequest(
        row.provider, chosen, [{"role": "user", "content": "Say yes."}], {"max_tokens": 8}, timeout_s=TEST_SECONDS
    )
    accounts.changed(actor.tenant_id)  # what another process has changed a moment ago is to be tested, too
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: the call takes seconds
    try:
        chat_model(row.provider, actor.tenant_id).chat(request)
    except LLMError as error:
        return Tested(False, chosen, error.code, str(error))
    return Tested(True, chosen)


def _some_model(actor: Actor, provider: str) -> str:
    try:
        default = default_model_of(tenant_defaults(actor.tenant_id))
    except Conflict:
        default = ("", "")  # a default that cannot be read is told where it matters
    if default[0] == provider:
        return default[1]
    return next(iter(providers.provider(provider).models), "") if provider in providers.providers() else ""
