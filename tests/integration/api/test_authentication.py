"""Who may come in at all: keys that are missing, malformed, unknown, expired or revoked are one 401."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from teams.access import SESSION_TENANT
from teams.keyring import key_create, key_revoke
from teams.models import ApiKey
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

URL = "/api/v1/teams"


def ask(authorization: str | None = None) -> Any:
    headers = {"Authorization": authorization} if authorization is not None else {}
    return APIClient().get(URL, headers=headers)


def made(alice: Any) -> tuple[ApiKey, str]:
    return key_create(actor=alice.actor, name="CI", scopes=["teams:read"])


def test_a_good_key(alice: Any) -> None:
    assert ask(f"Bearer {made(alice)[1]}").status_code == 200
    assert ask(f"bearer {made(alice)[1]}").status_code == 200


def bad_keys(alice: Any) -> dict[str, str]:
    revoked, revoked_key = made(alice)
    key_revoke(actor=alice.actor, key_id=revoked.id)
    expired, expired_key = made(alice)
    with tenant(alice.tenant.id):
        ApiKey.objects.filter(id=expired.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    _row, good = made(alice)
    return {
        "revoked": revoked_key,
        "expired": expired_key,
        "unknown": f"tb_live_{'a' * 10}_{'b' * 43}",
        "wrong secret": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "malformed": "tb_live_x",
        "too long": good + "x" * 5000,
        "none": "",
        "NUL": "tb_live_\0",
    }


def test_every_bad_key_is_one_answer(alice: Any) -> None:
    answers = [ask(f"Bearer {key}") for key in bad_keys(alice).values()]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0]["WWW-Authenticate"] == "Bearer"
    assert answers[0]["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "Token x", "Bearer"])
def test_anything_else(authorization: str | None, db: None) -> None:
    answer = ask(authorization)
    assert answer.status_code == 401
    assert "Authorization: Bearer" in answer.json()["detail"] or "API key" in answer.json()["detail"]


def test_a_key_of_a_switched_off_tenant(alice: Any) -> None:
    key = made(alice)[1]
    alice.tenant.is_active = False
    alice.tenant.save()
    assert ask(f"Bearer {key}").status_code == 401


def test_the_session_of_a_member(alice: Any) -> None:
    team = factories.team(alice)
    client = APIClient()
    client.force_login(alice.user)
    assert [row["id"] for row in client.get(URL).json()["results"]] == [str(team.id)]


def test_a_session_needs_the_csrf_token_to_write(alice: Any) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice.user)
    answer = client.post(URL, {"config": factories.config()})
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


def test_a_session_of_nobodys_member(db: None) -> None:
    client = APIClient()
    client.force_login(factories.UserFactory.create())
    assert client.get(URL).status_code == 403


def test_a_superuser_works_in_the_tenant_the_admin_shows(acme, globex):
    """The admin and the API must read one choice alike, or a page of one tenant would change another."""
    root = factories.UserFactory.create(username="root", is_superuser=True)
    client = APIClient()
    client.force_login(root, backend="teams.adminbase.PasswordBackend")
    session = client.session
    session[SESSION_TENANT] = str(globex.id)
    session.save()
    assert client.get("/api/v1/me").json()["tenant"]["slug"] == "globex"
