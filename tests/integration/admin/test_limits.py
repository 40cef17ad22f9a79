"""A tenant's limits in the admin: its admins set them, superusers the ceilings, the others look."""

from decimal import Decimal
from typing import Any

import pytest

from executions.limits import LimitValues, ceilings_set, limits_get
from executions.models import TenantLimits
from teams.models import AuditEntry
from teams.tenancy import tenant

LIST = "/admin/executions/tenantlimits/"
ADD = f"{LIST}add/"


def change_page(who: Any) -> str:
    with tenant(who.tenant.id):
        return f"{LIST}{TenantLimits.objects.get().pk}/change/"


def test_an_admin_sets_the_first_limits_and_changes_them(alice: Any, signed_in: Any) -> None:
    browser = signed_in(alice)
    browser.submit(ADD, {"tokens_per_day": "5000", "usd_per_day": "2.5", "concurrent_runs": "7", "reason": "pilot"})
    assert limits_get(actor=alice.actor).limits == LimitValues(5000, Decimal("2.5"), None, 7)
    address = change_page(alice)
    page = browser.get(address).content.decode()
    assert 'value="5000"' in page
    assert 'value="7"' in page
    assert browser.get(ADD).url == address
    browser.submit(address, {"runs_per_day": "3", "concurrent_runs": "7"})
    assert limits_get(actor=alice.actor).limits == LimitValues(None, None, 3, 7)
    with tenant(alice.tenant.id):
        entries = AuditEntry.objects.filter(action="limits.set").order_by("at")
        assert [entry.reason for entry in entries] == ["pilot", ""]
        assert TenantLimits.history.count() == 2
    assert b"pilot" in browser.get(address.replace("change", "history")).content


def test_nothing_typed_is_nothing_stored(alice: Any, signed_in: Any) -> None:
    answer = signed_in(alice).submit(ADD, {})
    assert b"nothing to save" in answer.content
    with tenant(alice.tenant.id):
        assert not TenantLimits.objects.exists()


def test_above_the_ceiling_is_an_error_at_the_field(alice: Any, signed_in: Any) -> None:
    ceilings_set(actor=alice.actor, values=LimitValues(usd_per_day=Decimal(2)))
    browser, address = signed_in(alice), change_page(alice)
    answer = browser.submit(address, {"usd_per_day": "3", "most_usd_per_day": "9"})
    assert list(answer.context["adminform"].form.errors) == ["usd_per_day"]
    use = limits_get(actor=alice.actor)
    assert (use.limits.usd_per_day, use.ceilings.usd_per_day) == (None, Decimal(2))


@pytest.mark.parametrize("given", [{"tokens_per_day": "-1"}, {"runs_per_day": "1.5"}, {"concurrent_runs": "9999999"}])
def test_a_bad_limit_is_an_error_at_its_field(given: Any, alice: Any, signed_in: Any) -> None:
    answer = signed_in(alice).submit(ADD, given)
    assert list(answer.context["adminform"].form.errors) == list(given)


def test_a_superuser_sets_ceilings_and_a_refused_limit_takes_them_back(alice: Any, root: Any, signed_in: Any) -> None:
    browser = signed_in(root)
    browser.post("/admin/tenant/", {"tenant": str(alice.tenant.id)})
    answer = browser.submit(ADD, {"most_runs_per_day": "5", "runs_per_day": "6"})
    assert list(answer.context["adminform"].form.errors) == ["runs_per_day"]
    assert limits_get(actor=alice.actor).ceilings.runs_per_day is None
    browser.submit(ADD, {"most_runs_per_day": "5", "runs_per_day": "4"})
    use = limits_get(actor=alice.actor)
    assert (use.limits.runs_per_day, use.ceilings.runs_per_day) == (4, 5)


def test_an_operator_looks_and_changes_nothing(alice: Any, bob: Any, signed_in: Any) -> None:
    ceilings_set(actor=alice.actor, values=LimitValues(runs_per_day=5))
    browser, address = signed_in(bob), change_page(alice)
    page = browser.get(address)
    assert b"0 tokens" in page.content
    assert b'name="runs_per_day"' not in page.content
    token = page.context["tenant_token"]
    assert browser.post(address, {"_tenant": token, "runs_per_day": "1"}).status_code == 403
