"""/api/v1/api-keys."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from teams.keyring import key_create
from teams.models import ApiKey, AuditEntry
from teams.tenancy import tenant

pytestmark = pytest.mark.django_db

URL = "/api/v1/api-keys"


def works(key: str) -> bool:
    return APIClient().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_made_and_shown_once(api: Any, alice: Any) -> None:
    answer = api(alice).post(URL, {"name": "CI", "scopes": ["teams:read"]})

    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    key = answer.json()["key"]
    assert works(key)
    with tenant(alice.tenant.id):
        row = ApiKey.objects.get(id=answer.json()["id"])
        entry = AuditEntry.objects.get(object_id=str(row.id))
    assert (row.name, row.scopes) == ("CI", ["teams:read"])
    secret = key.rpartition("_")[2]
    assert secret not in str(entry.after)
    assert secret not in api(alice).get(URL).content.decode()


def test_all_scopes_are_those_of_the_maker(api: Any, alice: Any) -> None:
    body = api(alice, "keys:write", "teams:read").post(URL, {"name": "CI", "scopes": ["all"]}).json()
    assert body["scopes"] == ["keys:write", "teams:read"]


def test_nobody_gives_what_they_lack(api: Any, alice: Any) -> None:
    answer = api(alice, "keys:write").post(URL, {"name": "CI", "scopes": ["teams:write"]})
    assert answer.status_code == 403
    with tenant(alice.tenant.id):
        assert not ApiKey.objects.filter(name="CI").exists()


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["teams:fly"]}, "scopes"),
        ({"scopes": "all"}, "scopes"),
        ({"scopes": [5]}, "scopes.0"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"expires": None}, "expires"),
    ],
)
def test_refused(api: Any, alice: Any, changes: Any, loc: str) -> None:
    answer = api(alice).post(URL, {"name": "CI", "scopes": ["teams:read"], **changes})
    assert answer.status_code == 400
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]
    with tenant(alice.tenant.id):
        assert ApiKey.objects.count() == 1


def test_an_expiry(api: Any, alice: Any) -> None:
    ends = (timezone.now() + timedelta(days=1)).isoformat()
    answer = api(alice).post(URL, {"name": "CI", "scopes": ["teams:read"], "expires_at": ends})
    assert answer.status_code == 201
    with tenant(alice.tenant.id):
        assert ApiKey.objects.get(id=answer.json()["id"]).expires_at.isoformat() == ends


def test_rotated(api: Any, alice: Any) -> None:
    row, old = key_create(actor=alice.actor, name="CI", scopes=["teams:read"])
    answer = api(alice).post(f"{URL}/{row.id}/rotate")
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    assert (answer.json()["name"], answer.json()["scopes"]) == ("CI", ["teams:read"])
    assert works(answer.json()["key"])
    assert works(old)
    with tenant(alice.tenant.id):
        ends = ApiKey.objects.get(id=row.id).expires_at
    assert timedelta(hours=23) < ends - timezone.now() < timedelta(hours=25)


def test_rotated_at_once(api: Any, alice: Any) -> None:
    row, old = key_create(actor=alice.actor, name="CI", scopes=["teams:read"])
    assert api(alice).post(f"{URL}/{row.id}/rotate", {"grace_hours": 0.0}).status_code == 201
    assert not works(old)


def test_revoked(api: Any, alice: Any) -> None:
    row, key = key_create(actor=alice.actor, name="CI", scopes=["teams:read"])
    answer = api(alice).post(f"{URL}/{row.id}/revoke", {"reason": "found in a log"})
    assert answer.status_code == 200
    assert answer.json()["state"] == "revoked"
    assert not works(key)
    with tenant(alice.tenant.id):
        assert AuditEntry.objects.get(action="key.revoke").reason == "found in a log"


def test_a_revoked_key_has_no_successor(api: Any, alice: Any) -> None:
    row, _key = key_create(actor=alice.actor, name="CI", scopes=["teams:read"])
    api(alice).post(f"{URL}/{row.id}/revoke")
    assert api(alice).post(f"{URL}/{row.id}/rotate").status_code == 409


def test_charlie_sees_only_his_own(api: Any, alice: Any, charlie: Any) -> None:
    key_create(actor=alice.actor, name="CI", scopes=["teams:read"])
    assert [row["name"] for row in api(charlie).get(URL).json()["results"]] == ["test"]
