"""Members, and the platform's tenants and users."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User

from teams.models import AuditEntry, Membership, Role
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/teams/membership/"


def member(of: Any, who: str) -> Membership | None:
    with tenant(of.id):
        return Membership.objects.filter(user__username=who).first()


def audited(of: Any) -> list[str]:
    with tenant(of.id):
        return list(AuditEntry.objects.values_list("action", flat=True))


def test_adds_by_username(alice: Any, acme: Any, nobody: Any, signed_in: Any) -> None:
    answer = signed_in(alice).submit(f"{LIST}add/", {"username": "nobody", "role": "viewer"})
    assert answer.status_code == 302
    found = member(acme, "nobody")
    assert found is not None
    assert found.role == Role.VIEWER
    assert audited(acme) == ["member.add"]


@pytest.mark.parametrize("username", ["ghost", "bob"])
def test_unknown_users_and_members_are_refused_on_the_form(username: str, alice: Any, bob: Any, signed_in: Any) -> None:
    answer = signed_in(alice).submit(f"{LIST}add/", {"username": username, "role": "viewer"})
    assert answer.status_code == 200
    assert answer.context["errors"]


def test_no_page_lists_other_tenants_users(alice: Any, charlie: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    for address in (LIST, f"{LIST}add/"):
        assert "charlie" not in browser.get(address).content.decode()


def test_changes_a_role_and_keeps_history(alice: Any, bob: Any, acme: Any, signed_in: Any) -> None:
    row = member(acme, "bob")
    assert row is not None
    browser = signed_in(alice)
    assert browser.submit(f"{LIST}{row.pk}/change/", {"role": "admin"}).status_code == 302
    assert "user:alice" in browser.get(f"{LIST}{row.pk}/history/").content.decode()
    now = member(acme, "bob")
    assert now is not None
    assert now.role == Role.ADMIN


def test_the_last_admin_stays(alice: Any, bob: Any, acme: Any, signed_in: Any) -> None:
    row = member(acme, "alice")
    assert row is not None
    browser = signed_in(alice)
    demoted = browser.submit(f"{LIST}{row.pk}/change/", {"role": "viewer"})
    assert "needs an admin" in str(demoted.context["errors"])
    assert browser.submit(f"{LIST}{row.pk}/delete/", {"reason": ""}).status_code == 409
    now = member(acme, "alice")
    assert now is not None
    assert now.role == Role.ADMIN


def test_removing_a_member_says_what_follows(alice: Any, bob: Any, acme: Any, signed_in: Any) -> None:
    row = member(acme, "bob")
    assert row is not None
    address = f"{LIST}{row.pk}/delete/"
    browser = signed_in(alice)
    assert b"no longer see or change anything" in browser.get(address).content
    assert browser.submit(address, {"reason": "left"}).status_code == 302
    assert member(acme, "bob") is None
    assert User.objects.filter(username="bob").exists()


def test_only_superusers_make_users_with_the_membership(alice: Any, acme: Any, root: Any, signed_in: Any) -> None:
    form = {"username": "erin", "role": "viewer", "password": "a-long-word-for-erin"}
    assert "not an active user" in str(signed_in(alice).submit(f"{LIST}add/", form).context["errors"])
    assert not User.objects.filter(username="erin").exists()
    browser = signed_in(root)
    browser.post("/admin/tenant/", {"tenant": str(acme.id)})
    assert browser.submit(f"{LIST}add/", form).status_code == 302
    assert User.objects.get(username="erin").check_password("a-long-word-for-erin")
    taken = browser.submit(f"{LIST}add/", {**form, "username": "alice"})
    assert "keeps their password" in taken.content.decode()


def test_removing_oneself_and_the_last_admin_are_told_first(alice: Any, acme: Any, signed_in: Any) -> None:
    row = member(acme, "alice")
    assert row is not None
    page = signed_in(alice).get(f"{LIST}{row.pk}/delete/").content.decode()
    assert "This is you" in page
    assert "last admin" in page


def test_every_password_is_typed_into_a_field_with_a_border(root: Any, alice: Any, signed_in: Any) -> None:
    browser = signed_in(root)
    for address in ("/admin/auth/user/add/", f"/admin/auth/user/{alice.user.pk}/password/", "/admin/password_change/"):
        fields = re.findall(r'<input[^>]*type="password"[^>]*>', browser.get(address).content.decode())
        assert len(fields) >= 2, address
        assert all("border-base-200" in field for field in fields), address


def test_when_a_user_signed_in_is_shown_and_not_written(root: Any, alice: Any, signed_in: Any) -> None:
    browser, address = signed_in(root), f"/admin/auth/user/{alice.user.pk}/change/"
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", browser.get(address).content.decode())
    joined = User.objects.get(pk=alice.user.pk).date_joined
    form = {"username": "alice", "is_active": "on", "is_staff": "on", "email": "a@example.com"}
    dates = {"date_joined_0": "2001-01-01", "date_joined_1": "00:00", "date_joined": "2001-01-01 00:00"}
    assert browser.submit(address, form | dates).status_code == 302
    changed = User.objects.get(pk=alice.user.pk)
    assert (changed.email, changed.date_joined) == ("a@example.com", joined)


def test_users_are_listed_with_their_tenants(root: Any, alice: Any, bob: Any, charlie: Any, signed_in: Any) -> None:
    page = signed_in(root).get("/admin/auth/user/").content.decode()
    assert "acme (admin)" in page
    assert "globex (admin)" in page


def test_superusers_make_users_without_a_password_in_the_audit(
    root: Any, alice: Any, acme: Any, signed_in: Any
) -> None:
    browser = signed_in(root)
    form = {"username": "dora", "usable_password": "true", "password1": "a-long-word-for-dora", "is_staff": "on"}
    answer = browser.submit(
        "/admin/auth/user/add/", {**form, "password2": form["password1"]}, page="/admin/teams/tenant/"
    )
    assert answer.status_code == 302
    assert User.objects.get(username="dora").check_password("a-long-word-for-dora")
    new = {"usable_password": "true", "password1": "another-long-word", "password2": "another-long-word"}
    address = f"/admin/auth/user/{alice.user.pk}/password/"
    assert browser.submit(address, new, page="/admin/teams/tenant/").status_code == 302
    with tenant(acme.id):
        entry = AuditEntry.objects.get(object_type="user")
    assert entry.action == "user.update"
    assert "another-long-word" not in str(entry.after)


def test_users_are_not_deleted(root: Any, alice: Any, signed_in: Any) -> None:
    browser = signed_in(root)
    assert browser.get(f"/admin/auth/user/{alice.user.pk}/delete/").status_code == 403
    assert factories.PASSWORD not in browser.get(f"/admin/auth/user/{alice.user.pk}/change/").content.decode()
