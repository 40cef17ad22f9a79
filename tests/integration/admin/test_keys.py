"""API keys in the admin: shown once, rotated, revoked."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from teams import keys
from teams.errors import Unauthenticated
from teams.models import ApiKey
from teams.tenancy import tenant

LIST = "/admin/teams/apikey/"
FORM = {
    "name": "CI",
    "scopes": ["teams:read", "executions:run"],
    "expires_at_0": "",
    "expires_at_1": "",
    "lifetime": "never",
}
KEY = re.compile(r"tb_live_[a-z0-9]{10}_[A-Za-z0-9_-]{43}")


def key_on(page: Any) -> str:
    found = KEY.search(page.content.decode())
    assert found
    return found[0]


def test_a_new_key_is_shown_once_and_works(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    page = browser.submit(f"{LIST}add/", FORM)
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    found = keys.authenticate(key_on(page))
    assert (found.tenant_id, sorted(found.scopes)) == (alice.tenant.id, ["executions:run", "teams:read"])
    for address in (LIST, f"{LIST}{found.id}/change/", f"{LIST}{found.id}/history/"):
        assert not KEY.search(browser.get(address).content.decode()), address


def test_wrong_values_are_errors_at_their_fields(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    past = {**FORM, "name": " ", "lifetime": "date", "expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
    page = browser.submit(f"{LIST}add/", {**past, "name": "x"})
    assert page.context["adminform"].form.errors["expires_at"] == ["must be in the future"]
    assert "name" in browser.submit(f"{LIST}add/", past).context["adminform"].form.errors
    none = browser.submit(f"{LIST}add/", {**FORM, "scopes": []})
    assert "scopes" in none.context["adminform"].form.errors
    wrong = browser.submit(f"{LIST}add/", {**FORM, "scopes": ["root"]})
    assert "scopes" in wrong.context["adminform"].form.errors


def test_a_key_ends_when_its_maker_chose(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    moment = {"expires_at_0": "2099-01-02", "expires_at_1": "03:04:00"}
    for chosen, given, days in (("30", {}, 30), ("365", {}, 365), ("never", {}, None), ("date", moment, None)):
        found = keys.authenticate(key_on(browser.submit(f"{LIST}add/", {**FORM, **given, "lifetime": chosen})))
        with tenant(alice.tenant.id):
            ends = ApiKey.objects.get(id=found.id).expires_at
        if days:
            assert ends is not None
            assert abs(ends - timezone.now() - timedelta(days=days)) < timedelta(minutes=5)
        else:
            assert (ends is None) == (chosen == "never")


def test_an_end_that_contradicts_itself_is_an_error_at_its_field(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    moment = {"expires_at_0": "2099-01-02", "expires_at_1": "03:04:00"}
    for form in ({**FORM, "lifetime": "date"}, {**FORM, **moment, "lifetime": "30"}):
        assert "expires_at" in browser.submit(f"{LIST}add/", form).context["adminform"].form.errors


def test_the_list_can_be_narrowed_to_keys_that_work(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    found = keys.authenticate(key_on(browser.submit(f"{LIST}add/", FORM)))
    browser.submit(f"{LIST}add/", {**FORM, "name": "Other"})
    browser.submit(f"{LIST}{found.id}/revoke/", {"reason": ""})
    for state, count in (("active", 1), ("revoked", 1), ("expired", 0)):
        assert browser.get(f"{LIST}?state={state}").context["cl"].result_count == count


def test_rotating_asks_and_shows_the_successor_once(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    old = keys.authenticate(key_on(browser.submit(f"{LIST}add/", FORM)))
    page = browser.submit(f"{LIST}{old.id}/rotate/")
    assert "no-store" in page.headers["Cache-Control"]
    assert keys.authenticate(key_on(page)).id != old.id
    with tenant(alice.tenant.id):
        assert ApiKey.objects.get(id=old.id).expires_at is not None


def test_revoking_asks_and_ends_it_at_once(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    key = key_on(browser.submit(f"{LIST}add/", FORM))
    address = f"{LIST}{keys.authenticate(key).id}/revoke/"
    assert b"answered with 401" in browser.get(address).content
    assert keys.authenticate(key)
    assert browser.submit(address, {"reason": "leaked"}).status_code == 302
    with pytest.raises(Unauthenticated):
        keys.authenticate(key)
    assert "revoked" in browser.get(LIST).content.decode()


def test_a_revoked_key_cannot_be_rotated(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    found = keys.authenticate(key_on(browser.submit(f"{LIST}add/", FORM)))
    browser.submit(f"{LIST}{found.id}/revoke/", {"reason": ""})
    answer = browser.submit(f"{LIST}{found.id}/rotate/")
    assert answer.status_code == 302
    assert "the key is revoked" in str(next(iter(answer.wsgi_request._messages)))


def test_operators_have_no_keys(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    assert browser.get(LIST).status_code == 403
    assert browser.get(f"{LIST}add/").status_code == 403
