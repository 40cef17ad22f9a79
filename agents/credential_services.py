"""The only writers of a tenant's tool credentials."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection
from django.utils import timezone

from agents.accounts import header_value
from agents.checks import tool_problem
from agents.models import ToolCredential
from agents.outbound import OutboundError, send, target_of
from agents.secret_rows import (
    MAX_NOTE,
    MAX_ROWS,
    fields_of,
    found,
    secret_problems,
    take,
)
from teams import audit
from teams.access import Actor
from teams.errors import Conflict, Invalid, Located
from teams.history import noted
from teams.refusing import reason_problems, refuse, text_problems
from teams.secrets import SecretError
from teams.tenancy import tenant

MAX_HOSTS: Final = 20
TEST_SECONDS: Final = 10.0
TEST_BYTES: Final = 10_000
_SHOWN: Final = ("name", "tool", "header", "scheme", "hosts", "enabled", "note")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?")
# What a client decides itself; a credential there would change how the request is read, not who sends it.
_RESERVED: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "expect", "te", "trailer"}
)


def credential_list(*, actor: Actor) -> list[ToolCredential]:
    """Return the tenant's credentials by name."""
    actor.require("secrets:write")
    with tenant(actor.tenant_id):
        return list(ToolCredential.objects.order_by("name"))


def credential_get(*, actor: Actor, credential_id: UUID) -> ToolCredential:
    """Return a credential, or raise `NotFound`."""
    actor.require("secrets:write")
    with tenant(actor.tenant_id):
        return found(ToolCredential.objects.filter(id=credential_id).first(), "tool credential", credential_id)


def credential_create(
    *, actor: Actor, name: str, tool: str, value: str, hosts: Sequence[str], header: str = "Authorization",
    scheme: str = "", note: str = "", enabled: bool = True, reason: str = "",
) -> ToolCredential:  # fmt: skip
    """Store a credential. Raises `Invalid`, and `Conflict` for a name that is taken, or a host that has this header
    from another credential of the tool."""
    actor.require("secrets:write")
    row = ToolCredential(
        tenant_id=actor.tenant_id, name=name.strip(), tool=tool, header=header, scheme=scheme, hosts=_tidy(hosts),
        note=note, enabled=enabled,
    )  # fmt: skip
    refuse([*_problems(row), *secret_problems("value", value), *reason_problems(reason)])
    take(row, "value", value)
    taken = f"there is a credential named {row.name} already: rotate its value, or choose another name"
    try:
        with tenant(actor.tenant_id):
            if ToolCredential.objects.filter(name=row.name).exists():
                raise Conflict(taken)
            if ToolCredential.objects.count() >= MAX_ROWS:
                raise Conflict(f"a tenant has at most {MAX_ROWS} credentials: delete one you do not need")
            _store(actor, row, "tool_credential.create", None, reason)
    except IntegrityError as error:
        raise Conflict(taken) from error
    return row


def credential_change(
    *, actor: Actor, credential_id: UUID, changes: Mapping[str, Any], reason: str = ""
) -> ToolCredential:
    """Change `header`, `scheme`, `hosts`, `note` or `enabled`; the value stays. Raises as `credential_create` does.

    A credential given to further hosts is sent there: whoever may change hosts can learn the value.
    """
    actor.require("secrets:write")
    refuse(reason_problems(reason))
    with tenant(actor.tenant_id):
        row = _locked(credential_id)
        before = fields_of(row, _SHOWN)
        for name, given in changes.items():
            setattr(row, name, _tidy(given) if name == "hosts" else given)
        refuse(_problems(row))
        if fields_of(row, _SHOWN) != before:
            _store(actor, row, "tool_credential.update", before, reason)
    return row


def credential_rotate(*, actor: Actor, credential_id: UUID, value: str, reason: str = "") -> ToolCredential:
    """Put a new value in the place of the old one. Raises `NotFound` and `Invalid`."""
    actor.require("secrets:write")
    refuse([*secret_problems("value", value), *reason_problems(reason)])
    with tenant(actor.tenant_id):
        row = _locked(credential_id)
        take(row, "value", value)
        _store(actor, row, "tool_credential.rotate", fields_of(row, _SHOWN), reason)
    return row


