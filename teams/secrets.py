"""Secrets at rest: sealed with AES-256-GCM, each bound to the one place where it belongs.

A sealed value opens only in the table, column, row and tenant it was sealed for: copied to another row, or changed by
a bit, it raises `SecretError` instead of giving somebody else's secret. It names the key it was sealed with, so that
keys are rotated one behind the other (`manage.py reencrypt`, docs/operations.md).

    class Hook(TenantModel):
        secret = SealedField()                        # history: tenant_history(without=["secret"])

    seal_into(row, "secret", "...")                   # row.tenant_id and row.pk must be set
    opened(row, "secret")

Keys come from the setting ENCRYPTION_KEYS, `id:base64 of 32 bytes`, comma separated; the first one seals.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

VERSION: Final = "v1"
NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class SecretError(Exception):
    """A secret could not be sealed or opened. `code` is for machines; the text never holds a secret."""

    code = "secret_error"


class NoUsableKey(SecretError):
    """ENCRYPTION_KEYS is missing or malformed."""

    code = "no_usable_key"


class UnknownKey(SecretError):
    """A value was sealed with a key that ENCRYPTION_KEYS does not hold (any more)."""

    code = "unknown_key"


class Malformed(SecretError):
    """What is stored is no sealed value at all."""

    code = "malformed"


class Tampered(SecretError):
    """A value was changed, or belongs to another row, column or tenant."""

    code = "tampered"


# --- keys -------------------------------------------------------------------------------------------------------------


def writing_key() -> str:
    """Return the id of the key that seals. Raises `NoUsableKey`."""
    return next(iter(_keys()))


def _keys() -> Mapping[str, AESGCM]:
    return _read_keys(settings.ENCRYPTION_KEYS)


@lru_cache(maxsize=4)
def _read_keys(text: str) -> Mapping[str, AESGCM]:
    """Read `id:base64,id:base64`, the writing key first; `NoUsableKey` says which part is wrong, never its value."""
    keys: dict[str, AESGCM] = {}
    for number, part in enumerate((part.strip() for part in text.split(",") if part.strip()), start=1):
        key_id, _colon, encoded = part.partition(":")
        if not _KEY_ID.fullmatch(key_id):
            raise NoUsableKey(f"key {number} has no id of 1 to 32 letters, digits, - and _ before its colon")
        if key_id in keys:
            raise NoUsableKey(f"the id {key_id} is there twice")
        keys[key_id] = AESGCM(_key_of(key_id, encoded))
    if not keys:
        raise NoUsableKey("it is not set")
    return MappingProxyType(keys)


def _key_of(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(_padded(encoded), altchars=b"-_" if {"-", "_"} & set(encoded) else None, validate=True)
    except (binascii.Error, ValueError):  # ValueError: a character that is not ASCII
        raise NoUsableKey(f"the key {key_id} is not base64") from None
    if len(key) != KEY_BYTES:
        raise NoUsableKey(f"the key {key_id} has {len(key)} bytes, {KEY_BYTES} are wanted")
    return key


def _padded(encoded: str) -> str:
    return encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)


def key_problem() -> str:
    """Return what is wrong with ENCRYPTION_KEYS; "" when it is right."""
    try:
        _keys()
    except NoUsableKey as error:
        return str(error)
    return ""


# --- values -----------------------------------------------------------------------------------------------------------


def seal(plain: str, *, table: str, column: str, row_id: object, tenant_id: UUID) -> str:
    """Return the value to store in exactly that place: `v1:key id:base64(nonce, ciphertext, tag)`."""
    key_id = writing_key()
    nonce = os.urandom(NONCE_BYTES)
    place = _place(table, column, row_id, tenant_id)
    sealed = _keys()[key_id].encrypt(nonce, plain.encode(), place)
    return f"{VERSION}:{key_id}:{base64.b64encode(nonce + sealed).decode()}"


def open(sealed: str, *, table: str, column: str, row_id: object, tenant_id: UUID) -> str:  # noqa: A001 - seal's inverse
    """Return what was sealed for exactly that place. Raises `UnknownKey`, `Malformed` or `Tampered`."""
    where = f"{table}.{column} of row {row_id}"
    key_id, data = _parts(sealed, where)
    keys = _keys()
    if key_id not in keys:
        raise UnknownKey(f"{where} is sealed with the key {key_id}, which ENCRYPTION_KEYS does not hold")
    try:
        plain = keys[key_id].decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _place(table, column, row_id, tenant_id))
    except InvalidTag:
        raise Tampered(f"{where} was changed, was put there from elsewhere, or the key {key_id} is another") from None
    return plain.decode()


def key_id_of(sealed: str) -> str:
    """Return the id of the key a value was sealed with. Raises `Malformed`."""
    return _parts(sealed, "the value")[0]


def _parts(sealed: str, where: str) -> tuple[str, bytes]:
    version, _colon, rest = sealed.partition(":")
    key_id, colon, encoded = rest.partition(":")
    if version != VERSION or not colon:
        raise Malformed(f"{where} is no sealed value")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{where} is no sealed value") from None
    if len(data) <= NONCE_BYTES:
        raise Malformed(f"{where} is no sealed value")
    return key_id, data


def _place(table: str, column: str, row_id: object, tenant_id: UUID) -> bytes:
    parts = (table, column, str(row_id), str(tenant_id))
    if any("|" in part for part in parts):
        raise ValueError("the parts of a place are told apart by |, so none may hold one")
    return "|".join(parts).encode()


# --- rows -------------------------------------------------------------------------------------------------------------


class SealedField(models.TextField):
    """A column of sealed values: stored as they are sealed, never in a form.

    `manage.py reencrypt` finds every one of them by this class. A history must leave it out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)


def seal_into(row: models.Model, column: str, plain: str) -> None:
    """Seal a secret for this row and put it there; the caller saves. The row's id and tenant must be known."""
    setattr(row, column, seal(plain, **_place_of(row, column)))


def opened(row: models.Model, column: str) -> str:
    """Return the secret of this row. Raises `SecretError`."""
    return open(getattr(row, column), **_place_of(row, column))


def _place_of(row: models.Model, column: str) -> dict[str, Any]:
    tenant_id = getattr(row, "tenant_id", None)
    if row.pk is None or tenant_id is None:
        raise ValueError(f"{type(row).__name__} needs its id and its tenant before a secret is sealed for it")
    return {"table": row._meta.db_table, "column": column, "row_id": row.pk, "tenant_id": tenant_id}
