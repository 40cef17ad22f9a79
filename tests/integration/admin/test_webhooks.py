"""Webhooks in the admin: the secret on one page, once."""

from typing import Any

import pytest

from executions.models import Execution
from executions.webhook_models import Delivery, Webhook
from teams.tenancy import tenant
from tests import factories

PAGES = "/admin/executions/webhook/"
DELIVERIES = "/admin/executions/delivery/"

pytestmark = pytest.mark.django_db


def form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Tickets", "url": "https://example.com/h", "events": ["run.failed"], "team": "", "enabled": "on",
        "reason": "asked for", **changes,
    }  # fmt: skip


def only(who: Any) -> Webhook:
    with tenant(who.tenant.id):
        return Webhook.objects.get()


def test_made_changed_rotated_and_deleted(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    made = browser.submit(f"{PAGES}add/", form())
    assert (made.status_code, "whsec_" in made.content.decode()) == (200, True)
    assert "no-store" in made["Cache-Control"]
    row = only(bob)
    page = browser.get(f"{PAGES}{row.pk}/change/").content.decode()
    assert "https://example.com/h" in page
    assert "whsec_" not in page
    assert browser.submit(f"{PAGES}{row.pk}/change/", form(events=["run.waiting"])).status_code == 302
    assert only(bob).events == ["run.waiting"]
    assert "whsec_" in browser.submit(f"{PAGES}{row.pk}/rotate/").content.decode()
    assert "asked for" in browser.get(f"{PAGES}{row.pk}/history/").content.decode()
    assert browser.submit(f"{PAGES}{row.pk}/delete/", {"reason": ""}).status_code == 302
    with tenant(bob.tenant.id):
        assert not Webhook.objects.exists()


def test_what_is_refused_is_at_its_field(bob: Any, signed_in: Any) -> None:
    answer = signed_in(bob).submit(f"{PAGES}add/", form(url="ftp://x"))
    assert set(answer.context["adminform"].form.errors) == {"url"}


def test_a_delivery_is_looked_at_and_sent_again(bob: Any, signed_in: Any) -> None:
    browser, team = signed_in(bob), factories.team(bob)
    browser.submit(f"{PAGES}add/", form())
    hook = only(bob)
    with tenant(bob.tenant.id):
        run = Execution.objects.create(team=team, version=1, resolved_spec={}, actor="test")
        row = Delivery.objects.create(
            webhook=hook, execution=run, event="run.failed", payload={"n": 4711}, status="failed", tries=9, answer="no"
        )
    assert "4711" in browser.get(f"{DELIVERIES}{row.pk}/change/").content.decode()
    assert browser.submit(f"{DELIVERIES}{row.pk}/again/").status_code == 302
    with tenant(bob.tenant.id):
        assert Delivery.objects.get().status == "pending"


def test_viewers_see_none(bob: Any, vera: Any, signed_in: Any) -> None:
    signed_in(bob).submit(f"{PAGES}add/", form())
    browser, pk = signed_in(vera), only(bob).pk
    for address in (PAGES, f"{PAGES}{pk}/change/", f"{PAGES}{pk}/rotate/", f"{PAGES}{pk}/history/", DELIVERIES):
        assert browser.get(address).status_code == 403


def test_a_test_event_leads_to_its_delivery(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    browser.submit(f"{PAGES}add/", form())
    address = f"{PAGES}{only(bob).pk}/test/"
    assert address in browser.get(f"{PAGES}{only(bob).pk}/change/").content.decode()
    sent = browser.submit(address)
    with tenant(bob.tenant.id):
        row = Delivery.objects.get()
    assert sent.url == f"{DELIVERIES}{row.pk}/change/"
    assert b"webhook.test" in browser.get(sent.url).content


def test_deliveries_are_found_from_the_webhook_they_belong_to(bob: Any, signed_in: Any) -> None:
    browser = signed_in(bob)
    for name in ("Tickets", "Pager"):
        browser.submit(f"{PAGES}add/", form(name=name))
    with tenant(bob.tenant.id):
        tickets, pager = Webhook.objects.order_by("-name")
    browser.submit(f"{PAGES}{tickets.pk}/test/")
    assert f'href="{DELIVERIES}"' in browser.get(PAGES).content.decode()
    for row, sent in ((tickets, 1), (pager, 0)):
        theirs = f"{DELIVERIES}?webhook__id__exact={row.pk}"
        assert f'href="{theirs}"' in browser.get(f"{PAGES}{row.pk}/change/").content.decode()
        assert browser.get(theirs).context["cl"].result_count == sent