def credential_delete(*, actor: Actor, credential_id: UUID, reason: str = "") -> None:
    """Drop a credential with its value. Raises `NotFound`."""
    actor.require("secrets:write")
    refuse(reason_problems(reason))
    with tenant(actor.tenant_id):
        row = _locked(credential_id)
        audit.record(actor, "tool_credential.delete", row, before=fields_of(row, _SHOWN), reason=reason)
        noted(row, actor, reason).delete()


@dataclass(frozen=True)
class Asked:
    """What came of a request with a credential. `status` is None when there was no answer."""

    ok: bool
    status: int | None
    code: str = ""
    message: str = ""


def credential_test(*, actor: Actor, credential_id: UUID, url: str) -> Asked:
    """Ask GET of an address at one of the credential's hosts, signed in with it. Call outside every transaction.

    Raises `NotFound`, `Conflict` for an address elsewhere, and `Invalid` for one to which it would go unencrypted.
    """
    row = credential_get(actor=actor, credential_id=credential_id)
    try:
        target = target_of(url)
    except OutboundError as error:
        raise _bad_url(error.message) from error
    if target.place not in row.hosts:
        raise Conflict(f"{target.place} is not among this credential's hosts: {', '.join(row.hosts)}")
    if target.scheme != "https" and target.pair not in settings.OUTBOUND_ALLOW:
        raise _bad_url("a credential is sent over https:// alone")
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: the answer takes seconds
    try:
        headers = {row.header: header_value(row)}
        answer = send(
            "GET", url, headers=headers, body=None, timeout_s=TEST_SECONDS, max_bytes=TEST_BYTES, allow_hosts=row.hosts
        )
    except OutboundError as error:
        return Asked(False, None, error.code, error.message)
    except SecretError as error:
        return Asked(False, None, error.code, "the value cannot be read: set it anew")
    if answer.status < 400:
        return Asked(True, answer.status)
    return Asked(False, answer.status, "http_error", f"the answer is HTTP {answer.status}")


def _bad_url(text: str) -> Invalid:
    return Invalid("The address cannot be asked.", errors=[Located(loc="url", msg=text)])


def _tidy(hosts: Sequence[str]) -> list[str]:
    """In lower case, each once, and without the port that https has anyway."""
    return list(dict.fromkeys(host.strip().lower().removesuffix(":443") for host in hosts))


def _locked(credential_id: UUID) -> ToolCredential:
    row = ToolCredential.objects.select_for_update().filter(id=credential_id).first()
    return found(row, "tool credential", credential_id)


def _store(actor: Actor, row: ToolCredential, action: str, before: dict[str, Any] | None, reason: str) -> None:
    others = ToolCredential.objects.filter(tool=row.tool, header__iexact=row.header, enabled=True).exclude(id=row.id)
    for other in others if row.enabled else ():
        if both := sorted(set(other.hosts) & set(row.hosts)):
            raise Conflict(f"{other.name} is sent to {', '.join(both)} in {other.header} already")
    row.updated_at = timezone.now()
    noted(row, actor, reason).save()
    audit.record(actor, action, row, before=before, after=fields_of(row, _SHOWN), reason=reason)


def _problems(row: ToolCredential) -> list[Located]:
    problems = [*text_problems("name", row.name, 100), *text_problems("note", row.note, MAX_NOTE)]
    if not row.name:
        problems.append(Located(loc="name", msg="must not be empty: say what it opens"))
    if problem := tool_problem(row.tool, frozenset()):
        problems.append(Located(loc="tool", msg=problem))
    if not _TOKEN.fullmatch(row.header) or len(row.header) > 100 or row.header.lower() in _RESERVED:
        problems.append(Located(loc="header", msg="must be the name of a header that may carry a credential"))
    if row.scheme and (not _TOKEN.fullmatch(row.scheme) or len(row.scheme) > 40):
        problems.append(Located(loc="scheme", msg="must be one word, for example Bearer; empty: none"))
    return [*problems, *_host_problems(row.hosts)]


def _host_problems(hosts: Sequence[str]) -> list[Located]:
    if not 1 <= len(hosts) <= MAX_HOSTS:
        return [Located(loc="hosts", msg=f"1 to {MAX_HOSTS} are wanted: a credential is sent nowhere else")]
    wrong = "must be host or host:port, for example api.example.com; no scheme, path or wildcard"
    return [
        Located(loc=f"hosts.{number}", msg=wrong)
        for number, host in enumerate(hosts)
        if len(host) > 260 or not _HOST.fullmatch(host)
    ]
