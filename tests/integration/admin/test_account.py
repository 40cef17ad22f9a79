"""My account: who I am, where I am what, and the mails I get."""

from typing import Any

from teams.models import AuditEntry, Membership, Role
from teams.tenancy import tenant

PAGE = "/admin/account/"


def mailed(of: Any, name: str) -> bool:
    with tenant(of.id):
        return Membership.objects.get(user__username=name).notify_approvals


def test_shows_every_tenant_and_role_of_mine(alice: Any, globex: Any, charlie: Any, signed_in: Any) -> None:
    with tenant(globex.id):
        Membership.objects.create(user=alice.user, role=Role.VIEWER)
    page = signed_in(alice).get(PAGE).content.decode()
    assert "Acme" in page
    assert "Globex" in page
    assert "charlie" not in page
    assert "Viewers decide nothing" in page


def test_an_operator_switches_their_own_mails(bob: Any, alice: Any, acme: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    assert browser.post(PAGE, {"tenant": str(acme.id), "mails": "on"}).status_code == 302
    assert mailed(acme, "bob")
    assert not mailed(acme, "alice")
    with tenant(acme.id):
        entry = AuditEntry.objects.first()
        assert entry is not None
        assert (entry.actor, entry.action, entry.after) == ("user:bob", "member.notify", {"mails": "on"})
    assert browser.post(PAGE, {"tenant": str(acme.id), "mails": "off"}).status_code == 302
    assert not mailed(acme, "bob")


def test_not_for_viewers_and_not_in_other_tenants(
    vera: Any, acme: Any, globex: Any, charlie: Any, signed_in: Any
) -> None:
    browser = signed_in(vera)
    assert browser.post(PAGE, {"tenant": str(acme.id), "mails": "on"}).status_code == 403
    assert browser.post(PAGE, {"tenant": str(globex.id), "mails": "on"}).status_code == 404
    assert browser.post(PAGE, {"tenant": "nonsense"}).status_code == 404
    assert not mailed(acme, "vera")
    assert not mailed(globex, "charlie")


def test_members_of_nothing_and_superusers_have_the_page_too(nobody: Any, root: Any, acme: Any, signed_in: Any) -> None:
    assert "member of no active tenant" in signed_in(nobody).get(PAGE).content.decode()
    browser = signed_in(root)
    assert "the platform&#x27;s own pages" in browser.get(PAGE).content.decode().replace("'", "&#x27;")
    assert browser.post(PAGE, {"tenant": str(acme.id), "mails": "on"}).status_code == 404
