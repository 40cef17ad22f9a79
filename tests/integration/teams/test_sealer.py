"""The audit chain: nothing written is left out, nothing changed goes unseen, also with slow and parallel writers."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from teams import audit
from teams.models import AuditEntry, AuditSeal
from teams.sealer import seal, verify
from teams.tenancy import tenant
from tests.factories import Person

pytestmark = pytest.mark.django_db(transaction=True)


def write(who: Person, action: str = "team.update", **more: Any) -> None:
    with tenant(who.tenant.id):
        audit.record(who.actor, action, who.tenant, **more)


def faults(who: Person) -> list[str]:
    return [str(fault) for fault in verify(who.tenant.id).faults]


@contextmanager
def owner() -> Iterator[psycopg.Connection[Any]]:
    """The owner of the tables, who can put their own obedience to row level security aside."""
    tables = ("teams_auditentry", "teams_auditseal")
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connected:
        for table in tables:
            connected.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        yield connected
        for table in tables:
            connected.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


@pytest.fixture
def sealed(alice: Person) -> Person:
    """Alice, whose tenant has three links of two entries each."""
    for link in range(3):
        write(alice, f"team.update{link}", before={"a": 1.50, "text": "ü\n"}, after={"b": [None, True]}, reason="why")
        write(alice, f"team.rename{link}")
        assert seal() == 1
    return alice


def test_an_untouched_chain_is_sound(sealed: Person) -> None:
    verdict = verify(sealed.tenant.id)

    assert (verdict.faults, verdict.seals, verdict.entries, verdict.unsealed) == ([], 3, 6, 0)
    with tenant(sealed.tenant.id):
        assert verdict.head == AuditSeal.objects.latest("id").digest


def test_nothing_new_makes_no_link(sealed: Person) -> None:
    assert seal() == 0
    write(sealed)
    assert verify(sealed.tenant.id).unsealed == 1


def test_each_tenant_has_its_own_chain(alice: Person, charlie: Person) -> None:
    write(alice)
    write(charlie)

    assert seal() == 2
    assert verify(alice.tenant.id).entries == verify(charlie.tenant.id).entries == 1
    assert verify(alice.tenant.id).head != verify(charlie.tenant.id).head


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE teams_auditentry SET actor = 'user:mallory' WHERE action = 'team.update1'",
        'UPDATE teams_auditentry SET before = \'{"a": 1.51, "text": "ü\\n"}\' WHERE action = \'team.update1\'',
        "UPDATE teams_auditentry SET before = NULL WHERE action = 'team.update1'",
        "UPDATE teams_auditentry SET before = '1e999' WHERE action = 'team.update1'",
        "UPDATE teams_auditentry SET at = at + interval '1 microsecond' WHERE action = 'team.update1'",
        "DELETE FROM teams_auditentry WHERE action = 'team.rename1'",
        """INSERT INTO teams_auditentry (tenant_id, at, actor, action, object_type, object_id, reason, xact)
           SELECT tenant_id, at, actor, 'x', '', '', '', xact FROM teams_auditentry WHERE action = 'team.update1'""",
        "UPDATE teams_auditseal SET sealed_at = sealed_at - interval '1 day' WHERE horizon = {second}",
    ],
)
def test_tampering_is_found_where_it_is(sealed: Person, tampering: str) -> None:
    with tenant(sealed.tenant.id):
        second = AuditSeal.objects.order_by("horizon")[1].horizon
    with owner() as connected:
        connected.execute(tampering.replace("{second}", str(second)))

    (fault,) = verify(sealed.tenant.id).faults
    assert fault.horizon == second


def test_a_removed_seal_is_found(sealed: Person) -> None:
    with tenant(sealed.tenant.id):
        second = AuditSeal.objects.order_by("horizon")[1].horizon
    with owner() as connected:
        connected.execute("DELETE FROM teams_auditseal WHERE horizon = %s", [second])

    assert "4 entries are there, 2 were sealed" in faults(sealed)[0]


def test_the_products_login_can_neither_change_nor_remove(sealed: Person) -> None:
    for table in ("teams_auditentry", "teams_auditseal"):
        for statement in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}"):
            with pytest.raises(Exception, match="permission denied"), tenant(sealed.tenant.id):
                connection.cursor().execute(statement)


def test_a_slow_writer_with_an_earlier_id_is_sealed_later(alice: Person) -> None:
    slow = psycopg.connect(os.environ["DATABASE_URL"])
    slow.execute("SELECT set_config('app.tenant_id', %s, true)", [str(alice.tenant.id)])
    slow.execute(
        """INSERT INTO teams_auditentry (tenant_id, at, actor, action, object_type, object_id, reason)
           VALUES (%s, now(), 'user:slow', 'team.slow', '', '', '')""",
        [alice.tenant.id],
    )
    write(alice, "team.quick")  # a higher id, committed first

    assert seal() == 0  # the quick one is above the slow one's horizon
    assert verify(alice.tenant.id).unsealed == 1
    slow.commit()
    slow.close()

    assert seal() == 1
    with tenant(alice.tenant.id):
        assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == ["team.slow", "team.quick"]
    verdict = verify(alice.tenant.id)
    assert (verdict.faults, verdict.entries, verdict.unsealed) == ([], 2, 0)


def test_sealers_at_once_do_not_double(alice: Person, charlie: Person) -> None:
    stop, errors = threading.Event(), []

    def keep_sealing() -> None:
        try:
            while not stop.is_set():
                seal()
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=keep_sealing) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        write(alice)
        write(charlie)
    stop.set()
    for thread in threads:
        thread.join()
    seal()

    assert errors == []
    for who in (alice, charlie):
        verdict = verify(who.tenant.id)
        assert (verdict.faults, verdict.entries, verdict.unsealed) == ([], 20, 0)


def test_a_transaction_counter_that_began_again_is_told(sealed: Person) -> None:
    with owner() as connected:
        connected.execute(
            """UPDATE teams_auditseal SET horizon = horizon + 1000000000
               WHERE horizon = (SELECT max(horizon) FROM teams_auditseal)"""
        )

    assert any("restored into another server" in fault for fault in faults(sealed))
