"""What the admin's frame promises every page: one transaction, errors as pages, addresses with a slash."""

import json
import re
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from teams.admin_teams import TeamAdmin
from teams.errors import Conflict
from teams.models import AuditEntry, Team
from teams.tenancy import tenant
from tests import factories

ADD = "/admin/teams/team/add/"


def posted() -> dict[str, str]:
    return {"name": "Lost", "config": json.dumps(factories.config()), "reason": ""}


def fail_with(error: Exception) -> Any:
    def response_add(*args: Any, **kwargs: Any) -> Any:
        raise error

    return response_add


@pytest.mark.parametrize(("error", "status"), [(Conflict("not now"), 409), (OperationalError("gone"), 503)])
def test_a_late_error_is_a_page_and_leaves_nothing_behind(
    error: Exception, status: int, transactional_db: Any, alice: Any, signed_in: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(TeamAdmin, "response_add", fail_with(error))
    answer = signed_in(alice).submit(ADD, posted())
    assert answer.status_code == status
    assert "Nothing was changed" in answer.content.decode()
    with tenant(alice.tenant.id):
        assert not Team.objects.exists()
        assert not AuditEntry.objects.exists()


def test_what_nobody_expected_is_a_500_and_leaves_nothing_behind(
    transactional_db: Any, alice: Any, signed_in: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(TeamAdmin, "response_add", fail_with(ZeroDivisionError()))
    browser = signed_in(alice)
    browser.raise_request_exception = False
    answer = browser.submit(ADD, posted())
    assert answer.status_code == 500
    assert 'href="/admin/">Go to the overview' in answer.content.decode()
    with tenant(alice.tenant.id):
        assert not Team.objects.exists()


def test_a_team_is_stored_in_one_real_transaction(transactional_db: Any, alice: Any, signed_in: Any) -> None:
    assert signed_in(alice).submit(ADD, posted()).status_code == 302
    with tenant(alice.tenant.id):
        assert Team.objects.get().version == 1


def test_a_missing_slash_is_added(alice: Any, signed_in: Any) -> None:
    answer = signed_in(alice).get("/admin/teams/team?state=all")
    assert (answer.status_code, answer.url) == (302, "/admin/teams/team/?state=all")


def test_pages_carry_the_strict_policy_and_no_inline_script(alice: Any, signed_in: Any) -> None:
    answer = signed_in(alice).get("/admin/teams/team/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval';" in policy  # what the theme needs, and nothing inline
    assert "default-src 'none'" in policy
    scripts = re.findall(r"<script\b[^>]*>", answer.content.decode())
    assert scripts
    assert all(" src=" in script for script in scripts)
    assert not re.search(r"\son[a-z]+=", answer.content.decode())


def test_who_signs_in_without_a_page_in_mind_comes_to_the_overview(alice: Any) -> None:
    given = {"username": alice.user.username, "password": factories.PASSWORD}
    answer = Client().post("/admin/login/", given)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_a_page_from_before_signing_in_again_says_what_to_do(db: Any) -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "alice"})
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Nothing was changed" in page
    assert "DEBUG" not in page
    assert "<style" not in page
