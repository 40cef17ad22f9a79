"""/api/v1/limits: a tenant's admin sets them, the platform's ceilings hold, and everybody of the tenant may look."""

from decimal import Decimal

import pytest

from executions.limits import LimitValues, ceilings_set
from executions.models import Execution, TenantLimits
from executions.services import execution_start
from teams.models import AuditEntry
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

LIMITS = "/api/v1/limits"


def test_there_are_none_at_first(alice, api, settings):
    answer = api(alice).get(LIMITS).json()
    none = {"tokens_per_day": None, "usd_per_day": None, "runs_per_day": None}
    assert answer["limits"] == {**none, "concurrent_runs": settings.TENANT_RUN_LIMIT}
    assert answer["ceilings"] == {**none, "concurrent_runs": None}


def test_an_admin_sets_them(alice, api):
    body = {"tokens_per_day": 5000, "usd_per_day": 2.5, "concurrent_runs": 7, "reason": "pilot"}
    answer = api(alice).put(LIMITS, body).json()
    wanted = {"tokens_per_day": 5000, "usd_per_day": "2.50000000", "runs_per_day": None, "concurrent_runs": 7}
    assert answer["limits"] == wanted
    assert api(alice).get(LIMITS).json()["limits"] == wanted
    with tenant(alice.tenant.id):
        entry = AuditEntry.objects.get(action="limits.set")
        assert (entry.reason, entry.after["limits"]) == ("pilot", wanted)
        assert TenantLimits.history.get().actor.startswith("key:")


def test_what_is_left_out_is_open_again(alice, api, settings):
    api(alice).put(LIMITS, {"tokens_per_day": 5000, "concurrent_runs": 7})
    answer = api(alice).put(LIMITS, {}).json()
    assert answer["limits"]["tokens_per_day"] is None
    assert answer["limits"]["concurrent_runs"] == settings.TENANT_RUN_LIMIT


def test_what_was_got_can_be_sent_back(alice, api):
    api(alice).put(LIMITS, {"usd_per_day": 0.1, "concurrent_runs": 7})
    got = api(alice).get(LIMITS).json()["limits"]
    answer = api(alice).put(LIMITS, got)
    assert (answer.status_code, answer.json()["limits"]) == (200, got)


def test_a_full_day_is_refused_until_the_next_one(alice, api):
    api(alice).put(LIMITS, {"runs_per_day": 0})
    answer = api(alice).post("/api/v1/executions", {"team_id": str(factories.team(alice).id)})
    assert answer.status_code == 429
    assert "runs_per_day is 0" in answer.json()["detail"]
    assert 0 < int(answer["Retry-After"]) <= 24 * 3600


def test_none_goes_above_its_ceiling(alice, api):
    ceilings_set(actor=alice.actor, values=LimitValues(usd_per_day=Decimal(2), concurrent_runs=5))
    answer = api(alice).put(LIMITS, {"usd_per_day": 3, "concurrent_runs": 6})
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == ["usd_per_day", "concurrent_runs"]
    assert api(alice).put(LIMITS, {}).json()["limits"]["concurrent_runs"] == 5


def test_a_new_ceiling_lowers_what_is_above_it(alice, api):
    api(alice).put(LIMITS, {"usd_per_day": 3, "concurrent_runs": 6})
    ceilings_set(actor=alice.actor, values=LimitValues(usd_per_day=Decimal(2), concurrent_runs=5))
    limits = api(alice).get(LIMITS).json()["limits"]
    assert (limits["usd_per_day"], limits["concurrent_runs"]) == ("2.00000000", 5)
    assert limits["tokens_per_day"] is None


def test_an_operator_looks_and_changes_nothing(alice, bob, api):
    key = api(bob, "usage:read")
    assert key.get(LIMITS).status_code == 200
    assert key.put(LIMITS, {}).status_code == 403
    assert "limits:write" not in bob.actor.scopes


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"tokens_per_day": -1}, "tokens_per_day"),
        ({"usd_per_day": "5 dollars"}, "usd_per_day"),
        ({"usd_per_day": "9999999999"}, "usd_per_day"),
        ({"runs_per_day": 1.5}, "runs_per_day"),
        ({"runs_per_week": 1}, "runs_per_week"),
    ],
)
def test_a_bad_limit_is_named(alice, api, body, loc):
    answer = api(alice).put(LIMITS, body)
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]


def test_the_same_again_changes_nothing(alice, api):
    for _time in range(2):
        api(alice).put(LIMITS, {"tokens_per_day": 5000})
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.filter(action="limits.set").count() == 1


def test_runs_that_wait_are_held_to_new_limits(alice, api, fake_model):
    run = execution_start(actor=alice.actor, team_id=factories.team(alice).id).execution
    assert "limited" not in run.resolved_spec
    api(alice).put(LIMITS, {"tokens_per_day": 5000})
    with tenant(alice.tenant.id):
        assert Execution.objects.get(id=run.id).resolved_spec["limited"] is True


def test_another_tenant_has_its_own(alice, charlie, api):
    api(alice).put(LIMITS, {"tokens_per_day": 5000})
    assert api(charlie).get(LIMITS).json()["limits"]["tokens_per_day"] is None
