"""What a tenant's calls sign in with: its own accounts with providers of models, and its credentials for tools.

Accounts are asked for with every model call, so each process keeps a tenant's for `FRESH_S` seconds. A change holds at
once in the process that makes it and within `FRESH_S` in every other. Kept are sealed keys; one is opened when a client
is made for it (agents/llm.py).
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from agents.llm_errors import BadCredentials, ProviderUnavailable
from agents.models import ProviderAccount, ToolCredential
from agents.provider_entries import Provider
from teams import secrets
from teams.models import PlatformKeys, Tenant
from teams.secrets import SecretError
from teams.tenancy import tenant as scope

logger = logging.getLogger(__name__)

FRESH_S: Final = 15.0
RETRY_S: Final = 2.0
"""How long others go on with what is known while one thread asks again."""
MAX_TENANTS: Final = 1000

NO_OWN_ACCOUNT: Final = (
    "has no account of your tenant's own, and your tenant does not allow the platform's keys: "
    "an admin adds one (POST /api/v1/provider-accounts, or Provider accounts in the admin)"
)
_NO_ADDRESS: Final = "takes no address of a tenant's any more: correct your tenant's account"

ACCOUNTS_SQL: Final = """
(SELECT json_agg(json_build_array(p.provider, p.id, p.revision, p.base_url, p.api_key))
 FROM agents_provideraccount p WHERE p.tenant_id = o.id AND p.enabled)
"""
"""In a question about the tenant `o`: the rows `just_read` takes."""


@dataclass(frozen=True)
class Account:
    """An account opened: what a call signs in with."""

    api_key: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True)
class StoredAccount:
    """An account as it is stored: sealed. Equal to another one only when nothing differs, the tenant included."""

    tenant_id: UUID
    provider: str
    id: UUID
    revision: int
    base_url: str
    sealed: str = field(repr=False)

    def opened(self) -> Account:
        """Open it. Raises BadCredentials when the key cannot be read; the log says why."""
        try:
            key = secrets.open(
                self.sealed,
                table=ProviderAccount._meta.db_table,
                column="api_key",
                row_id=self.id,
                tenant_id=self.tenant_id,
            )
        except SecretError as error:
            logger.error("tenant %s: %s", self.tenant_id, error)
            raise BadCredentials(
                f"The key of your tenant's account with {self.provider} cannot be read ({error.code}): set it anew."
            ) from error
        return Account(key, self.base_url or None)

    def signing(self, entry: Provider) -> Provider:
        """The provider as this account calls it. Raises BadCredentials."""
        account = self.opened()
        return replace(entry, api_key=account.api_key, base_url=account.base_url or entry.base_url)


@dataclass(frozen=True)
class Accounts:
    """What a tenant may call providers with. Hashable: two are equal when nothing about any account differs."""

    rows: tuple[StoredAccount, ...] = ()
    platform_keys: bool = True

    @property
    def own(self) -> Mapping[str, StoredAccount]:
        """The enabled accounts by provider."""
        return {row.provider: row for row in self.rows}

    def unavailable(self, entry: Provider) -> str:
        """Why this provider cannot be called, as the end of a sentence about it; "" when it can."""
        account = self.own.get(entry.name)
        if account is None and not self.platform_keys:
            return NO_OWN_ACCOUNT
        if account and account.base_url and not entry.tenant_base_url:
            return _NO_ADDRESS
        return self._called(entry).unavailable

    def missing(self, entry: Provider) -> list[str]:
        """All that is to be set, added or installed before this provider can be called; empty: it is ready."""
        if entry.name not in self.own and not self.platform_keys:
            return ["an account of your tenant's own"]
        return self._called(entry).missing

    def _called(self, entry: Provider) -> Provider:
        """The provider as it would be called: with some key, not with the key."""
        account = self.own.get(entry.name)
        if account is None:
            return entry
        return replace(entry, api_key="its own", base_url=account.base_url or entry.base_url)


def accounts_of(tenant_id: UUID) -> Accounts:
    """Return the tenant's accounts, as they were at most `FRESH_S` seconds ago in this process.

    While the database is away the last ones known hold; without any it raises ProviderUnavailable, to be tried again.
    """
    return _KEPT.get(tenant_id)


def just_read(tenant_id: UUID, platform_keys: str, rows: list[list[Any]] | None) -> Accounts:
    """Return the accounts that a larger question read with `ACCOUNTS_SQL`."""
    return Accounts(
        tuple(
            sorted(
                (
                    StoredAccount(tenant_id, name, UUID(row_id), revision, base_url, sealed)
                    for name, row_id, revision, base_url, sealed in rows or ()
                ),
                key=lambda account: account.provider,
            )
        ),
        platform_keys == PlatformKeys.ALLOWED,
    )


def changed(tenant_id: UUID) -> None:
    """Forget what is known of a tenant's accounts, now and when the change is committed. Call inside its scope."""
    _KEPT.forget(tenant_id)
    transaction.on_commit(lambda: _KEPT.forget(tenant_id))


