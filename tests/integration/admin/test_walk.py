"""Every address of the admin, asked for as every kind of user: nothing opens for the wrong one, nothing breaks."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from teams.models import Role
from tests import factories
from tests.admin_places import PLATFORM, Place, places, stored
from tests.admin_world import NOT_SHOWN, build

SECRET = "SECRET-OF-ACME"
ADMINS_ONLY = {"apikey", "membership", "tenanttool", "provideraccount", "toolcredential", "auditentry", "auditseal"}
NOT_FOR_VIEWERS = {"webhook", "delivery"}
LOOKS_ALONE = {"changelist", "history", "compare", "switch_tenant", "search", "autocomplete"}
"""Pages that show the same again when somebody who may change nothing posts to them."""

POSTED = {
    "reason": "", "confirmed": "yes", "confirm": "1", "enabled": "1", "name": "Call_Web_API", "role": "admin",
    "platform_keys": "forbidden", "username": "vera", "password": factories.PASSWORD, "approval": "never",
    "step": "x", "outcome": "happened", "scopes": "teams:read", "lifetime": "never", "cron": "* * * * *",
    "url": "https://example.com/", "events": "run.failed", "prompt": "p", "input": "x", "usd_per_day": "1",
    "old_password": factories.PASSWORD, "slug": "posted", "is_superuser": "on",
}  # fmt: skip
"""What some form or other takes: sent to every address at once."""


@pytest.fixture
def rows(alice: Any) -> dict[str, Any]:
    """One row of acme for each model, with words nobody else may see."""
    return build(alice, lambda field: f"{SECRET} {field}")


@pytest.fixture
def dora(acme: Any, globex: Any) -> Any:
    """Admin of both tenants."""
    from teams.models import Membership
    from teams.tenancy import tenant

    found = factories.person("dora", acme, Role.ADMIN)
    with tenant(globex.id):
        Membership.objects.create(user=found.user, role=Role.ADMIN)
    return found


def token(browser: Any) -> str:
    """The signed name of the tenant that is worked in, as every form carries it."""
    return str(browser.get("/admin/account/").context["tenant_token"])


def work_in(browser: Any, which: str) -> str:
    """Choose a tenant, or all; the token of its forms."""
    assert browser.post("/admin/tenant/", {"tenant": which}).status_code == 302
    return token(browser)


def named(place: Place) -> str:
    return place.name.rpartition("_")[2] if place.model else place.name


def within(found: list[Place]) -> list[Place]:
    """Without the ways out: leaving ends the walk."""
    return [place for place in found if place.name != "logout"]


def test_every_model_is_in_the_walk(rows: dict[str, Any]) -> None:
    registered = {model._meta.model_name for model in admin.site._registry}
    assert registered == set(rows)
    assert {place.model for place in places(rows)} == registered | {""}


def test_anonymous_is_asked_to_sign_in(rows: dict[str, Any]) -> None:
    before = stored()
    for place in places(rows):
        if place.name in {"jsi18n", "logout"}:
            continue
        for answer in (Client().get(place.path), Client().post(place.path, POSTED)):
            assert (answer.status_code, answer.url.split("?")[0]) == (302, "/admin/login/"), place
    assert stored() == before


def test_staff_of_no_tenant_are_told_what_to_do(rows: dict[str, Any], nobody: Any, signed_in: Any) -> None:
    browser, before = signed_in(nobody), stored()
    for place in within(places(rows, "secret")):
        for answer in (browser.get(place.path), browser.post(place.path, POSTED)):
            if not place.is_account:
                assert answer.status_code == 403, (place, answer.status_code)
            assert SECRET.encode() not in answer.getvalue(), place
    assert stored() == before
    assert b"Ask an admin of your tenant" in browser.get("/admin/").content


def test_another_tenants_admin_sees_nothing(rows: dict[str, Any], charlie: Any, signed_in: Any) -> None:
    browser, acme = signed_in(charlie), rows["tenant"].id
    field, before = token(browser), stored(acme)
    for place in within(places(rows, "secret")):
        for answer in (browser.get(place.path), browser.post(place.path, {**POSTED, "_tenant": field})):
            assert SECRET.encode() not in answer.getvalue(), place
            if place.model in PLATFORM:
                assert answer.status_code == (302 if place.name == "short" else 403), place
            elif place.row_id:
                # Django's own pages lead away from what is not there; ours say 404.
                assert answer.status_code in {302, 403, 404, 405}, (place, answer.status_code)
    assert stored(acme) == before


def test_foreign_and_missing_answer_alike(rows: dict[str, Any], charlie: Any, signed_in: Any) -> None:
    browser = signed_in(charlie)
    field = token(browser)

    def told(path: str, row_id: str, *, post: bool) -> Any:
        data = {**POSTED, "_tenant": field}
        answer = browser.post(path, data) if post else browser.get(path)
        browser.cookies.pop("messages", None)  # else the next page would say it
        text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
        # A short number may stand on a page for other reasons.
        found = row_id if len(row_id) > 8 else rf"(?<=[/“]){row_id}(?=[/”])"
        way = answer.get("Location", "")
        return answer.status_code, re.sub(found, "ID", way), re.sub(found, "ID", text)

    for place in places(rows):
        if place.row_id and place.model not in PLATFORM:
            missing = "2b0c5f80-0000-4000-8000-000000000000" if len(place.row_id) == 36 else "987654321"
            for post in (False, True):
                there = told(place.path.replace(f"/{place.row_id}/", f"/{missing}/"), missing, post=post)
                here = told(place.path, place.row_id, post=post)
                differs = [
                    pair
                    for pair in zip(here[2].splitlines(), there[2].splitlines(), strict=False)
                    if len(set(pair)) > 1
                ]
                assert here == there, (place, post, differs)


@pytest.mark.parametrize("who", ["vera", "bob", "alice", "root"])
def test_members_see_what_their_role_may(who: str, rows: dict[str, Any], request: Any, signed_in: Any) -> None:
    browser = signed_in(request.getfixturevalue(who))
    closed = ADMINS_ONLY | NOT_FOR_VIEWERS if who == "vera" else ADMINS_ONLY if who == "bob" else set()
    for place in places(rows, "secret"):
        answer = browser.get(place.path)
        assert answer.status_code in {200, 302, 403, 404, 405}, (who, place, answer.status_code)
        if place.model in closed or (place.model in PLATFORM and who != "root"):
            assert answer.status_code == (302 if place.name == "short" else 403), (who, place)
            assert SECRET.encode() not in answer.getvalue(), (who, place)
        elif place.name.endswith("_change") and place.model != "auditentry":
            assert answer.status_code == 200, (who, place)
        assert NOT_SHOWN.encode() not in answer.getvalue(), place
        _is_kept_framed_or_told_nowhere(answer, place)


def _is_kept_framed_or_told_nowhere(answer: Any, place: Place) -> None:
    assert "no-store" in answer["Cache-Control"], place
    assert (answer["X-Frame-Options"], answer["Referrer-Policy"]) == ("DENY", "same-origin"), place
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"], place
    assert answer["X-Content-Type-Options"] == "nosniff", place


def test_across_tenants_every_page_opens_or_says_why(
    transactional_db: Any, rows: dict[str, Any], root: Any, signed_in: Any
) -> None:
    browser = signed_in(root)
    field, before = work_in(browser, "all"), stored()
    for place in within(places(rows, "secret")):
        answer = browser.get(place.path)
        assert not (named(place) == "add" and place.model not in PLATFORM and answer.status_code == 200), place
        looks = named(place) in {"change", "changelist", "history"} and place.model != "auditentry"
        assert answer.status_code in ({200} if looks else {200, 302, 403, 404, 405}), (place, answer.status_code)
        if place.model not in PLATFORM and not place.is_account:
            posted = browser.post(place.path, {**POSTED, "_tenant": field})
            assert posted.status_code == 403, (place, posted.status_code)
    assert stored() == before


@pytest.mark.parametrize("who", ["vera", "bob", "alice"])
def test_who_may_not_change_it_can_post_nothing(who: str, rows: dict[str, Any], request: Any, signed_in: Any) -> None:
    browser = signed_in(request.getfixturevalue(who))
    closed = PLATFORM if who == "alice" else PLATFORM | ADMINS_ONLY | {"tenantlimits"}
    closed |= NOT_FOR_VIEWERS if who == "vera" else set()
    field, before = token(browser), stored()
    for place in within(places(rows, "secret")):
        if place.model not in closed and not (who == "vera" and place.model):
            continue
        answer = browser.post(place.path, {**POSTED, "_tenant": field})
        # A list without an action to run is shown again; everything that could change something is refused.
        refused = {403} if place.model in closed - {"tenantlimits"} else {403, 405}
        if named(place) not in LOOKS_ALONE and place.name != "short":
            assert answer.status_code in refused, (place, answer.status_code)
        assert answer.status_code in {200, 302, 403, 405}, (place, answer.status_code)
    assert stored() == before


def test_a_form_of_another_tenant_is_refused_everywhere(
    rows: dict[str, Any], dora: Any, globex: Any, signed_in: Any
) -> None:
    browser = signed_in(dora)
    of_acme = work_in(browser, str(rows["tenant"].id))
    work_in(browser, str(globex.id))
    before = stored()
    for place in places(rows):
        if place.is_account or place.model in PLATFORM:
            continue
        answer = browser.post(place.path, {**POSTED, "_tenant": of_acme})
        assert answer.status_code == 409, (place, answer.status_code)
    for field in ("", f"{globex.id}", f"{globex.id}:forged"):
        address = f"/admin/teams/team/{rows['team'].pk}/delete/"
        assert browser.post(address, {**POSTED, "_tenant": field}).status_code == 409
    assert stored() == before


def test_without_a_csrf_token_nothing_is_posted(rows: dict[str, Any], root: Any, alice: Any) -> None:
    before = {}
    for who in (alice.user, root):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(who)
        field = token(browser)
        before = before or {name: value for name, value in stored().items() if name != "auth_user"}
        for place in places(rows):
            assert browser.post(place.path, {**POSTED, "_tenant": field}).status_code == 403, place
    assert {name: value for name, value in stored().items() if name != "auth_user"} == before


def test_ticked_rows_change_only_for_who_may_and_in_ones_own_tenant(
    rows: dict[str, Any], vera: Any, charlie: Any, signed_in: Any
) -> None:
    browsers = {who: signed_in(who) for who in (vera, charlie)}
    before = stored()
    for who, browser in browsers.items():
        field = token(browser)
        for model, model_admin in admin.site._registry.items():
            name = model._meta.model_name or ""
            for action in model_admin.actions or ():
                ticked = {"_selected_action": [str(rows[name].pk)], "action": action, "confirmed": "yes", "reason": ""}
                for more in ({}, {"select_across": "1"}):
                    address = f"/admin/{model._meta.app_label}/{name}/"
                    answer = browser.post(address, {**ticked, **more, "_tenant": field}, follow=True)
                    assert who is vera or SECRET.encode() not in answer.getvalue(), action
    assert stored() == before


def test_bulk_actions_are_offered_to_who_may_run_them(rows: dict[str, Any], vera: Any, signed_in: Any) -> None:
    browser = signed_in(vera)
    assert _offered(browser.get("/admin/teams/team/")) == {"", "export_selected"}
    assert 'name="action"' not in browser.get("/admin/executions/execution/").content.decode()


def _offered(answer: Any) -> set[str]:
    return {name for name, _label in answer.context["action_form"].fields["action"].choices}


def test_search_finds_no_team_of_another_tenant(rows: dict[str, Any], charlie: Any, dora: Any, signed_in: Any) -> None:
    address, browser = "/admin/search/?s=secret&extended=1", signed_in(dora)
    assert SECRET.encode() not in signed_in(charlie).get(address).content
    for _twice in range(2):
        work_in(browser, str(rows["tenant"].id))
        assert SECRET.encode() in browser.get(address).content
        work_in(browser, str(charlie.tenant.id))
        assert SECRET.encode() not in browser.get(address).content


def test_the_ways_out_and_in_keep_to_their_methods(alice: Any, signed_in: Any) -> None:
    assert "no-store" in Client().get("/admin/login/")["Cache-Control"]
    browser = signed_in(alice)
    assert browser.get("/admin/logout/").status_code == 405
    assert browser.get("/admin/").status_code == 200
    assert browser.post("/admin/logout/").status_code in {200, 302}
    assert browser.get("/admin/").status_code == 302
