"""`manage.py reencrypt` moves every secret to the first key, tells what it cannot read, and may be run again."""

from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError

from agents.models import ProviderAccount, ToolCredential
from executions.webhook_models import Webhook
from executions.webhooks import webhook_create, webhook_rotate
from teams import reencrypting
from teams.models import AuditEntry
from teams.reencrypting import NotAllResealed, reencrypt, sealed_columns
from teams.secrets import SealedField, key_id_of, opened, seal_into
from teams.tenancy import tenant

pytestmark = pytest.mark.django_db
OLD, NEW = f"old:{'A' * 43}", f"new:{'B' * 43}"


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = OLD


def secret(who: Any, number: int) -> ProviderAccount:
    row = ProviderAccount(tenant=who.tenant, provider=f"p{number}")
    seal_into(row, "api_key", f"key-{number}-of-{who.tenant.slug}")
    with tenant(who.tenant.id):
        row.save()
    return row


def values(who: Any) -> dict[str, str]:
    with tenant(who.tenant.id):
        return {opened(row, "api_key"): key_id_of(row.api_key) for row in ProviderAccount.objects.all()}


def run(**options: Any) -> str:
    out = StringIO()
    call_command("reencrypt", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def rows(alice: Any, charlie: Any) -> list[ProviderAccount]:
    return [secret(who, number) for who in (alice, charlie) for number in range(5)]


def test_every_secret_of_every_tenant_moves_to_the_first_key(rows, alice, charlie, settings):
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    assert "agents_provideraccount.api_key: 10 values, 10 sealed again under new, 0 unreadable" in run(batch=3)
    settings.ENCRYPTION_KEYS = NEW
    for who in (alice, charlie):
        assert values(who) == {f"key-{number}-of-{who.tenant.slug}": "new" for number in range(5)}


def test_again_it_changes_nothing(rows, settings):
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    run()
    with tenant(rows[0].tenant_id):
        before = ProviderAccount.objects.get(id=rows[0].id).api_key
    assert "10 values, 0 sealed again" in run()
    with tenant(rows[0].tenant_id):
        assert ProviderAccount.objects.get(id=rows[0].id).api_key == before


def test_a_webhook_moves_whether_or_not_its_secret_was_ever_rotated(alice, settings):
    """Only a rotated one has a former secret."""
    fields = {"url": "https://hooks.example.com/", "events": ["run.failed"]}
    hook, _told = webhook_create(actor=alice.actor, fields={**fields, "name": "never"})
    other, _told = webhook_create(actor=alice.actor, fields={**fields, "name": "rotated"})
    webhook_rotate(actor=alice.actor, webhook_id=other.id)
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    assert "executions_webhook.former_secret: 1 values, 1 would be sealed again" in run(dry_run=True)
    said = run()
    assert "executions_webhook.former_secret: 1 values, 1 sealed again" in said
    assert "executions_webhook.secret: 2 values, 2 sealed again" in said
    with tenant(alice.tenant.id):
        assert Webhook.objects.get(id=hook.id).former_secret is None


def test_a_dry_run_counts_and_writes_nothing(rows, alice, settings):
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    assert "10 values, 10 would be sealed again under new" in run(dry_run=True)
    assert set(values(alice).values()) == {"old"}


def test_what_cannot_be_opened_is_told_and_stays(rows, alice, settings):
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    broken = rows[0]
    broken.api_key = rows[1].api_key
    with tenant(alice.tenant.id):
        broken.save()
    with pytest.raises(CommandError, match="1 values cannot be opened"):
        run()
    (walked,) = [walked for walked in reencrypt() if walked.table == "agents_provideraccount"]
    assert (walked.rows, walked.resealed) == (10, 0)
    assert str(broken.id) in walked.failed[0]
    with tenant(alice.tenant.id):
        assert ProviderAccount.objects.get(id=broken.id).api_key == broken.api_key


def test_without_the_old_key_nothing_is_lost(rows, alice, settings):
    settings.ENCRYPTION_KEYS = NEW
    with pytest.raises(CommandError, match="10 values cannot be opened"):
        run()
    settings.ENCRYPTION_KEYS = OLD
    assert len(values(alice)) == 5


def test_history_is_not_told_and_audit_has_no_value(rows, alice, settings):
    with tenant(alice.tenant.id):
        before = ProviderAccount.history.count()
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    run()
    with tenant(alice.tenant.id):
        assert ProviderAccount.history.count() == before
        entry = AuditEntry.objects.get(action="secret.reencrypt")
    assert (entry.actor, entry.after) == ("system:reencrypt", {"rows": 5, "key": "new"})


def test_a_walk_that_misses_a_value_fails(rows, settings, monkeypatch):
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    monkeypatch.setattr(reencrypting, "_save", lambda row, column: None)
    with pytest.raises(NotAllResealed, match="10 values are under another key"):
        list(reencrypt())


def test_every_sealed_column_is_walked_and_no_history_keeps_one():
    walked = sealed_columns()
    assert {(ProviderAccount, "api_key"), (ToolCredential, "value")} <= set(walked)
    for model in apps.get_models():
        sealed = [column.name for column in model._meta.get_fields() if isinstance(column, SealedField)]
        assert all((model, name) in walked for name in sealed), model
        assert not (sealed and "historical" in model._meta.db_table), model
