"""/api/v1/members."""

from typing import Any

import pytest

from teams.models import AuditEntry, Membership
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/v1/members"


def member(who: Any) -> Membership:
    with tenant(who.tenant.id):
        return Membership.objects.get(user=who.user)


def test_listed(api: Any, alice: Any, bob: Any, charlie: Any) -> None:
    rows = api(alice).get(URL).json()["results"]
    assert [(row["username"], row["role"]) for row in rows] == [("alice", "admin"), ("bob", "operator")]


def test_one(api: Any, alice: Any, bob: Any) -> None:
    assert api(alice).get(f"{URL}/{member(bob).pk}").json()["username"] == "bob"


def test_added(api: Any, alice: Any) -> None:
    dave = factories.UserFactory.create(username="dave")
    answer = api(alice).post(URL, {"username": "dave", "role": "viewer", "reason": "new here"})
    assert answer.status_code == 201
    assert answer["Location"] == f"{URL}/{answer.json()['id']}"
    with tenant(alice.tenant.id):
        row = Membership.objects.get(user=dave)
        assert row.role == "viewer"
        assert AuditEntry.objects.get(action="member.add").reason == "new here"
        assert Membership.history.get(id=row.pk).actor.startswith("key:")


def test_a_member_already(api: Any, alice: Any, bob: Any) -> None:
    assert api(alice).post(URL, {"username": "bob", "role": "viewer"}).status_code == 409
    assert member(bob).role == "operator"


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"username": "nobody", "role": "viewer"}, "username"),
        ({"username": "a\0b", "role": "viewer"}, "username"),
        ({"username": "", "role": "viewer"}, "username"),
        ({"username": "bob", "role": "king"}, "role"),
        ({"username": "bob"}, "role"),
    ],
)
def test_refused(api: Any, alice: Any, body: Any, loc: str) -> None:
    answer = api(alice).post(URL, body)
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]
    with tenant(alice.tenant.id):
        assert Membership.objects.count() == 1


def test_another_role(api: Any, alice: Any, bob: Any) -> None:
    answer = api(alice).patch(f"{URL}/{member(bob).pk}", {"role": "viewer"})
    assert (answer.status_code, answer.json()["role"]) == (200, "viewer")
    assert member(bob).role == "viewer"


def test_mails_about_approvals(api: Any, alice: Any, bob: Any) -> None:
    url = f"{URL}/{member(bob).pk}"
    assert api(alice).get(url).json()["notify_approvals"] is False
    answer = api(alice).patch(url, {"notify_approvals": True, "reason": "on call"})
    assert (answer.json()["notify_approvals"], answer.json()["role"]) == (True, "operator")
    assert member(bob).notify_approvals
    api(alice).patch(url, {"role": "viewer"})
    assert member(bob).notify_approvals
    with tenant(alice.tenant.id):
        entry = AuditEntry.objects.filter(action="member.change").order_by("id")[0]
        assert (entry.reason, entry.after["notify_approvals"]) == ("on call", True)
    assert api(alice).patch(url, {"notify_approvals": "yes"}).json()["errors"][0]["loc"] == "notify_approvals"
    assert api(bob, "teams:read").patch(url, {"notify_approvals": False}).status_code == 403


def test_removed(api: Any, alice: Any, bob: Any) -> None:
    pk = member(bob).pk
    answer = api(alice).delete(f"{URL}/{pk}?reason=left")
    assert answer.json() == {"id": pk, "removed": True}
    with tenant(alice.tenant.id):
        assert not Membership.objects.filter(user=bob.user).exists()
        assert AuditEntry.objects.get(action="member.remove").reason == "left"


def test_the_last_admin_stays(api: Any, alice: Any, bob: Any) -> None:
    url = f"{URL}/{member(alice).pk}"
    assert api(alice).patch(url, {"role": "viewer"}).status_code == 409
    assert api(alice).delete(url).status_code == 409
    assert member(alice).role == "admin"


def test_one_admin_of_two_may_go(api: Any, alice: Any, bob: Any) -> None:
    api(alice).patch(f"{URL}/{member(bob).pk}", {"role": "admin"})
    assert api(bob).delete(f"{URL}/{member(alice).pk}").status_code == 200
