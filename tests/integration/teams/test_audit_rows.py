"""Every change has an audit entry in its own transaction: neither is there without the other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import DatabaseError
from django.db.models import Model

from teams import audit, services
from teams.errors import PreconditionFailed
from teams.keyring import key_create, key_revoke, key_rotate
from teams.models import ApiKey, AuditEntry, Team
from teams.tenancy import NoTenantScope, tenant
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def _no_audit() -> Iterator[None]:
    """Let every insert into the audit trail fail."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("REVOKE INSERT ON teams_auditentry FROM atb_app")
        try:
            yield
        finally:
            owner.execute("GRANT INSERT ON teams_auditentry TO atb_app")


CHANGES = {
    "team.update": lambda who, team: services.team_update(
        actor=who, team_id=team, config=factories.config("Solo"), reason="why"
    ),
    "team.rename": lambda who, team: services.team_rename(actor=who, team_id=team, name="Other", reason="why"),
    "team.rollback": lambda who, team: services.team_rollback(actor=who, team_id=team, target_version=1, reason="why"),
    "team.delete": lambda who, team: services.team_delete(actor=who, team_id=team, reason="why"),
}


@pytest.mark.parametrize("action", CHANGES)
def test_a_change_is_told(alice, action):
    team = factories.team(alice)
    CHANGES[action](alice.actor, team.id)
    with tenant(alice.tenant.id):
        entry = AuditEntry.objects.get(action=action)
    assert (entry.actor, entry.reason, entry.object_type, entry.object_id) == (
        "user:alice",
        "why",
        "team",
        str(team.id),
    )
    assert entry.tenant_id == alice.tenant.id
    assert entry.xact > 0


@pytest.mark.parametrize("action", CHANGES)
def test_without_its_entry_nothing_changes(alice, action):
    team = factories.team(alice)
    with _no_audit(), pytest.raises(DatabaseError, match="permission denied"):
        CHANGES[action](alice.actor, team.id)
    with tenant(alice.tenant.id):
        row = Team.objects.get(id=team.id)
        assert (row.version, row.name, row.is_deleted) == (1, team.name, False)
        assert Team.history.filter(id=team.id).count() == 1


def test_a_team_is_not_made_without_its_entry(alice):
    with _no_audit(), pytest.raises(DatabaseError, match="permission denied"):
        factories.team(alice)
    with tenant(alice.tenant.id):
        assert Team.objects.count() == Team.history.count() == 0


def test_a_key_is_not_made_without_its_entry(alice):
    with _no_audit(), pytest.raises(DatabaseError, match="permission denied"):
        alice.key()
    with tenant(alice.tenant.id):
        assert ApiKey.objects.count() == 0


def test_a_refused_change_leaves_no_entry(alice):
    team = factories.team(alice)
    with pytest.raises(PreconditionFailed):
        services.team_update(actor=alice.actor, team_id=team.id, config=factories.config(), expected_version=9)
    with tenant(alice.tenant.id):
        assert list(AuditEntry.objects.values_list("action", flat=True)) == ["team.create"]


def test_keys_are_told_without_their_secret(alice):
    row, key = key_create(actor=alice.actor, name="CI", scopes=["teams:read"])
    successor, other = key_rotate(actor=alice.actor, key_id=row.id)
    key_revoke(actor=alice.actor, key_id=successor.id, reason="leaked")
    with tenant(alice.tenant.id):
        entries = list(AuditEntry.objects.order_by("id"))
    assert [entry.action for entry in entries] == ["key.create", "key.create", "key.rotate", "key.revoke"]
    told = " ".join(str((entry.before, entry.after, entry.reason)) for entry in entries)
    for secret in (key.split("_", 3)[3], other.split("_", 3)[3], bytes(row.digest).hex()):
        assert secret not in told
    assert entries[-1].reason == "leaked"


def test_an_entry_cannot_be_changed(alice):
    factories.team(alice)
    with pytest.raises(DatabaseError, match="permission denied"), tenant(alice.tenant.id):
        Model.save(AuditEntry.objects.get())


def test_entries_cannot_be_updated_in_bulk(alice):
    factories.team(alice)
    with pytest.raises(DatabaseError, match="permission denied"), tenant(alice.tenant.id):
        AuditEntry.objects.update(actor="somebody else")


def test_entries_cannot_be_deleted(alice):
    factories.team(alice)
    with pytest.raises(DatabaseError, match="permission denied"), tenant(alice.tenant.id):
        AuditEntry.objects.all().delete()


def test_an_entry_is_not_written_outside_a_scope(alice):
    team = factories.team(alice)
    with pytest.raises(NoTenantScope):
        audit.record(alice.actor, "team.rename", team)


def test_nobody_reads_another_tenants_entries(alice, charlie):
    factories.team(alice)
    with tenant(charlie.tenant.id):
        assert AuditEntry.objects.count() == 0
