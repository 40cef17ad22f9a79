"""A key's life in the browser: made, shown once, copied, gone from every later page, revoked."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from teams import keys


def test_a_key_is_shown_once_copied_and_revoked(page: Page, alice: Any, sign_in: Any, shot: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(alice)
    page.goto("/admin/teams/apikey/add/")
    page.get_by_label("Name").fill("CI")
    page.get_by_role("checkbox", name=re.compile("teams:read")).check()
    page.get_by_role("radio", name=re.compile("30 days")).check()
    shot("key_add")
    page.get_by_role("button", name="Save", exact=True).click()

    key = page.get_by_label("Key for CI").input_value()
    assert keys.authenticate(key).tenant_id == alice.tenant.id
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == key
    shot("key_once")

    # Without a clipboard the key is selected, and the words say what to press.
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')) }")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_contain_text("Ctrl+C")
    assert page.evaluate("document.getSelection().toString()") == key

    page.get_by_role("link", name="I have copied it").click()
    expect(page.locator("#result_list")).to_contain_text("active")
    assert key not in page.content()
    shot("key_list")
    page.get_by_role("link", name="CI").click()
    page.get_by_role("link", name="Revoke").click()
    expect(page.get_by_text("answered with 401")).to_be_visible()
    shot("key_revoke")
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#result_list")).to_contain_text("revoked")
    # The file of the audit trail is streamed by the server that is used in production, which waits for nothing.
    told = page.request.get("/admin/teams/auditentry/export/").text()
    assert "alice revoked the API key CI" in told
    assert key not in told
