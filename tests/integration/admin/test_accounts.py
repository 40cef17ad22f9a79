"""Provider accounts and tool credentials in the admin: typed in, replaced, deleted, and never shown."""

from typing import Any

import pytest

from agents.accounts import account_for, accounts_of, credential_for
from agents.models import ProviderAccount, ToolCredential
from teams.models import AuditEntry, Tenant
from teams.tenancy import tenant

ACCOUNTS, CREDENTIALS = "/admin/agents/provideraccount/", "/admin/agents/toolcredential/"
FIRST, SECOND = "sk-first-key-0123456789-abcd", "sk-second-key-0123456789-wxyz"
ACCOUNT = {"provider": "openai", "base_url": "", "enabled": "on", "note": "ours", "secret": FIRST, "reason": "new"}
CREDENTIAL = {
    "name": "tracker", "tool": "Call_Web_API", "header": "Authorization", "scheme": "Bearer",
    "hosts": "a.example\nb.example:1", "enabled": "on", "note": "", "secret": FIRST, "reason": "new",
}  # fmt: skip


def only(model: Any, who: Any) -> Any:
    with tenant(who.tenant.id):
        return model.objects.get()


def key_of(who: Any) -> str:
    opened = account_for(who.tenant.id, "openai")
    return opened.api_key if opened else ""


def nowhere(browser: Any, model: str, row: Any) -> None:
    for page in ("", f"{row.pk}/change/", f"{row.pk}/history/", f"{row.pk}/delete/"):
        text = browser.get(f"/admin/agents/{model}/{page}").content.decode()
        assert str(row) in text or row.ends_with in text, page  # sharpness: it is this row's page
        for secret in (FIRST, SECOND, FIRST[:-4], SECOND[:-4], "v1:k1:"):
            assert secret not in text, page


def test_an_account_is_made_kept_rotated_and_deleted(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    assert browser.submit(f"{ACCOUNTS}add/", ACCOUNT).status_code == 302
    row = only(ProviderAccount, alice)
    change = f"{ACCOUNTS}{row.pk}/change/"
    assert key_of(alice) == FIRST

    assert browser.submit(change, ACCOUNT | {"secret": "", "note": "theirs"}).status_code == 302
    assert key_of(alice) == FIRST
    assert only(ProviderAccount, alice).note == "theirs"

    assert browser.submit(change, ACCOUNT | {"secret": SECOND, "reason": "yearly"}).status_code == 302
    assert key_of(alice) == SECOND
    nowhere(browser, "provideraccount", only(ProviderAccount, alice))

    assert browser.submit(f"{ACCOUNTS}{row.pk}/delete/", {"reason": "over"}).status_code == 302
    assert account_for(alice.tenant.id, "openai") is None
    with tenant(alice.tenant.id):
        told = str(list(AuditEntry.objects.values("action", "before", "after")))
    assert "provider_account.rotate" in told
    assert FIRST not in told
    assert SECOND not in told


def test_a_credential_is_made_rotated_and_deleted(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    assert browser.submit(f"{CREDENTIALS}add/", CREDENTIAL).status_code == 302
    row = only(ToolCredential, alice)
    assert row.hosts == ["a.example", "b.example:1"]
    assert browser.submit(f"{CREDENTIALS}{row.pk}/change/", CREDENTIAL | {"secret": SECOND}).status_code == 302
    assert credential_for(alice.tenant.id, row.tool, "a.example") == {"Authorization": f"Bearer {SECOND}"}
    nowhere(browser, "toolcredential", only(ToolCredential, alice))
    browser.submit(f"{CREDENTIALS}{row.pk}/delete/", {"reason": ""})
    assert credential_for(alice.tenant.id, row.tool, "a.example") is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"secret": ""}, "secret"), ({"secret": "a b"}, "secret"), ({"base_url": "https://x.example"}, "base_url")],
)
def test_what_is_refused_is_told_at_its_field_without_the_secret(alice, signed_in, changes, field) -> None:
    page = signed_in(alice).submit(f"{ACCOUNTS}add/", ACCOUNT | changes)
    assert list(page.context["adminform"].form.errors) == [field]
    assert FIRST not in page.content.decode()


def test_the_platforms_keys_are_forbidden_and_allowed_with_a_button(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    for wanted in ("forbidden", "allowed"):
        assert f'value="{wanted}"' in browser.get(ACCOUNTS).content.decode()
        browser.submit(ACCOUNTS, {"platform_keys": wanted})
        assert Tenant.objects.get(id=alice.tenant.id).platform_keys == wanted


def test_the_list_says_what_can_be_called_and_what_is_missing(alice: Any, signed_in: Any, settings: Any) -> None:
    entry = {"base_url": "https://api.example.com/v1", "models": {}, "key_variable": "EXAMPLE_KEY"}
    settings.LLM_PROVIDERS = {"openai": entry, "other": {**entry, "api_key": "k"}}
    browser = signed_in(alice)
    shown = browser.get(ACCOUNTS)
    assert {row["entry"].name: row["missing"] for row in shown.context["callable"]} == {
        "openai": ["EXAMPLE_KEY"], "other": []
    }  # fmt: skip
    assert f"{ACCOUNTS}add/?provider=openai" in shown.content.decode()
    browser.submit(f"{ACCOUNTS}add/", ACCOUNT)
    row = browser.get(ACCOUNTS).context["callable"][0]
    assert (row["missing"], row["key"]) == ([], "your own account")


def test_operators_see_none_of_it(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    assert {browser.get(address).status_code for address in (ACCOUNTS, CREDENTIALS, f"{ACCOUNTS}add/")} == {403}


def test_an_account_that_another_process_has_just_added_is_told(alice: Any, signed_in: Any) -> None:
    accounts_of(alice.tenant.id)  # this process remembers that there is none
    browser = signed_in(alice)
    assert "your own account" not in browser.get(ACCOUNTS).content.decode()
    with tenant(alice.tenant.id):
        ProviderAccount.objects.create(tenant=alice.tenant, provider="openai", api_key="sealed elsewhere")
    assert "your own account" in browser.get(ACCOUNTS).content.decode()
