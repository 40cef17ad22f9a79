"""API keys: shown once, found by a digest, refused with one text whatever is wrong."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from teams import keys
from teams.access import ALL_SCOPES
from teams.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from teams.keyring import key_create, key_revoke, key_rotate, parse_scopes
from teams.models import ApiKey
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db


def _row(who, key):
    with tenant(who.tenant.id):
        return ApiKey.objects.get(prefix=key.split("_")[2])


def _refused(key):
    with pytest.raises(Unauthenticated) as error:
        keys.authenticate(key)
    return str(error.value)


def test_a_key_has_its_shape_and_is_random():
    made = {keys.new_key()[0] for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"tb_live_[a-z0-9]{10}_[A-Za-z0-9_-]{43}", key) for key in made)


def test_a_key_opens_its_tenant_with_its_scopes(alice):
    found = keys.authenticate(alice.key("teams:read"))
    assert (found.tenant_id, found.tenant_slug, found.scopes) == (alice.tenant.id, "acme", ["teams:read"])


def test_the_key_is_stored_nowhere(alice):
    key = alice.key()
    secret = key.split("_", 3)[3]
    with tenant(alice.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM teams_apikey k UNION ALL SELECT a::text FROM teams_auditentry a")
        assert all(secret not in row for (row,) in cursor.fetchall())
    assert len(bytes(_row(alice, key).digest)) == 32


def test_the_digest_needs_the_pepper(alice, settings):
    key = alice.key()
    settings.API_KEY_PEPPER = "another"
    _refused(key)


def test_whatever_is_wrong_with_a_key_is_told_in_one_text(alice, acme):
    key = alice.key()
    revoked, expired, inactive = alice.key(), alice.key(), factories.person(
        "ina", factories.TenantFactory.create(is_active=False), "admin"
    ).key()  # fmt: skip
    key_revoke(actor=alice.actor, key_id=_row(alice, revoked).id)
    with tenant(acme.id):
        ApiKey.objects.filter(prefix=expired.split("_")[2]).update(expires_at=timezone.now() - timedelta(seconds=1))
    prefix = key.split("_")[2]
    wrong = [
        "", "x", "tb_live_", key[:-1], key + "x", key.upper(), f" {key}", key.replace("tb_live", "tb_test"),
        f"tb_live_{prefix}_{'A' * 43}", f"tb_live_{'z' * 10}_{'A' * 43}", f"tb_live_{prefix}_{'A' * 42}\0",
        "tb_live_" + "é" * 10 + "_" + "A" * 43, revoked, expired, inactive,
    ]  # fmt: skip
    assert len({_refused(text) for text in wrong}) == 1
    assert keys.authenticate(key)


def test_a_switched_off_tenants_keys_work_again_after_it_is_switched_on(alice, acme):
    key = alice.key()
    acme.is_active = False
    acme.save()
    _refused(key)
    acme.is_active = True
    acme.save()
    assert keys.authenticate(key)


def test_an_expiry_in_the_future_does_not_hinder(alice):
    _key_row, key = key_create(
        actor=alice.actor, name="x", scopes=["teams:read"], expires_at=timezone.now() + timedelta(minutes=1)
    )
    assert keys.authenticate(key)


def test_last_use_is_written_at_most_once_a_minute(alice):
    key = alice.key()
    assert _row(alice, key).last_used_at is None
    keys.authenticate(key)
    first = _row(alice, key).last_used_at
    assert first is not None
    keys.authenticate(key)
    assert _row(alice, key).last_used_at == first
    with tenant(alice.tenant.id):
        ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    keys.authenticate(key)
    assert _row(alice, key).last_used_at > first


# --- making -----------------------------------------------------------------------------------------------------------


def test_nobody_gives_what_they_do_not_have(alice, bob):
    actor = bob.actor
    few = type(actor)(actor.tenant_id, actor.tenant_slug, "key:x", frozenset({"keys:write", "teams:read"}))
    with pytest.raises(Forbidden, match="executions:run"):
        key_create(actor=few, name="more", scopes=["teams:read", "executions:run"])
    assert key_create(actor=few, name="less", scopes=["teams:read"])[0].scopes == ["teams:read"]


def test_an_operator_makes_no_keys(bob):
    with pytest.raises(Forbidden, match="keys:write"):
        key_create(actor=bob.actor, name="x", scopes=["teams:read"])


@pytest.mark.parametrize("scopes", [[], ["all"], ["teams:destroy"], ["teams:read", ""]])
def test_unknown_scopes_are_refused_with_the_known_ones(alice, scopes):
    with pytest.raises(Invalid) as refused:
        key_create(actor=alice.actor, name="x", scopes=scopes)
    assert "teams:read" in refused.value.errors[0]["msg"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "nul\0"])
def test_a_bad_name_is_refused(alice, name):
    with pytest.raises(Invalid):
        key_create(actor=alice.actor, name=name, scopes=["teams:read"])


def test_an_expiry_in_the_past_is_refused(alice):
    with pytest.raises(Invalid):
        key_create(actor=alice.actor, name="x", scopes=["teams:read"], expires_at=timezone.now())


def test_all_is_every_scope():
    assert set(parse_scopes("all")) == set(ALL_SCOPES)
    assert parse_scopes(" teams:read , executions:run ") == ["executions:run", "teams:read"]


# --- rotating and revoking --------------------------------------------------------------------------------------------


def test_a_rotated_key_works_for_its_grace_and_the_new_one_at_once(alice):
    key = alice.key("teams:read")
    successor, new = key_rotate(actor=alice.actor, key_id=_row(alice, key).id, grace=timedelta(hours=1))
    assert keys.authenticate(key).scopes == keys.authenticate(new).scopes == ["teams:read"]
    assert successor.name == "test"
    ends = _row(alice, key).expires_at - timezone.now()
    assert timedelta(minutes=59) < ends <= timedelta(hours=1)


def test_without_grace_the_old_key_ends_at_once(alice):
    key = alice.key()
    _successor, new = key_rotate(actor=alice.actor, key_id=_row(alice, key).id, grace=timedelta())
    _refused(key)
    assert keys.authenticate(new)


def test_rotating_does_not_make_a_key_live_longer(alice):
    soon = timezone.now() + timedelta(minutes=5)
    row, key = key_create(actor=alice.actor, name="x", scopes=["teams:read"], expires_at=soon)
    successor, _new = key_rotate(actor=alice.actor, key_id=row.id)
    assert _row(alice, key).expires_at == successor.expires_at == soon


def test_a_dead_key_is_not_rotated(alice):
    row = _row(alice, alice.key())
    key_revoke(actor=alice.actor, key_id=row.id)
    with pytest.raises(Conflict, match="revoked"):
        key_rotate(actor=alice.actor, key_id=row.id)


def test_rotating_gives_no_scope_the_actor_lacks(alice):
    key = alice.key()
    actor = alice.actor
    few = type(actor)(actor.tenant_id, actor.tenant_slug, "key:x", frozenset({"keys:write"}))
    with pytest.raises(Forbidden):
        key_rotate(actor=few, key_id=_row(alice, key).id)
    assert _row(alice, key).expires_at is None


def test_revoking_ends_a_key_at_once_and_again_changes_nothing(alice):
    key = alice.key()
    row = key_revoke(actor=alice.actor, key_id=_row(alice, key).id)
    _refused(key)
    assert key_revoke(actor=alice.actor, key_id=row.id).revoked_at == row.revoked_at


def test_another_tenants_key_is_out_of_reach(alice, charlie):
    key = alice.key()
    for change in (key_rotate, key_revoke):
        with pytest.raises(NotFound):
            change(actor=charlie.actor, key_id=_row(alice, key).id)
    assert _row(alice, key).state == "active"
