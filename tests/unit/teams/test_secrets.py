"""A sealed value opens in its own place with its own key, and nowhere else."""

import base64
from uuid import UUID

import pytest

from teams import secrets
from teams.secrets import Malformed, NoUsableKey, SecretError, Tampered, UnknownKey

ALICE, CHARLIE = UUID(int=1), UUID(int=2)
PLACE = {"table": "agents_provideraccount", "column": "api_key", "row_id": UUID(int=7), "tenant_id": ALICE}
OLD, NEW = f"old:{'A' * 43}", f"new:{'B' * 43}"
VALUE = "sk-this-is-the-secret"


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.ENCRYPTION_KEYS = OLD


def test_what_was_sealed_opens_in_its_place():
    sealed = secrets.seal(VALUE, **PLACE)
    assert sealed.startswith("v1:old:")
    assert VALUE not in sealed
    assert secrets.open(sealed, **PLACE) == VALUE


def test_the_same_secret_is_never_sealed_the_same_way():
    assert secrets.seal(VALUE, **PLACE) != secrets.seal(VALUE, **PLACE)


@pytest.mark.parametrize("secret", ["", "ünï😀", "x" * 10_000], ids=["empty", "unicode", "long"])
def test_any_text_can_be_sealed(secret):
    assert secrets.open(secrets.seal(secret, **PLACE), **PLACE) == secret


@pytest.mark.parametrize(
    "elsewhere",
    [{"table": "agents_toolcredential"}, {"column": "note"}, {"row_id": UUID(int=8)}, {"tenant_id": CHARLIE}],
    ids=["table", "column", "row", "tenant"],
)
def test_a_value_moved_elsewhere_does_not_open(elsewhere):
    sealed = secrets.seal(VALUE, **PLACE)
    with pytest.raises(Tampered) as refused:
        secrets.open(sealed, **PLACE | elsewhere)
    assert VALUE not in str(refused.value)


def test_a_value_changed_in_any_byte_does_not_open():
    head, _colon, encoded = secrets.seal(VALUE, **PLACE).rpartition(":")
    data = base64.b64decode(encoded)
    for position in range(len(data)):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(Tampered):
            secrets.open(f"{head}:{base64.b64encode(changed).decode()}", **PLACE)


def test_a_value_cut_short_does_not_open():
    with pytest.raises(SecretError):
        secrets.open(secrets.seal(VALUE, **PLACE)[:-8], **PLACE)


@pytest.mark.parametrize("stored", ["", "sk-plain", "v1:old", "v1:old:", "v1:old:####", "v2:old:AAAA", "v1:old:AAAA"])
def test_what_is_no_sealed_value_is_never_taken_for_a_secret(stored):
    with pytest.raises(Malformed):
        secrets.open(stored, **PLACE)


def test_a_new_key_seals_and_the_old_one_still_opens(settings):
    before = secrets.seal(VALUE, **PLACE)
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    assert secrets.open(before, **PLACE) == VALUE
    assert secrets.key_id_of(secrets.seal(VALUE, **PLACE)) == "new"


def test_a_key_that_is_gone_is_named(settings):
    before = secrets.seal(VALUE, **PLACE)
    settings.ENCRYPTION_KEYS = NEW
    with pytest.raises(UnknownKey, match=r"api_key .* the key old"):
        secrets.open(before, **PLACE)


def test_another_key_under_the_same_id_does_not_open(settings):
    before = secrets.seal(VALUE, **PLACE)
    settings.ENCRYPTION_KEYS = f"old:{'C' * 43}"
    with pytest.raises(Tampered):
        secrets.open(before, **PLACE)


def test_without_keys_nothing_is_sealed(settings):
    settings.ENCRYPTION_KEYS = ""
    with pytest.raises(NoUsableKey):
        secrets.seal(VALUE, **PLACE)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["standard", "for addresses"])
def test_keys_are_read_in_both_alphabets_with_and_without_padding(settings, encode):
    text = encode(bytes(range(224, 256))).decode()
    for written in (text, text.rstrip("=")):
        settings.ENCRYPTION_KEYS = f" k1:{written} , "
        assert secrets.key_problem() == ""


def test_the_parts_of_a_place_cannot_run_into_each_other():
    with pytest.raises(ValueError, match=r"\|"):
        secrets.seal(VALUE, **PLACE | {"table": "a|b"})
