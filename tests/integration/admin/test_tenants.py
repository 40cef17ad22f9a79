"""The platform's tenants: made, filled with members, switched off and on; all of it in the tenant's audit trail."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.models import Execution
from teams import keys
from teams.errors import Unauthenticated
from teams.models import AuditEntry, Membership, Tenant
from teams.tenancy import tenant
from tests import factories

LIST = "/admin/teams/tenant/"
FORM = {"slug": "initech", "name": "Initech", "default_model": "", "platform_keys": "allowed"}


@pytest.fixture
def browser(root: Any, signed_in: Any) -> Any:
    return signed_in(root)


def role_of(name: str, of: Tenant) -> str | None:
    with tenant(of.id):
        return Membership.objects.filter(user__username=name).values_list("role", flat=True).first()


def audited(of: Tenant) -> list[tuple[str, str]]:
    with tenant(of.id):
        return list(AuditEntry.objects.values_list("actor", "action"))


def test_are_made_and_changed_and_each_has_it_in_its_audit(browser: Any) -> None:
    assert browser.submit(f"{LIST}add/", FORM, page="/admin/teams/tenant/").status_code == 302
    made = Tenant.objects.get(slug="initech")
    change = {**FORM, "name": "Initech Ltd", "slug": "other"}
    assert browser.submit(f"{LIST}{made.id}/change/", change).status_code == 302
    made.refresh_from_db()
    assert (made.slug, made.name, made.is_active) == ("initech", "Initech Ltd", True)
    with tenant(made.id):
        entry = AuditEntry.objects.first()
        assert entry is not None
        assert (entry.action, entry.actor) == ("tenant.update", "user:root")
        assert (entry.before, entry.after) == ({"name": "Initech"}, {"name": "Initech Ltd"})


def test_the_list_counts_members_and_live_teams(browser: Any, alice: Any, bob: Any, charlie: Any) -> None:
    factories.team(alice)
    rows = {row.slug: row for row in browser.get(LIST).context["cl"].result_list}
    assert (rows["acme"].members_counted, rows["acme"].teams_counted) == (2, 1)
    assert (rows["globex"].members_counted, rows["globex"].teams_counted) == (1, 0)


def test_the_list_counts_runs_up_to_a_bound(browser: Any, alice: Any, charlie: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("console.admin_tenants.MOST", 1)
    team, other = factories.team(alice), factories.team(charlie)
    for of, whose, count in ((alice, team, 3), (charlie, other, 1)):
        with tenant(of.tenant.id):
            for _ in range(count):
                Execution.objects.create(team=whose, version=1, resolved_spec={}, actor="user:alice")
    page = browser.get(LIST)
    assert {row.slug: row.runs_counted for row in page.context["cl"].result_list} == {"acme": 2, "globex": 1}
    assert "1 and more" in page.content.decode()


def test_a_tenants_page_shows_its_members_alone(browser: Any, alice: Any, charlie: Any, acme: Any) -> None:
    page = browser.get(f"{LIST}{acme.id}/change/").content.decode()
    assert "alice" in page
    assert "charlie" not in page


def test_a_member_is_added_made_or_given_another_role(
    transactional_db: Any, browser: Any, acme: Any, alice: Any, nobody: Any
) -> None:
    address = f"{LIST}{acme.id}/member/"
    assert browser.submit(address, {"username": "nobody", "role": "viewer"}).status_code == 302
    assert role_of("nobody", acme) == "viewer"
    assert browser.submit(address, {"username": " nobody ", "role": "operator"}).status_code == 302
    assert role_of("nobody", acme) == "operator"
    new = {"username": "erin", "role": "admin", "password": "a-long-word-for-erin"}
    assert browser.submit(address, new).status_code == 302
    assert User.objects.get(username="erin").check_password("a-long-word-for-erin")
    assert ("user:root", "member.add") in audited(acme)
    assert "a-long-word" not in str(audited(acme))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"username": "erin", "role": "viewer"}, "username"),
        ({"username": "erin", "role": "viewer", "password": "short"}, "password"),
        ({"username": "alice", "role": "viewer", "password": "a-long-word"}, "password"),
        ({"username": "alice", "role": "root"}, "role"),
        ({"username": "alice", "role": "viewer"}, "__all__"),
    ],
)
def test_what_is_wrong_with_a_member_is_told_at_its_field(
    given: dict[str, str], field: str, transactional_db: Any, browser: Any, acme: Any, alice: Any
) -> None:
    answer = browser.submit(f"{LIST}{acme.id}/member/", given)
    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert role_of("alice", acme) == "admin"


def test_switching_off_says_what_follows_and_on_brings_it_back(browser: Any, acme: Any, alice: Any) -> None:
    key, address = alice.key("teams:read"), f"{LIST}{acme.id}/switch_off/"
    page = browser.get(address).content.decode()
    assert "1 member no longer sees anything" in page
    assert "1 active API key stops working at once" in page
    assert browser.submit(address, {"reason": "unpaid"}).status_code == 302
    with pytest.raises(Unauthenticated):
        keys.authenticate(key)
    assert "switched off" in browser.get(LIST).content.decode()
    assert browser.submit(f"{LIST}{acme.id}/switch_on/", {"reason": ""}).status_code == 302
    assert keys.authenticate(key)
    actions = [action for _who, action in audited(acme)]
    assert actions[:2] == ["tenant.switch_on", "tenant.switch_off"]
    with tenant(acme.id):
        entry = AuditEntry.objects.get(action="tenant.switch_off")
    assert (entry.actor, entry.reason, entry.after) == ("user:root", "unpaid", {"is_active": False})


def test_tenants_are_the_platforms(alice: Any, acme: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    for name in ("change", "member", "switch_off"):
        assert browser.get(f"{LIST}{acme.id}/{name}/").status_code == 403
    assert (
        browser.submit(f"{LIST}{acme.id}/switch_off/", {"reason": ""}, page="/admin/teams/membership/").status_code
        == 403
    )