def account_for(tenant_id: UUID, provider: str) -> Account | None:
    """Return the tenant's own account with a provider, opened; None: it has none. Raises BadCredentials."""
    account = accounts_of(tenant_id).own.get(provider)
    return account.opened() if account else None


class KeptAccounts:
    """The accounts of the tenants asked for last. Safe for threads; one of them asks the database at a time."""

    def __init__(self, fresh_s: float = FRESH_S, size: int = MAX_TENANTS) -> None:
        self._fresh_s, self._size = fresh_s, size
        self._values: OrderedDict[UUID, tuple[Accounts, float]] = OrderedDict()
        self._forgotten = 0
        self._lock, self._asking = threading.Lock(), threading.Lock()

    def get(self, tenant_id: UUID) -> Accounts:
        """Return a tenant's accounts, asked for anew when what is known is too old."""
        known = self._known(tenant_id)
        if known is not None:
            return known
        with self._asking:
            known = self._known(tenant_id, asks=True)
            return self._asked(tenant_id) if known is None else known

    def forget(self, tenant_id: UUID) -> None:
        """Ask again the next time; what is being read at this moment is not kept either."""
        with self._lock:
            self._forgotten += 1
            self._values.pop(tenant_id, None)

    def _known(self, tenant_id: UUID, *, asks: bool = False) -> Accounts | None:
        now = time.monotonic()
        with self._lock:
            accounts, until = self._values.get(tenant_id, (None, 0.0))
            if accounts is None or until > now:
                return accounts
            if asks:  # the others go on with these meanwhile
                self._values[tenant_id] = (accounts, now + RETRY_S)
            return None

    def _asked(self, tenant_id: UUID) -> Accounts:
        with self._lock:
            forgotten, before = self._forgotten, self._values.get(tenant_id)
        try:
            accounts = _read(tenant_id)
        except (OperationalError, InterfaceError) as error:
            if before is None:
                raise ProviderUnavailable("The tenant's accounts with providers cannot be read now.") from error
            return before[0]  # nobody can have changed them in a database that is away
        with self._lock:
            if forgotten == self._forgotten:
                self._values[tenant_id] = (accounts, time.monotonic() + self._fresh_s)
                self._values.move_to_end(tenant_id)
                while len(self._values) > self._size:
                    self._values.popitem(last=False)
        return accounts


_KEPT: Final = KeptAccounts()


def _read(tenant_id: UUID) -> Accounts:
    try:
        with scope(tenant_id):
            platform_keys = Tenant.objects.values_list("platform_keys", flat=True).get(id=tenant_id)
            rows = ProviderAccount.objects.filter(enabled=True).values_list(
                "provider", "id", "revision", "base_url", "api_key"
            )
            return just_read(tenant_id, platform_keys, [[name, str(row_id), *rest] for name, row_id, *rest in rows])
    finally:
        if not connection.in_atomic_block:
            connection.close()  # back to the pool: what follows is a call that takes seconds


# --- tools ------------------------------------------------------------------------------------------------------------


def credential_for(tenant_id: UUID, tool_name: str, host: str) -> Mapping[str, str] | None:
    """Return the headers a tool signs in with at this host (`host` or `host:port`); None: it has none for it.

    A credential is never given for a host that it was not made for. Raises `SecretError`.
    """
    asked = host.lower()
    with scope(tenant_id):
        rows = list(ToolCredential.objects.filter(tool=tool_name, enabled=True).order_by("name"))
    headers = {row.header: header_value(row) for row in rows if asked in row.hosts}
    return headers or None


def header_value(row: ToolCredential) -> str:
    """What the credential's header says. Raises `SecretError`."""
    value = secrets.opened(row, "value")
    return f"{row.scheme} {value}" if row.scheme else value
