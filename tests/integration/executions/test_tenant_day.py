"""A tenant's day in SQL: set aside before, settled after, never more than the limit however many ask at once."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from executions import engine
from executions.limits import LimitValues, ceilings_set, limits_set
from executions.models import TenantDay
from teams.tenancy import tenant

pytestmark = pytest.mark.django_db(transaction=True)


def limit(who, **values):
    limits_set(actor=who.actor, values=LimitValues(**values))


def day_of(who):
    with tenant(who.tenant.id):
        return TenantDay.objects.get()


def reserve(who, tokens, usd=Decimal(0)):
    return engine.reserve_day(who.tenant.id, tokens, usd)


def test_without_a_limit_nothing_is_counted(alice):
    assert reserve(alice, 10) is None
    limit(alice, runs_per_day=3)
    assert reserve(alice, 10) is None


def test_what_is_set_aside_counts_until_it_is_settled(alice):
    limit(alice, tokens_per_day=100, usd_per_day=Decimal(1))
    day = reserve(alice, 60, Decimal("0.6"))
    assert day.refused is None
    second = reserve(alice, 60, Decimal("0.1"))
    assert (second.day, second.refused, second.allowed, second.used) == (None, "tokens_per_day", 100, 60)
    assert reserve(alice, 1, Decimal("0.5")).refused == "usd_per_day"
    engine.settle_day(alice.tenant.id, day.day, (60, Decimal("0.6")), (10, Decimal("0.1")))
    assert reserve(alice, 90, Decimal("0.9")).refused is None
    row = day_of(alice)
    assert (row.tokens_used, row.tokens_reserved) == (10, 90)
    assert (row.usd_used, row.usd_reserved) == (Decimal("0.1"), Decimal("0.9"))


def test_the_first_call_of_a_day_is_held_to_it_too(alice):
    limit(alice, tokens_per_day=100)
    with tenant(alice.tenant.id):
        TenantDay.objects.all().delete()
    assert reserve(alice, 101).refused == "tokens_per_day"
    assert reserve(alice, 100).refused is None


def test_a_call_without_a_price_does_not_fit_a_limit_in_money(alice):
    limit(alice, usd_per_day=Decimal(1))
    assert reserve(alice, 1, None).refused == "usd_per_day"
    limit(alice, tokens_per_day=10)
    assert reserve(alice, 1, None).refused is None


def test_the_lower_of_limit_and_ceiling_holds(alice):
    limit(alice, tokens_per_day=100)
    ceilings_set(actor=alice.actor, values=LimitValues(tokens_per_day=50))
    assert reserve(alice, 51).allowed == 50


def test_a_ceiling_alone_holds(alice):
    ceilings_set(actor=alice.actor, values=LimitValues(tokens_per_day=50))
    assert reserve(alice, 51).refused == "tokens_per_day"


def test_calls_at_once_never_pass_the_limit(alice):
    limit(alice, tokens_per_day=30)
    with ThreadPoolExecutor(20) as threads:
        days = list(threads.map(lambda _number: reserve(alice, 10), range(20)))
    assert [day.refused for day in days].count(None) == 3
    assert day_of(alice).tokens_reserved == 30


def test_tenants_do_not_share_a_day(alice, charlie):
    limit(alice, tokens_per_day=10)
    limit(charlie, tokens_per_day=10)
    assert reserve(alice, 10).refused is None
    assert reserve(charlie, 10).refused is None
