"""`create_api_key`: the key is all of standard output, so that `KEY=$(manage.py create_api_key …)` works."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from teams.access import ALL_SCOPES
from teams.keys import authenticate
from teams.models import ApiKey, Tenant
from teams.tenancy import tenant

pytestmark = pytest.mark.django_db


def run(*words: Any) -> tuple[str, str]:
    out, hints = StringIO(), StringIO()
    call_command("create_api_key", *words, stdout=out, stderr=hints)
    return out.getvalue(), hints.getvalue()


def test_the_key_works_and_is_printed_alone(acme: Tenant) -> None:
    out, hints = run("--tenant", "acme", "--scopes", "teams:read, executions:run", "--name", "CI")

    key = out.removesuffix("\n")
    found = authenticate(key)
    assert (found.tenant_slug, sorted(found.scopes)) == ("acme", ["executions:run", "teams:read"])
    assert found.prefix in hints
    assert key not in hints
    with tenant(acme.id):
        assert ApiKey.objects.get().created_by == "system:create_api_key"


def test_all_means_every_scope(acme: Tenant) -> None:
    assert set(authenticate(run("--tenant", "acme", "--scopes", "all")[0].strip()).scopes) == ALL_SCOPES


def test_a_key_can_end(acme: Tenant) -> None:
    run("--tenant", "acme", "--scopes", "all", "--expires", "7")

    with tenant(acme.id):
        ends = ApiKey.objects.get().expires_at
    assert ends is not None
    assert timedelta(days=6.9) < ends - timezone.now() <= timedelta(days=7)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tenant", "acme", "--scopes", "teams:raed"), "unknown scope teams:raed"),
        (("--tenant", "acme", "--scopes", ""), "at least one"),
        (("--tenant", "none", "--scopes", "all"), "create_tenant none"),
        (("--tenant", "acme", "--scopes", "all", "--expires", "0"), "1 to 3650"),
        (("--tenant", "acme", "--scopes", "all", "--name", " "), "name"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_printed(acme: Tenant, words: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(*words)
    with tenant(acme.id):
        assert not ApiKey.objects.exists()
