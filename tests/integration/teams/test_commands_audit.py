"""`audit_verify` says whether the trail is what was sealed, also to a script."""

import os
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from teams import audit
from teams.sealer import seal
from teams.tenancy import tenant
from tests.factories import Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _sealed(alice: Person, charlie: Person) -> None:
    for who in (alice, charlie):
        with tenant(who.tenant.id):
            audit.record(who.actor, "tenant.rename", who.tenant)
    seal()


@pytest.mark.usefixtures("_sealed")
def test_a_sound_trail() -> None:
    out = StringIO()
    call_command("audit_verify", stdout=out)

    acme, globex = out.getvalue().splitlines()
    assert acme.startswith("acme: sound; 1 entries in 1 seals, 0 not sealed yet; head ")
    assert globex.startswith("globex: sound")


@pytest.mark.usefixtures("_sealed")
def test_a_forged_trail_fails_the_command(alice: Person) -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ALTER TABLE teams_auditentry NO FORCE ROW LEVEL SECURITY")
        owner.execute("UPDATE teams_auditentry SET actor = 'nobody' WHERE tenant_id = %s", [alice.tenant.id])
        owner.execute("ALTER TABLE teams_auditentry FORCE ROW LEVEL SECURITY")

    out = StringIO()
    with pytest.raises(CommandError, match="acme is not what was sealed") as raised:
        call_command("audit_verify", stdout=out)
    assert raised.value.returncode == 1
    assert "acme: 1 FAULTS" in out.getvalue()
    call_command("audit_verify", "--tenant", "globex", stdout=out)
