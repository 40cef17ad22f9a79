"""One tenant at a time: the switcher, forms of another tab, and the view across tenants."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from teams.models import Membership, Role, Team, Tenant
from teams.tenancy import tenant
from tests import factories
from tests.html import Form

LIST = "/admin/teams/team/"


@pytest.fixture
def both(alice: Any, globex: Any, charlie: Any) -> Any:
    """Alice, also an operator of globex; each tenant has a team."""
    with tenant(globex.id):
        Membership.objects.create(user=alice.user, role=Role.OPERATOR)
    factories.team(alice, "OfAcme")
    factories.team(charlie, "OfGlobex")
    return alice


def test_switching_shows_the_other_tenant_alone(both: Any, globex: Any, signed_in: Any) -> None:
    browser = signed_in(both)
    assert "OfAcme" in browser.get(LIST).content.decode()
    assert browser.post("/admin/tenant/", {"tenant": str(globex.id)}).status_code == 302
    page = browser.get(LIST).content.decode()
    assert "OfGlobex" in page
    assert "OfAcme" not in page


def test_the_role_is_that_of_the_chosen_tenant(both: Any, globex: Any, signed_in: Any) -> None:
    browser = signed_in(both)
    assert browser.get("/admin/teams/apikey/").status_code == 200
    browser.post("/admin/tenant/", {"tenant": str(globex.id)})
    assert browser.get("/admin/teams/apikey/").status_code == 403


@pytest.mark.parametrize("wanted", ["", "all", "nonsense", "2b0c5f80-0000-4000-8000-000000000000"])
def test_only_ones_own_tenants_can_be_chosen(wanted: str, alice: Any, globex: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    assert browser.post("/admin/tenant/", {"tenant": wanted}).status_code == 404
    assert browser.post("/admin/tenant/", {"tenant": str(globex.id)}).status_code == 404
    assert browser.get("/admin/tenant/").status_code == 405


def test_a_form_from_before_the_switch_changes_nothing(both: Any, globex: Any, signed_in: Any) -> None:
    browser, address = signed_in(both), "/admin/teams/team/add/"
    token = browser.get(address).context["tenant_token"]
    browser.post("/admin/tenant/", {"tenant": str(globex.id)})
    form = {"_tenant": token, "name": "Strayed", "config": "{}", "reason": ""}
    answer = browser.post(address, form)
    assert answer.status_code == 409
    assert "was opened in Acme, but you now work in Globex" in answer.content.decode()
    assert browser.post(address, {**form, "_tenant": token + "x"}).status_code == 409
    assert browser.post(address, {"name": "Strayed", "config": "{}"}).status_code == 409


def test_losing_the_membership_ends_access_at_once(alice: Any, acme: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    assert browser.get(LIST).status_code == 200
    with tenant(acme.id):
        Membership.objects.get(user=alice.user).delete()
    assert browser.get(LIST).status_code == 403


def test_a_switched_off_tenant_is_gone(alice: Any, acme: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    Tenant.objects.filter(id=acme.id).update(is_active=False)
    assert browser.get(LIST).status_code == 403


def test_global_groups_and_permissions_give_nothing(nobody: Any, alice: Any, signed_in: Any) -> None:
    group = Group.objects.create(name="everything")
    group.permissions.set(Permission.objects.all())
    nobody.groups.add(group)
    nobody.user_permissions.set(Permission.objects.all())
    factories.team(alice, "OfAcme")
    browser = signed_in(nobody)
    for address in (LIST, "/admin/auth/user/", "/admin/teams/tenant/"):
        assert browser.get(address).status_code == 403


def test_a_page_costs_one_query_for_the_membership(
    alice: Any, signed_in: Any, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in(alice)
    # Session, user and memberships, and the same for the menu. A page that needs no rows of its own.
    with django_assert_max_num_queries(7):
        assert browser.get("/admin/password_change/").status_code == 200


@pytest.fixture
def across(transactional_db: Any, alice: Any, charlie: Any, root: Any, signed_in: Any) -> Any:
    """A superuser's browser that looks at all tenants. Its pages open transactions that can only read."""
    factories.team(alice, "OfAcme")
    factories.team(charlie, "OfGlobex")
    browser = signed_in(root)
    assert browser.post("/admin/tenant/", {"tenant": "all"}).status_code == 302
    return browser


def test_a_superuser_sees_all_tenants_at_once(across: Any) -> None:
    page = across.get(LIST).content.decode()
    for text in ("OfAcme", "OfGlobex", "Acme", "Globex"):
        assert text in page


def test_across_tenants_nothing_can_be_changed(across: Any, acme: Any) -> None:
    with tenant(acme.id):
        team = Team.objects.get()
    page = across.get(f"{LIST}{team.id}/change/")
    assert page.status_code == 200
    assert Form(page.content.decode(), "team_form").usable == 0
    assert across.get("/admin/teams/team/add/").status_code == 403
    token = page.context["tenant_token"]
    for address in ("add/", f"{team.id}/change/", f"{team.id}/delete/", f"{team.id}/versions/1/"):
        assert across.post(f"{LIST}{address}", {"_tenant": token, "reason": ""}).status_code == 403
    assert across.get(f"/admin/executions/execution/start/{team.id}/").status_code == 403


def test_a_superuser_works_in_any_tenant_as_admin(across: Any, globex: Any) -> None:
    across.post("/admin/tenant/", {"tenant": str(globex.id)})
    page = across.get(LIST).content.decode()
    assert "OfGlobex" in page
    assert "OfAcme" not in page
    assert across.get("/admin/teams/apikey/add/").status_code == 200
