"""`create_tenant` and `create_member`: the first steps on a fresh installation."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from teams.access import memberships_of
from teams.models import AuditEntry, Membership, Tenant
from teams.tenancy import tenant
from tests.factories import PASSWORD, Person

pytestmark = pytest.mark.django_db


def run(*words: Any) -> str:
    out = StringIO()
    call_command(*map(str, words), stdout=out, stderr=StringIO())
    return out.getvalue().strip()


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return file


def test_a_tenant_is_created_and_audited() -> None:
    assert run("create_tenant", "initech", "--name", "Initech Inc.") == "initech"

    made = Tenant.objects.get(slug="initech")
    assert made.name == "Initech Inc."
    with tenant(made.id):
        assert AuditEntry.objects.get().actor == "system:create_tenant"


@pytest.mark.parametrize(("slug", "says"), [("acme", "already"), ("a b", "slug"), ("", "slug"), ("x" * 64, "63")])
def test_a_slug_that_cannot_be_is_refused(acme: Tenant, slug: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("create_tenant", slug)
    assert Tenant.objects.count() == 1


def test_a_new_user_becomes_a_member(acme: Tenant, password_file: Path) -> None:
    run("create_member", "--tenant", "acme", "--user", "dora", "--role", "operator", "--password-file", password_file)

    dora = User.objects.get(username="dora")
    assert (dora.check_password(PASSWORD), dora.is_staff, dora.is_superuser) == (True, True, False)
    assert [(member.slug, member.role) for member in memberships_of(dora.pk)] == [("acme", "operator")]


def test_an_existing_user_joins_a_second_tenant_with_the_same_password(alice: Person, globex: Tenant) -> None:
    run("create_member", "--tenant", "globex", "--user", "alice", "--role", "viewer")

    assert [member.slug for member in memberships_of(alice.user.pk)] == ["acme", "globex"]
    alice.user.refresh_from_db()
    assert alice.user.check_password(PASSWORD)


def test_another_role_replaces_the_former_with_history(alice: Person, bob: Person) -> None:
    for _ in range(2):
        run("create_member", "--tenant", "acme", "--user", "bob", "--role", "viewer")

    with tenant(bob.tenant.id):
        member = Membership.objects.get(user=bob.user)
        assert member.role == "viewer"
        assert [row.actor for row in member.history.all()] == ["system:create_member", "system:unknown"]
        assert AuditEntry.objects.get(action="member.change").before["role"] == "operator"


def test_what_cannot_be_done_is_said(alice: Person, password_file: Path, tmp_path: Path) -> None:
    weak = tmp_path / "weak"
    weak.write_text("12345\n")
    member = ("create_member", "--role", "admin", "--tenant")

    with pytest.raises(CommandError, match="create_tenant nowhere"):
        run(*member, "nowhere", "--user", "dora")
    with pytest.raises(CommandError, match="changepassword alice"):
        run(*member, "acme", "--user", "alice", "--password-file", password_file)
    with pytest.raises(CommandError, match="too short"):
        run(*member, "acme", "--user", "dora", "--password-file", weak)
    with pytest.raises(CommandError, match="cannot read"):
        run(*member, "acme", "--user", "dora", "--password-file", tmp_path / "none")
    with pytest.raises(CommandError, match="username"):
        run(*member, "acme", "--user", "do ra", "--password-file", password_file)
    assert not User.objects.filter(username__startswith="do").exists()
